"""How long does it take until a bad version answers nobody any more?

    python benchmarks/taking_back.py [--runs 10]

A server with two workers rolls a version out. Failures of it are appended to its log at once: the time until the share
is 0 in every worker, and until the tag is written and pushed. Then the version gets production, and is rolled back by
`slipway rollback --push`: the time from the command until the old version answers everywhere. Prints one JSON object.
"""

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import requests

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from rollouts import house
from serving.process import Server, serving
from slipway.traffic.log import Log
from slipway.traffic.records import PREDICTIONS, Prediction

POLL = 1.0
"""Seconds between two looks of the server at the remote."""
ANSWERS = 12
"""New connections in a row that must give the wanted answer, so that both workers have been asked."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=10)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        root = _repository(Path(folder))
        with serving(root, Path(folder, "server"), "--workers", "2", "--poll", f"{POLL:g}") as server:
            found = [_run(server, root, Path(folder)) for _ in range(runs)]
    figures = {
        name: {"median": round(statistics.median(times), 2), "worst": round(max(times), 2)}
        for name, times in zip(
            ("share is 0", "tag is pushed", "old version answers"), zip(*found, strict=True), strict=True
        )
    }
    print(json.dumps({"runs": runs, "workers": 2, "poll": POLL, "seconds": figures}, indent=2))


def _repository(folder: Path) -> Path:
    root = folder / "repository"
    house.built(root, False)
    house.git(root, "config", "user.email", "tester@example.org")
    (root / "rollouts").mkdir()
    (root / "rollouts" / "ball.yaml").write_text("steps: [50, 100]\n")
    house.git(root, "add", "--all")
    house.git(root, "commit", "-q", "-m", "plan")
    house.git(folder, "init", "-q", "--bare", "remote.git")
    house.git(root, "remote", "add", "origin", str(folder / "remote.git"))
    for what in ("--all", "--tags"):
        house.git(root, "push", "-q", "origin", what)
    return root


def _run(server: Server, root: Path, folder: Path) -> tuple[float, float, float]:
    _slipway(root, "rollout", "start", "ball@v2.0.0", "--force", "--reason", "a benchmark", "--push")
    _until(lambda: all(_share(server) == 50 for _ in range(ANSWERS)))
    number = next(one["tag"].rpartition("#")[2] for one in server.get("/api/v1/rollouts").json())
    time.sleep(2)  # the controller has found the rollout
    began = time.monotonic()
    _fail(folder / "server" / "traffic", f"rollouts/ball/{number}")
    share = _seconds(began, lambda: all(_share(server) == 0 for _ in range(ANSWERS)))
    remote = folder / "remote.git"
    tag = _seconds(began, lambda: house.git(remote, "tag", "--list", f"ball#canary!#{int(number) + 1}") != "")
    _slipway(root, "promote", "ball@v2.0.0", "--to", "production", "--push")
    _until(lambda: all(_version(server) == "v2.0.0" for _ in range(ANSWERS)))
    began = time.monotonic()
    _slipway(root, "rollback", "ball", "--push")
    return share, tag, _seconds(began, lambda: all(_version(server) == "v1.0.0" for _ in range(ANSWERS)))


def _fail(logs: Path, subject: str) -> None:
    """Append failures of the new version and answers of the old one, as a third worker would."""
    log = Log(logs, PREDICTIONS, 9)
    for number in range(60):
        arm = ("canary", "production")[number % 2]
        log.write(
            Prediction(
                time=datetime.now(UTC),
                request_id=f"{subject}-{number}",
                model="ball",
                model_version="v2.0.0",
                unit=None,
                status=500 if arm == "canary" else 200,
                problem=None,
                examples=1,
                seconds=0.01,
                inference_time=0.01,
                predictions=None,
                experiment=subject,
                arm=arm,
                share=0.5,
            )
        )
    log.close()


def _share(server: Server) -> float:
    return float(str(_get(server, "/api/v1/models/ball/versions/assigned?unit=user-1")["share"]))


def _version(server: Server) -> str:
    return str(_get(server, "/api/v1/models/ball/versions/assigned?unit=user-1")["version"])


def _get(server: Server, path: str) -> dict[str, object]:
    with requests.Session() as session:  # a connection of its own, which any worker may take
        found: dict[str, object] = session.get(f"{server.address}{path}", timeout=60).json()
    return found


def _until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not true():
        if time.monotonic() > end:
            sys.exit("the server does not follow")
        time.sleep(0.02)


def _seconds(began: float, true: Callable[[], bool]) -> float:
    _until(true)
    return time.monotonic() - began


def _slipway(root: Path, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "slipway", *arguments], cwd=root, check=True, capture_output=True)


if __name__ == "__main__":
    main()
