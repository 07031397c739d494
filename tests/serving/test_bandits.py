"""A bandit on a server: its shares follow the rewards, and a unit stays in its arm whatever happens to the server."""

import json
import os
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
import pytest

from serving import house
from serving.process import Server, serving, until, workers
from serving.test_experiments import answer, define, second_version
from slipway.experiments.definition import Experiment
from slipway.traffic import reading

BANDIT = {"reward_metric": "confidence", "exploration_rate": 0.3, "update_frequency": "1s"}
QUICK = {"confidence": {"role": "goal", "better": "higher", "window_hours": 0}}
"""The steeper curve is more confident, and each request says so at once."""
UNITS = [f"user-{number}" for number in range(40)]
LATER = [f"late-{number}" for number in range(40)]


@pytest.fixture
def made(root: Path) -> Experiment:
    """A bandit that is updated each second."""
    second_version(root)
    return define(root, bandit=BANDIT, metrics=QUICK, maximum_days=0.01)


def versions(server: Server, units: list[str]) -> dict[str, str]:
    return {unit: answer(server, unit)["model_version"] for unit in units}


def takes(server: Server) -> bool:
    """Whether all of some requests of one unit, which go to several workers, took part."""
    told = [answer(server, "user-0", "ball?experiment_id=curve")["experiment_info"]["variant"] for _ in range(8)]
    return None not in told


def shares(folder: Path) -> list[dict[str, Any]]:
    try:
        lines = (folder / "traffic" / "weights" / "curve.jsonl").read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in lines if line]


def updating(server: Server) -> list[psutil.Process]:
    found = []
    for one in psutil.Process(server.process.pid).children(recursive=True):
        try:
            if "--update" in one.cmdline():
                found.append(one)
        except psutil.NoSuchProcess:
            continue
    return found


def test_units_keep_their_arms_over_updates_kills_and_a_restart(made: Experiment, root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "server"
    with serving(root, folder, "ball", "--workers", "2") as server:
        until(lambda: takes(server), "both workers know it")
        first = versions(server, UNITS)
        assert set(first.values()) == {"v1.0.0", "v2.0.0"}
        until(lambda: updating(server), "an update")
        before = workers(server.process.pid)
        for one in (*before, *(process.pid for process in updating(server))):
            os.kill(one, signal.SIGKILL)
        until(lambda: len(workers(server.process.pid) - before) == 2, "new workers")
        until(lambda: shares(folder), "an update after the kill")
        until(lambda: server.get("/readyz").status_code == 200, "they answer")

        def period() -> int:
            found: int = server.get("/api/v1/experiments/curve").json()["bandit"]["period"]
            return found

        until(lambda: period() >= 1, "the period begins")
        until(lambda: not server.get("/readyz").json()["problems"], "all is well")
        assert versions(server, UNITS) == first
        later = versions(server, LATER)
        assert list(later.values()).count("v2.0.0") > 25
        assert versions(server, LATER) == later
        assert server.stop() == 0
    with serving(root, folder, "ball", "--workers", "2") as server:
        assert {**versions(server, UNITS), **versions(server, LATER)} == {**first, **later}
        assert not server.get("/readyz").json()["problems"]

    exposed = reading.exposures(folder / "traffic", "curve")
    assert exposed.groupby("unit")["arm"].nunique().max() == 1
    assert len(exposed.groupby("unit")) == 80
    begun = shares(folder)
    assert [one["period"] for one in begun] == list(range(1, len(begun) + 1))
    known = [("1970-01-01T00:00:00Z", made.shares), *((one["start"], one["shares"]) for one in begun)]
    for _, one in exposed.sort_values("time").groupby("unit").first().iterrows():
        at = {start for start, of in known if of[one["arm"]] == one["share"]}
        assert any(datetime.fromisoformat(start) <= one["time"] for start in at)  # they were written before
    logs = f"--logs={folder / 'traffic'}"
    listed = subprocess.run(
        [sys.executable, "-m", "slipway", "experiment", "weights", "curve", "--json", logs],
        cwd=root,
        capture_output=True,
        text=True,
    )
    assert listed.returncode == 0, listed.stderr
    assert [one["same"] for one in json.loads(listed.stdout)["periods"]] == [True] * len(begun)


def test_without_the_state_store_a_bandit_takes_no_units(made: Experiment, root: Path, tmp_path: Path) -> None:
    away = "postgresql://me:hunter2@127.0.0.1:9/nothing"
    with serving(root, tmp_path / "server", "ball", "--state", away) as server:
        until(lambda: "curve takes no units" in str(server.get("/readyz").json()["problems"]), "it says so")
        assert set(versions(server, UNITS).values()) == {"v1.0.0"}
        assert "hunter2" not in server.get("/readyz").text
    assert not len(reading.exposures(tmp_path / "server" / "traffic", made.id))


def test_of_two_servers_with_one_store_and_their_own_logs_one_runs_it(
    made: Experiment, root: Path, tmp_path: Path
) -> None:
    store = ("--state", f"sqlite:///{tmp_path / 'state.db'}")
    with serving(root, tmp_path / "one", "ball", *store) as one:
        until(lambda: set(versions(one, UNITS).values()) == {"v1.0.0", "v2.0.0"}, "it runs")
        with serving(root, tmp_path / "other", "ball", *store) as other:
            told = "a server with other logs runs it"
            until(lambda: told in str(other.get("/readyz").json()["problems"]), "the other one says why it does not")
            assert set(versions(other, UNITS).values()) == {"v1.0.0"}
        assert not one.get("/readyz").json()["problems"]


def test_weights_that_cannot_be_right_are_a_problem_and_no_traceback(
    made: Experiment, root: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "server"
    (folder / "traffic" / "weights").mkdir(parents=True)
    (folder / "traffic" / "weights" / f"{made.id}.jsonl").write_text('{"period": 7}\n')
    with serving(root, folder, "ball") as server:
        until(lambda: "not the next period of curve" in str(server.get("/readyz").json()["problems"]), "it says so")
        assert set(versions(server, UNITS).values()) == {"v1.0.0"}
    assert "Traceback" not in server.log.read_text()


def test_each_request_can_be_a_unit_of_a_bandit(root: Path, tmp_path: Path) -> None:
    second_version(root)
    define(root, unit="request", bandit=BANDIT, metrics=QUICK, maximum_days=0.01)
    with serving(root, tmp_path / "server", "ball") as server:
        until(lambda: len({answer(server, None)["model_version"] for _ in range(20)}) == 2, "it runs")
    found = reading.exposures(tmp_path / "server" / "traffic", "curve")
    assert set(found["share"]) == {0.5}


def test_a_command_for_weights_needs_a_bandit(root: Path) -> None:
    second_version(root)
    define(root)
    (root / "logs" / "traffic").mkdir(parents=True)
    command = [sys.executable, "-m", "slipway", "experiment", "weights", "curve", "--update"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (2, "error: curve is no bandit: its shares are fixed\n")
    assert not house.git(root, "status", "--short", "--untracked-files=no")
