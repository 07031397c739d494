"""A server stops an experiment that does harm by itself, and another worker goes on where one is killed."""

import os
import re
import signal
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import select

from experiments import cases
from serving import house
from serving.process import Server, serving, until
from serving.test_experiments import answer, define, second_version
from slipway.experiments import ending, history
from slipway.state.schema import LEASES
from slipway.state.store import Store, default

GUARD = {"role": "guardrail", "better": "lower", "margin": 0.01, "window_hours": 0}
METRICS = {"satisfaction": {"role": "goal", "better": "higher"}, "errors": GUARD}


def holder(store: Store) -> int:
    """The process that has the lease; 0 if none."""
    with store.transaction() as connection:
        found = connection.execute(select(LEASES.c.holder).where(LEASES.c.name == "experiments")).scalar()
    return int(found.split(":")[1]) if found else 0


def gauge(server: Server, name: str) -> str:
    found = re.search(rf'^{name}{{experiment="curve"}} (\S+)$', server.get("/metrics").text, re.MULTILINE)
    return found[1] if found else ""


def harm(folder: Path, root: Path) -> None:
    """Write what a server would have written: half of the requests to the steep curve fail."""
    assignment = cases.parse((root / "experiments" / "curve.yaml").read_bytes(), "curve", "curve.yaml").assignment
    for number in range(600):
        arm = assignment.arm(f"u{number}")
        assert arm is not None
        status = 500 if arm == "steep" and number % 2 else 200
        cases.write(folder, cases.exposure(f"u{number}", arm, number, name="curve", status=status))


def test_an_experiment_that_does_harm_is_stopped_by_whichever_worker_is_left(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    second_version(root)
    define(root, metrics=METRICS, minimum_sample=10_000)
    house.git(root, "clone", "-q", "--bare", ".", str(tmp_path / "remote.git"))
    house.git(root, "remote", "add", "origin", str(tmp_path / "remote.git"))
    logs = tmp_path / "server" / "traffic"
    with serving(root, tmp_path / "server", "ball", "--workers", "2") as server:
        versions = Counter(answer(server, f"user-{number}")["model_version"] for number in range(40))
        assert set(versions) == {"v1.0.0", "v2.0.0"}
        store = Store(default(logs))
        until(lambda: gauge(server, "slipway_experiment_verdict") == "0.0", "a look")
        first = holder(store)
        assert first
        os.kill(first, signal.SIGKILL)
        harm(logs, root)
        until(lambda: holder(store) not in (0, first), "another worker has the lease")
        stop = "experiments/curve/stop"
        until(lambda: house.git(tmp_path / "remote.git", "tag", "--list", stop), "the tag is at the remote")
        units = [f"user-{number}" for number in range(40)]
        until(lambda: {answer(server, unit)["model_version"] for unit in units} == {"v1.0.0"}, "production answers")
        until(lambda: gauge(server, "slipway_experiment_verdict") == "-1.0", "the verdict is told")
        assert float(gauge(server, "slipway_experiment_sample_ratio_e")) < 1000
        store.close()
    monkeypatch.chdir(root)
    run = history.known("curve")
    stated, _, again = ending.replay(run, history.defined(run)[0])
    assert stated == again.verdict.outcome == "fail"
    assert "errors: harm beyond the margin is shown" in house.git(root, "tag", "--list", "--format=%(contents)", stop)
