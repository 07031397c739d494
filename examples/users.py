"""Users of `handball-context`, for docs/first-rollout.md: each asks about a foul, and reports if the answer was right.

    python examples/users.py --users 1200        # in an experiment
    python examples/users.py --until-decided     # in a rollout, until it has ended

The fouls are those of the test split, from which no version has learnt. Half of them are hand balls, since people ask
about those that are in doubt.
"""

import argparse
import itertools
import json
import random
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import requests

MODEL = "handball-context"
POSITIVE = "Hand foul"
BATCH = 50
"""Users between two reports."""
PATIENCE = 20_000
"""Users at one share, after which the rollout does not go on."""
Foul = dict[str, Any]


def fouls() -> tuple[list[Foul], list[Foul]]:
    """Return the hand balls and the other fouls of the test split, as rows of the table without the label."""
    table = pd.read_csv(Path("data/raw", MODEL, "fouls.csv.gz"), dtype={"event_id": str})
    tested = pd.read_parquet(Path("reports", MODEL, "shipped.parquet"))["example"].astype(str)
    table = table[table["event_id"].isin(tested)]
    positive = table["label"] == POSITIVE
    rows = table.drop(columns="label")
    return json.loads(rows[positive].to_json(orient="records")), json.loads(rows[~positive].to_json(orient="records"))


class Server:
    """The server, as its users see it."""

    def __init__(self, address: str) -> None:
        self._session, self._address = requests.Session(), f"{address}/api/v1"

    def _get(self, path: str) -> Any:
        answer = self._session.get(f"{self._address}/{path}", timeout=60)
        answer.raise_for_status()
        return answer.json()

    def _post(self, path: str, unit: str = "", content: Any = None) -> requests.Response:
        headers = {"X-Unit": unit} if unit else {}
        return self._session.post(f"{self._address}/{path}", json=content, headers=headers, timeout=60)

    def refresh(self) -> None:
        """Let it look at the tags now, and not at its next poll."""
        self._post("refresh").raise_for_status()

    def ask(self, user: str, foul: Foul) -> dict[str, Any]:
        """Return the answer to a user."""
        answer = self._post(f"predict/{MODEL}", user, [foul])
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def report(self, outcomes: list[dict[str, Any]]) -> bool:
        """Say what was right, and return whether all the requests took part in an experiment or a rollout."""
        for pause in (0, 1, 3):
            time.sleep(pause)
            answer = self._post("outcomes", content=outcomes)
            if answer.status_code != requests.codes.not_found:
                answer.raise_for_status()
                return True
        return False

    def assigned(self) -> tuple[str, float]:
        """Return the version of a user, and the share of a rollout's new version in percent: 0 if there is none."""
        found = self._get(f"models/{MODEL}/versions/assigned?unit=somebody")
        return found["version"], found["share"]

    def goes_on(self) -> bool:
        """Return whether a rollout goes on, as Git says."""
        return any(one["variant"] == MODEL and one["share"] < 100 for one in self._get("rollouts"))


def main() -> None:
    """Be the users."""
    parser = argparse.ArgumentParser(description="Users of handball-context, for docs/first-rollout.md.")
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--users", type=int, help="how many there are")
    length.add_argument("--until-decided", action="store_true", help="until the rollout has ended")
    parser.add_argument("--server", default="http://127.0.0.1:8000")
    options = parser.parse_args()
    server, examples = Server(options.server), fouls()
    server.refresh()
    asked, right, outcomes, shown, since = Counter[str](), Counter[str](), [], 0.0, 0
    for number in range(options.users) if options.users else itertools.count():
        if options.until_decided and number % BATCH == 0:
            share = server.assigned()[1]
            if share == 0:
                break
            if share != shown:
                print(f"after {number:,} users {share:g} % get the new version", flush=True)
                shown, since = share, number
            if number - since >= PATIENCE:
                sys.exit(f"still at {share:g} % after {PATIENCE:,} users: slipway rollout status {MODEL}, and /readyz")
        draw = random.Random(number)
        is_hand_ball = draw.random() < 0.5
        answer = server.ask(f"user-{number}", draw.choice(examples[0 if is_hand_ball else 1]))
        correct = answer["predictions"][0]["decision"] == is_hand_ball
        asked[answer["model_version"]] += 1
        right[answer["model_version"]] += correct
        outcomes.append({"request_id": answer["request_id"], "metric": "correct", "value": correct})
        if len(outcomes) == BATCH or number + 1 == options.users:
            if not server.report(outcomes) and options.users:
                sys.exit("the server knows none of an experiment with these users: has it been started?")
            outcomes = []
    for version in sorted(asked):
        print(f"{version} was right for {right[version] / asked[version]:.0%} of {asked[version]:,} users")
    if options.until_decided:
        for _ in range(60):
            if not server.goes_on():
                break
            time.sleep(1)
        else:
            sys.exit(f"no tag says how the rollout ended: slipway rollout status {MODEL}, and /readyz")
        print(f"the rollout has ended: {server.assigned()[0]} answers")


if __name__ == "__main__":
    main()
