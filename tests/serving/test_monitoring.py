"""A model in use by REST: the same figures as `slipway watch`, from the traffic of a real server."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from monitoring import use
from serving import house
from serving.process import Server, serving
from slipway.traffic import compact

BASE = "/api/v1/monitoring/models"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models in production whose test predictions are known."""
    root = tmp_path_factory.mktemp("monitored") / "repository"
    house.begin(root)
    house.rows(root)
    house.pictures(root)
    house.tested(root, "ball", use.noisy(use.BALLS, 800))
    house.tested(root, "shot", use.noisy(use.STROKES, 900))
    house.commit(root)
    for name in ("ball", "shot"):
        house.register(root, name, "v1.0.0")
        house.assign(root, name, "v1.0.0", "production", 1)
    return root


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="module")
def server(root: Path, folder: Path) -> Iterator[Server]:
    with serving(root, folder) as running:
        yield running


def get(server: Server, path: str) -> Any:
    response = server.get(f"{BASE}/{path}")
    assert response.status_code == 200, response.text
    return response.json()


def test_what_a_server_answered_is_measured(server: Server, folder: Path) -> None:
    for number in range(6):
        server.predict("ball", json=house.ROWS, headers={"x-unit": f"user-{number % 2}"})
    assert server.post("/api/v1/predict/ball", json=[{"x": "far"}]).status_code == 422
    server.predict("shot", data=house.picture(), headers={"content-type": "image/png"})
    found = get(server, "ball/performance?days=1")
    assert (found["model"], found["version"]) == ("ball", "v1.0.0")
    assert (found["requests"], found["outcomes"]["answered"], found["outcomes"]["refused"]) == (7, 6, 1)
    assert (found["units"], found["total_inferences"], found["error_rate"]["value"]) == (3, 18, 0.0)
    assert found["ball_detection_rate"] == pytest.approx(2 / 3)
    assert 0 < found["inference_ms"]["p50"] < found["latency_ms"]["p50"] < 10_000
    assert (found["server"]["workers"], found["server"]["lost_records"]) == (1, 0)
    assert found["server"]["resident_bytes"] > 20_000_000
    assert found["server"]["cpu_seconds"] > 0
    strokes = get(server, "shot_model/performance?version=all")  # by its name in MLflow
    assert (strokes["model"], strokes["version"], strokes["requests"]) == ("shot", None, 1)
    assert sum(one["value"] for one in strokes["class_shares"].values()) == 1
    judged = get(server, "ball/health")
    assert (judged["status"], judged["health_score"]) == ("unknown", None)  # two users are too few


def test_a_version_that_gets_worse_from_tables_and_todays_logs(server: Server, folder: Path) -> None:
    logs, now = folder / "traffic", datetime.now(UTC)
    use.write(logs, use.requests(1500, model="shot", share=1 / 3, confidence=0.7, hours=20), worker=7)
    good = get(server, "shot/health")
    assert (good["status"], good["health_score"], good["issues"]) == ("healthy", 100, [])
    before = now - timedelta(days=2)
    records = use.requests(1500, model="shot", share=0.9, confidence=0.7, failed=400, until=before, hours=60)
    use.write(logs, records, worker=8)
    from_logs = get(server, "shot/health")
    assert (from_logs["status"], from_logs["deductions"]) == ("critical", {"errors": 40, "classes": 10})
    assert from_logs["health_score"] == 50
    assert len(from_logs["recommendations"]) == 2
    for log in compact.logs(logs):
        compact.compact(logs, log)
    again = get(server, "shot/health")
    for one in (from_logs, again):
        for moment in ("from", "until", "requests_per_second"):
            one["evidence"]["performance"].pop(moment)
    assert again == from_logs
    drifted = get(server, "shot/drift?days=7")
    assert (drifted["verdict"], drifted["issues"]) == ("fail", [])
    assert drifted["drift_metrics"]["drive_rate_drift"] > 0.2
    assert {one["name"] for one in drifted["findings"]} == set(drifted["drift_metrics"])


def test_what_there_is_not(server: Server) -> None:
    for path in ("nobody/health", "ball/drift?version=v9.0.0", "ball/performance?version=canary"):
        found = server.get(f"{BASE}/{path}")
        assert (found.status_code, found.headers["content-type"]) == (404, "application/problem+json")
    assert server.get(f"{BASE}/nobody/health").json()["known"] == ["ball", "shot"]
    for days in ("0", "-1", "inf", "nan", "much"):
        assert server.get(f"{BASE}/ball/health?days={days}").status_code == 422


def test_without_a_log_the_health_is_unknown(root: Path, tmp_path: Path) -> None:
    with serving(root, tmp_path / "server", "ball", "--no-log") as server:
        server.predict("ball", json=house.ROWS)
        found = get(server, "ball/health")
        assert (found["status"], found["health_score"]) == ("unknown", None)
        assert found["issues"] == ["the server keeps no log of predictions (--no-log)"]
        refused = server.get(f"{BASE}/ball/performance")
        assert (refused.status_code, "--log FOLDER" in refused.json()["detail"]) == (404, True)
