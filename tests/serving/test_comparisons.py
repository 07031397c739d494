"""Experiments by REST: the same as `slipway experiment`."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from experiments import cases
from serving import house
from serving.process import Server, serving
from serving.test_experiments import define, second_version
from slipway.experiments import definition


@pytest.fixture
def server(root: Path, tmp_path: Path) -> Iterator[Server]:
    second_version(root)
    define(root, unit="request", metrics={"errors": {"role": "goal", "better": "lower", "window_hours": 0}})
    house.git(root, "tag", "-d", "experiments/curve/start-1")
    with serving(root, tmp_path / "server", "ball") as running:
        yield running


def test_an_experiment_from_start_to_stop(server: Server, root: Path, tmp_path: Path) -> None:
    (listed,) = server.get("/api/v1/experiments").json()
    assert (listed["id"], listed["state"], listed["model"]) == ("curve", "not started", "ball")
    assert server.get("/api/v1/experiments/curve").status_code == 404
    started = server.post("/api/v1/experiments/curve/start", json={"reason": "the new sponsor"})
    assert (started.status_code, started.json()["tag"]) == (200, "experiments/curve/start-1")
    versions = {server.predict("ball", json=house.ROWS[:1])["model_version"] for _ in range(30)}
    assert versions == {"v1.0.0", "v2.0.0"}  # it runs at once, without a poll

    made = definition.read(root / "experiments" / "curve.yaml")
    records = [
        cases.exposure(None, made.assignment.arm(f"r{n}") or "", n, name="curve", request_id=f"r{n}")
        for n in range(300)
    ]
    shift = datetime.now(UTC) - timedelta(hours=1) - cases.BEGAN
    cases.write(tmp_path / "server" / "traffic", *(replace(one, time=one.time + shift) for one in records))
    found = server.get("/api/v1/experiments/curve").json()
    assert (found["verdict"], sum(found["units"].values())) == ("hold", 330)
    assert {one["subject"] for one in found["findings"]} >= {"split", "sample", "errors"}

    waiting = server.get("/api/v1/experiments/curve/status").json()
    assert (waiting["state"], waiting["verdict"], waiting["late"]) == ("running", "hold", 0)
    assert "sample" not in {one["subject"] for one in waiting["waits_for"]}
    tried = server.get("/api/v1/experiments/curve/simulate?runs=100&seed=3")
    assert (tried.status_code, tried.json()[0]["metric"]) == (200, "errors")

    stopped = server.post("/api/v1/experiments/curve/stop", json={"reason": "enough"})
    assert (stopped.status_code, stopped.json()["tag"]) == (200, "experiments/curve/stop")
    assert "Evidence: {" in house.git(root, "tag", "-l", "-n30", "experiments/curve/stop")
    assert {server.predict("ball", json=house.ROWS[:1])["model_version"] for _ in range(30)} == {"v1.0.0"}
    again = server.post("/api/v1/experiments/curve/stop", json={"reason": "enough"})
    assert (again.status_code, "was stopped on" in again.json()["detail"]) == (409, True)


def test_mistakes(server: Server, root: Path) -> None:
    assert server.get("/api/v1/experiments/nobody").status_code == 404
    assert server.get("/api/v1/experiments/nobody/status").status_code == 404
    assert server.get("/api/v1/experiments/nobody/simulate").status_code == 404
    assert server.get("/api/v1/experiments/curve/simulate?runs=1000000").status_code == 422
    assert server.get("/api/v1/experiments/No.body").status_code == 422
    assert server.post("/api/v1/experiments/nobody/start", json={"reason": "x"}).status_code == 422
    assert server.post("/api/v1/experiments/curve/start", json={"reason": ""}).status_code == 422
    assert server.post("/api/v1/experiments/curve/start", json={"reason": "x", "force": True}).status_code == 422
    assert server.post("/api/v1/experiments/curve/stop", json={"reason": "x"}).status_code == 409
    path = root / "experiments" / "curve.yaml"
    path.write_text(path.read_text().replace("v2.0.0", "v9.0.0"))
    house.git(root, "commit", "-q", "-a", "-m", "no such version")
    refused = server.post("/api/v1/experiments/curve/start", json={"reason": "x"})
    assert (refused.status_code, "no such version" in refused.json()["detail"]) == (409, True)
    assert not house.git(root, "tag", "-l", "experiments/*")
