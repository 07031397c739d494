"""Deployments run in the background: start, look, predict, roll back, stop; by commands and from Python."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from serving import house
from serving.process import until, workers
from slipway.core.errors import ConfigError
from slipway.serving import deployments as module
from slipway.serving.deployments import DeploymentError, Deployments, percentile, summary


def run(root: Path, *arguments: str, code: int = 0) -> str:
    """Run a command of slipway in the repository; return what it prints."""
    done = subprocess.run([sys.executable, "-m", "slipway", *arguments], cwd=root, capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def deployments(root: Path) -> Iterator[Deployments]:
    """The deployments of a repository; all are stopped at the end."""
    made = Deployments(root)
    yield made
    for path in (root / "deployments").glob("*.yaml"):
        made.undeploy(path.stem)


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let new deployments have ports that no other test uses."""
    monkeypatch.setattr(module, "FIRST_PORT", 20_000 + os.getpid() % 20_000)


def test_a_walk_by_commands(root: Path, deployments: Deployments) -> None:
    port = str(41_000 + os.getpid() % 20_000)
    shown = run(root, "deploy", "ball-live", "--variant", "ball", "--port", port, "--environment", "pitch-side")
    assert "ready" in shown
    assert "git add deployments/ball-live.yaml" in shown
    (row,) = json.loads(run(root, "deployments", "--json"))
    assert (row["state"], row["version"], row["named"], row["workers"]) == ("ready", "v1.0.0", "v1.0.0", 1)
    assert row["environment"] == "pitch-side"
    deployments.run_inference("ball-live", house.ROWS)
    found = json.loads(run(root, "status", "ball-live", "--json"))
    assert found["metrics"]["requests"] == 1
    assert found["metrics"]["error_rate"] == 0
    assert 0 < found["metrics"]["p95_seconds"] < 5
    assert json.loads(run(root, "health", "ball-live", "--json"))["healthy"] is True
    assert "it was not running" not in run(root, "undeploy", "ball-live")
    assert "it was not running" in run(root, "undeploy", "ball-live")
    assert "stopped" in run(root, "health", "ball-live", code=1)
    assert "no such deployment" in run(root, "status", "nobody", code=2)
    assert "options are for a new deployment" in run(root, "deploy", "ball-live", "--port", "9000", code=2)
    assert "is there already" in run(root, "deploy", "ball-live", "--variant", "shot", code=2)


def test_a_walk_in_python(root: Path, tmp_path: Path, deployments: Deployments, free: None) -> None:
    house.new_version(root, "v1.1.0", 2, 2.0)
    shutil.copytree(root / ".dvc" / "cache", tmp_path / "store")
    config = root / ".dvc" / "config"
    config.write_text(re.sub("url = .*", f"url = {tmp_path / 'store'}", config.read_text()))
    status = deployments.deploy_model("ball-live", "ball", scaling={"max_workers": 2})
    assert (status.state, status.version) == ("ready", "v1.1.0")
    answer = deployments.run_inference("ball-live", house.ROWS)
    assert answer["model_version"] == "v1.1.0"
    with pytest.raises(DeploymentError, match="422"):
        deployments.run_inference("ball-live", [{"y": 1}])
    status = deployments.rollback_deployment("ball-live", "it calls away teams offside", force=True)
    assert status.version == "v1.0.0"
    assert deployments.run_inference("ball-live", house.ROWS)["model_version"] == "v1.0.0"
    assert deployments.current_metrics("ball-live")["outcomes"] == {"answered": 2, "refused": 1}


def test_a_picture_and_a_pinned_version(root: Path, deployments: Deployments, free: None) -> None:
    house.pictures(root, 3e-4)
    house.commit(root)
    house.register(root, "shot", "v2.0.0")
    house.assign(root, "shot", "v2.0.0", "production", 2)
    status = deployments.deploy_model("shot-old", "shot", follow="v1.0.0", resources={"cpu": 2})
    assert (status.state, status.version, status.named) == ("ready", "v1.0.0", "v1.0.0")
    assert deployments.run_inference("shot-old", house.picture(), "image/png")["model_version"] == "v1.0.0"
    with pytest.raises(ConfigError, match="only a role can be given back"):
        deployments.rollback_deployment("shot-old")


def test_a_changed_file_starts_the_server_anew_and_an_unchanged_one_does_not(
    root: Path, deployments: Deployments, free: None
) -> None:
    deployments.deploy_model("ball-live", "ball")
    process = deployments._process("ball-live")
    assert deployments.deploy_model("ball-live").state == "ready"
    assert deployments._process("ball-live") == process
    path = root / "deployments" / "ball-live.yaml"
    path.write_text(path.read_text() + "environment: night\n")
    assert deployments.deploy_model("ball-live").environment == "night"
    assert deployments._process("ball-live") != process


def test_a_server_that_cannot_start_says_why(
    root: Path, deployments: Deployments, free: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(module, "START", 1.0)
        with pytest.raises(DeploymentError, match="is not ready after 1 s"):
            deployments.deploy_model("nobody", "nobody")
        until(lambda: deployments.status("nobody").state == "not ready", "the server answers")
        with pytest.raises(DeploymentError, match="no version of nobody holds production"):
            deployments.deploy_model("nobody")
    deployments.undeploy("nobody")
    taken = deployments.deploy_model("first", "ball")
    port = int(taken.address.rpartition(":")[2])
    (root / "deployments" / "second.yaml").write_text(f"variant: shot\nport: {port}\n")
    with pytest.raises(DeploymentError, match="is the address of another program"):
        deployments.deploy_model("second")
    assert deployments.status("first").state == "ready"


def test_another_process_with_the_same_number_is_not_the_server(
    root: Path, deployments: Deployments, free: None
) -> None:
    deployments.create("ball-live", "ball")
    run_file = root / ".slipway" / "run" / "ball-live.json"
    run_file.parent.mkdir(parents=True, exist_ok=True)
    run_file.write_text(json.dumps({"pid": os.getpid(), "created": 1.0, "deployment": {}}))
    assert deployments.status("ball-live").state == "stopped"
    assert deployments.undeploy("ball-live") is False
    assert psutil.pid_exists(os.getpid())


def test_a_worker_that_stands_still_is_replaced(root: Path, deployments: Deployments, free: None) -> None:
    check = {"interval": 0.5, "timeout": 1.5, "failure_threshold": 2}
    deployments.deploy_model("ball-live", "ball", health_check=check)
    process = deployments._process("ball-live")
    assert process is not None

    (worker,) = before = workers(process.pid)
    os.kill(worker, signal.SIGSTOP)
    until(lambda: workers(process.pid) and workers(process.pid) != before, "a new worker")
    until(lambda: deployments.status("ball-live").state == "ready", "ready again")
    assert deployments.run_inference("ball-live", house.ROWS)["model_version"] == "v1.0.0"


def test_more_load_brings_more_workers(root: Path, deployments: Deployments, free: None) -> None:
    deployments.deploy_model("shot-live", "shot", scaling={"max_workers": 2, "target_cpu": 10})
    end = time.monotonic() + 60
    picture = house.picture()
    while deployments.status("shot-live").workers < 2:
        assert time.monotonic() < end
        for _ in range(200):
            deployments.run_inference("shot-live", picture, "image/png")
    assert deployments.run_inference("shot-live", picture, "image/png")["model_version"] == "v1.0.0"


def test_figures_come_from_the_measures() -> None:
    text = """# TYPE slipway_requests_total counter
slipway_requests_total{model="ball",outcome="answered",version="v1"} 90
slipway_requests_total{model="ball",outcome="failed",version="v2"} 10
slipway_requests_total{model="shot",outcome="failed",version="v1"} 7
# TYPE slipway_request_seconds histogram
slipway_request_seconds_bucket{le="0.01",model="ball",version="v1"} 90
slipway_request_seconds_bucket{le="0.1",model="ball",version="v1"} 97
slipway_request_seconds_bucket{le="+Inf",model="ball",version="v1"} 100
slipway_request_seconds_sum{model="ball",version="v1"} 2.5
# TYPE slipway_worker_resident_bytes gauge
slipway_worker_resident_bytes{worker="0"} 1000
slipway_worker_resident_bytes{worker="1"} 500
"""
    assert summary(text, "ball") == {
        "requests": 100,
        "outcomes": {"answered": 90, "failed": 10},
        "error_rate": 0.1,
        "mean_seconds": 0.025,
        "p50_seconds": 0.01,
        "p95_seconds": 0.1,
        "p99_seconds": 0.1,
        "resident_bytes": 1500,
        "cpu_seconds": 0,
    }
    assert summary(text, "bird")["p95_seconds"] is None
    assert percentile({}, 0.5) is None


def test_a_deployment_is_not_started_twice_at_the_same_address(
    root: Path, deployments: Deployments, free: None
) -> None:
    deployments.create("a", "ball")
    port: Any = int((root / "deployments" / "a.yaml").read_text().split("port: ")[1].split()[0])
    with pytest.raises(ConfigError, match="have the same address"):
        deployments.create("b", "shot", port=port)
    assert not (root / "deployments" / "b.yaml").exists()
