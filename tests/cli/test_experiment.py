"""`slipway experiment ...`, from the file of an experiment to the verdict in the tag of its stop."""

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from experiments import cases
from serving import house
from slipway.experiments import bandit, definition
from slipway.traffic.records import Prediction

CREATE = "create night-games --model ball --arm control=production --arm night=v1.1.0 --goal satisfaction"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two versions of `ball`, the first in production."""
    root = tmp_path_factory.mktemp("experiment") / "repository"
    house.two_versions(root)
    return root


def slipway(root: Path, command: str, code: int = 0) -> str:
    """Run `slipway experiment COMMAND`, and return what it prints, or its error."""
    done = subprocess.run(
        [sys.executable, "-m", "slipway", "experiment", *command.split()], cwd=root, capture_output=True, text=True
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stderr if code and not done.stdout else done.stdout


def read(root: Path, command: str, code: int = 0) -> Any:
    return json.loads(slipway(root, f"{command} --json", code))


def test_from_the_file_to_the_verdict_in_the_tag(root: Path) -> None:
    slipway(root, f"{CREATE} --effect 0.1 --deviation 0.46")
    path = root / "experiments" / "night-games.yaml"
    path.write_text(path.read_text().replace("better: higher}", "better: higher, of_unit: any, window_hours: 1}"))
    made = definition.read(path)
    assert made.definition.arms == {"control": "v1.0.0", "night": "v1.1.0"}
    assert 300 < made.definition.minimum_sample < 400
    assert read(root, "list")[0]["state"] == "not started"
    assert "git add experiments/night-games.yaml" in slipway(root, "start night-games", 5)
    house.git(root, "add", "--all")
    house.git(root, "commit", "-q", "-m", "Experiment")
    assert read(root, "start night-games")["tag"] == "experiments/night-games/start-1"
    assert "no such folder" in slipway(root, "analyze night-games", 3)

    records = list(cases.traffic(900, {"control": 0.3, "night": 0.5}, made.assignment.arm))
    shift = datetime.now(UTC) - timedelta(hours=2) - cases.BEGAN
    cases.write(root / "logs" / "traffic", *(replace(one, time=one.time + shift) for one in records))
    waiting = read(root, "status night-games")
    assert sum(waiting["units"].values()) == 900
    assert waiting["state"] == "running"
    found = read(root, "analyze night-games", 2)  # the guardrail has a window of a day
    outcomes = {one["subject"]: one["outcome"] for one in found["findings"]}
    assert (outcomes["satisfaction"], outcomes["errors"], found["verdict"]) == ("pass", "hold", "hold")
    (goal,) = [one for one in found["estimates"] if one["role"] == "goal"]
    assert goal["low"] > 0
    assert goal["units"]["control"] >= made.definition.minimum_sample
    assert "satisfaction (goal)" in slipway(root, "analyze night-games", 2)
    tried = read(root, "simulate night-games --runs 200")
    assert [one["metric"] for one in tried] == ["satisfaction"] * 3
    assert tried[0]["found"] < 0.12 < tried[2]["found"]

    slipway(root, "stop night-games --reason enough")
    again = read(root, "replay night-games")
    assert again["same"]
    assert again["stated"] == again["verdict"] == "hold"
    assert again["estimates"] == found["estimates"]
    assert read(root, "list")[0]["state"] == "stopped"
    assert "a new experiment needs a new id" in slipway(root, "start night-games", 5)


@pytest.mark.parametrize(
    ("command", "code", "told"),
    [
        (f"{CREATE.replace('night-games', 'Night')} --sample 100", 2, "lower-case"),
        (CREATE.replace("night-games", "other"), 2, "how many units?"),
        (f"{CREATE.replace('night-games', 'other')} --effect 0 --deviation 1", 2, "effect of 0"),
        (f"{CREATE.replace('night-games', 'other').replace('v1.1.0', 'v9.0.0')} --sample 100", 5, "no such version"),
        (f"{CREATE.replace('night-games', 'other').replace('production', 'canary')} --sample 100", 5, "holds canary"),
        (f"{CREATE.replace('night-games', 'other').replace('night=', '=')} --sample 100", 2, "write NAME=VERSION"),
        (
            f"{CREATE.replace('night-games', 'other').replace('ball', 'nobody')} --sample 100",
            5,
            "nobody has no versions",
        ),
        ("analyze nobody", 3, "was not started"),
        ("stop nobody --reason x", 5, "was not started"),
        ("replay nobody", 5, "was not started"),
        ("start nobody", 2, "slipway experiment create nobody"),
    ],
)
def test_mistakes_are_told_and_nothing_is_written(root: Path, command: str, code: int, told: str) -> None:
    before = sorted(root.glob("experiments/*")), house.git(root, "tag", "--list")
    assert told in slipway(root, command, code)
    assert (sorted(root.glob("experiments/*")), house.git(root, "tag", "--list")) == before


def test_a_bandit_from_its_file_to_its_shares_and_its_tag(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slipway(root, f"{CREATE.replace('night-games', 'rain-games')} --sample 100 --bandit")
    path = root / "experiments" / "rain-games.yaml"
    path.write_text(path.read_text().replace("better: higher}", "better: higher, of_unit: any, window_hours: 0.5}"))
    made = definition.read(path)
    assert made.definition.bandit == definition.Bandit(reward_metric="satisfaction")
    house.git(root, "add", "--all")
    house.git(root, "commit", "-q", "-m", "Experiment")
    began = datetime.now(UTC) - timedelta(hours=2)
    with monkeypatch.context() as earlier:
        earlier.setenv("GIT_COMMITTER_DATE", began.isoformat())
        house.git(root, "tag", "-a", "experiments/rain-games/start-1", "-m", "start")
    split = bandit.split(made, made.shares)
    records = list(cases.traffic(300, {"control": 0.3, "night": 0.6}, split.of))
    shift = began - cases.BEGAN + timedelta(minutes=1)
    named = [replace(one, time=one.time + shift) for one in records]
    cases.write(
        root / "logs" / "traffic",
        *(replace(one, experiment="rain-games") if isinstance(one, Prediction) else one for one in named),
    )
    assert "period 1 begins at" in slipway(root, "weights rain-games --update")
    shown = slipway(root, "weights rain-games")
    assert shown.splitlines()[-1].split()[-2:] == ["the", "same"]
    now = read(root, "status rain-games")["bandit"]
    assert now["period"] in (0, 1)  # it begins after two seconds
    log = root / "logs" / "traffic" / "weights" / "rain-games.jsonl"
    seed = json.loads(log.read_text())["seed"]
    log.write_text(log.read_text().replace(f'"seed":{seed}', '"seed":1'))
    assert "differs" in slipway(root, "weights rain-games", 1)
    stopped = read(root, "stop rain-games --reason enough")
    assert '"periods":[{"shares":[0.5,0.5],"units":[' in stopped["why"]
    assert read(root, "replay rain-games")["same"]
