"""Each request for predictions is counted and logged before it is answered."""

import json
import os
import signal
import socket
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from serving import house
from serving.process import SECONDS, Server, serving, until, workers

PNG = {"content-type": "image/png"}


def logged(folder: Path) -> list[dict[str, Any]]:
    """The records of a server, in the order of their time."""
    paths = folder.glob("traffic/predictions/*/worker-*.jsonl")
    records = [json.loads(line) for path in paths for line in path.read_text().splitlines()]
    return sorted(records, key=lambda one: str(one["time"]))


def measured(server: Server) -> dict[str, float]:
    """The measures of a server by name and labels, such as `slipway_requests_total{model=ball,...}`."""
    response = server.get("/metrics")
    assert response.status_code == 200
    return {
        f"{one.name}{{{','.join(f'{key}={value}' for key, value in sorted(one.labels.items()))}}}": one.value
        for family in text_string_to_metric_families(response.text)
        for one in family.samples
    }


def requests_of(found: dict[str, float], **labels: str) -> float:
    wanted = [f"{key}={value}" for key, value in labels.items()]
    return sum(
        value
        for name, value in found.items()
        if name.startswith("slipway_requests_total{")
        and all(one in name.strip("}").split("{")[1].split(",") for one in wanted)
    )


@pytest.fixture
def server(built: Path, tmp_path: Path) -> Any:
    with serving(built, tmp_path / "server") as running:
        yield running


def test_the_log_has_what_was_answered_and_who_asked_but_no_input(server: Server, tmp_path: Path) -> None:
    answer = server.predict("ball", json=house.ROWS, headers={"x-unit": "user-1"})
    server.predict("ball@v1.0.0", json=house.ROWS[0], headers={"x-unit": "user-1"})
    server.predict("shot", data=house.picture(), headers=PNG)
    first, second, third = logged(tmp_path / "server")
    assert first["request_id"] == answer["request_id"]
    assert first["predictions"] == answer["predictions"]
    assert first["inference_time"] == pytest.approx(answer["inference_time"], abs=1e-6)
    assert [first[key] for key in ("model", "model_version", "status", "problem", "examples")] == [
        *("ball", "v1.0.0", 200, None, len(house.ROWS)),
    ]
    assert first["unit"] == second["unit"]
    assert third["unit"] is None
    assert first["inference_time"] <= first["seconds"]
    everything = (tmp_path / "server" / "traffic").rglob("*.jsonl")
    assert not any("user-1" in path.read_text() or '"team"' in path.read_text() for path in everything)


def test_other_protocols_are_logged_too(server: Server, tmp_path: Path) -> None:
    columns = {"x": ("FP64", [0.5]), "team": ("BYTES", ["home"])}
    inputs = [{"name": name, "datatype": kind, "shape": [1], "data": data} for name, (kind, data) in columns.items()]
    assert server.post("/v2/models/ball/infer", json={"inputs": inputs}).status_code == 200
    assert server.post("/invocations?model=ball", json={"inputs": [[0.5, 0.7, 0.5]]}).status_code == 200
    first, second = logged(tmp_path / "server")
    assert first["predictions"] == server.predict("ball", json=house.ROWS[0])["predictions"]
    assert (second["examples"], second["predictions"]) == (1, None)


def test_refusals_are_logged_with_their_reason(server: Server, tmp_path: Path) -> None:
    assert server.post("/api/v1/predict/nobody", json=house.ROWS).status_code == 404
    assert server.post("/api/v1/predict/shot", data=b"no picture", headers=PNG).status_code == 422
    wrong = {"x-unit": "two words"}
    refused = server.post("/api/v1/predict/ball", json=house.ROWS, headers=wrong)
    assert refused.status_code == 422
    assert "without spaces" in refused.json()["detail"]
    found = [[one[key] for key in ("model", "status", "problem", "examples")] for one in logged(tmp_path / "server")]
    assert found == [
        [None, 404, "Unknown model", None],
        ["shot", 422, "Input cannot be used", None],
        [None, 422, "Invalid unit", None],
    ]
    found_measures = measured(server)
    assert requests_of(found_measures, outcome="refused") == 3
    assert requests_of(found_measures, outcome="refused", model="shot", version="v1.0.0") == 1


def test_measures_count_requests_examples_and_seconds(server: Server) -> None:
    for _ in range(4):
        server.predict("ball", json=house.ROWS)
    found = measured(server)
    labels = "model=ball,version=v1.0.0"
    assert found["slipway_requests_total{model=ball,outcome=answered,version=v1.0.0}"] == 4
    assert found[f"slipway_examples_total{{{labels}}}"] == 4 * len(house.ROWS)
    assert found[f"slipway_request_seconds_count{{{labels}}}"] == 4
    assert 0 < found[f"slipway_request_seconds_sum{{{labels}}}"] < 4
    assert found["slipway_load_seconds_count{}"] == 3
    assert found["slipway_release_ready{model=ball,role=production}"] == 1
    assert found["slipway_worker_resident_bytes{worker=0}"] > 1e7
    assert found["slipway_waiting_requests{worker=0}"] == 0
    assert found["slipway_loaded_bytes{worker=0}"] > 0
    assert found["slipway_lost_records{worker=0}"] == 0


def test_requests_cannot_make_series(root: Path, tmp_path: Path) -> None:
    for number in range(2, 12):
        house.build_version(root, f"v{number}.0.0", float(number))
    with serving(root, tmp_path / "server", "ball", "shot") as server:
        server.predict("ball", json=house.ROWS)
        server.predict("ball@v2.0.0", json=house.ROWS)
        server.post("/api/v1/predict/nobody", json=house.ROWS)
        before = set(measured(server))
        for number in range(2, 12):
            server.predict(f"ball@v{number}.0.0", json=house.ROWS, headers={"x-unit": f"user-{number}"})
            server.post(f"/api/v1/predict/nobody-{number}", json=house.ROWS)
        assert set(measured(server)) == before
        assert requests_of(measured(server), model="ball", version="other") == 11


def test_any_worker_answers_for_all_also_after_one_was_replaced(built: Path, tmp_path: Path) -> None:
    with serving(built, tmp_path / "server", "ball", "--workers", "2") as server:
        for _ in range(20):
            server.predict("ball", json=house.ROWS)
        assert requests_of(measured(server), outcome="answered") == 20
        until(lambda: len([name for name in measured(server) if "resident" in name]) == 2, "both workers are measured")
        before = workers(server.process.pid)
        os.kill(min(before), signal.SIGKILL)
        until(lambda: len(workers(server.process.pid)) == 2 and workers(server.process.pid) != before, "a new worker")
        for _ in range(20):
            server.predict("ball", json=house.ROWS)
        assert requests_of(measured(server), outcome="answered") == 40
        until(lambda: len([name for name in measured(server) if "resident" in name]) == 2, "the new worker is measured")
        assert len(logged(tmp_path / "server")) == 40


def test_without_a_log_nothing_is_written(built: Path, tmp_path: Path) -> None:
    with serving(built, tmp_path / "server", "ball", "--no-log") as server:
        server.predict("ball", json=house.ROWS, headers={"x-unit": "user-1"})
    assert not (tmp_path / "server" / "traffic").exists()


def test_a_sender_that_goes_away_is_no_failure_of_the_model(server: Server, tmp_path: Path) -> None:
    host, _, port = server.address.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=SECONDS) as sender:
        lines = [
            "POST /api/v1/predict/shot HTTP/1.1",
            f"Host: {host}",
            "Content-Type: image/png",
            "Content-Length: 1000",
        ]
        sender.sendall("\r\n".join([*lines, "", "half"]).encode())
        until(lambda: server.get("/healthz").status_code == 200, "the request is there")
    until(lambda: logged(tmp_path / "server"), "a record of it")
    (record,) = logged(tmp_path / "server")
    assert (record["model"], record["status"]) == ("shot", 499)
    assert requests_of(measured(server), outcome="gone") == 1
    assert requests_of(measured(server), outcome="failed") == 0
