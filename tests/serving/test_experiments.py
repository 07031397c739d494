"""An experiment on a server: its units get their arms, and what they did is written down before they are answered."""

import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from serving import house
from serving.process import Server, serving, until, workers
from serving.test_recording import logged
from slipway.experiments.definition import Experiment, parse
from slipway.traffic import reading

FILE = {
    "hypothesis": "A steeper curve is better.",
    "model": "ball",
    "arms": {"control": "v1.0.0", "steep": "v2.0.0"},
    "allocation": {"control": 50, "steep": 50},
    "metrics": {"satisfaction": {"role": "goal", "better": "higher"}},
    "minimum_sample": 100,
}
VERSIONS = {"control": "v1.0.0", "steep": "v2.0.0"}


def define(root: Path, name: str = "curve", **changes: Any) -> Experiment:
    """Commit an experiment, and start it with the next number."""
    content = house.start_experiment(root, name, {**FILE, **changes})
    return parse(content, name, f"experiments/{name}.yaml")


def second_version(root: Path, verdict: str = "pass") -> None:
    house.build_version(root, "v2.0.0", 8.0, verdict)


@pytest.fixture
def compared(root: Path) -> Path:
    """A repository with two versions of ball and an experiment between them; v1.0.0 is in production."""
    second_version(root)
    define(root)
    return root


@pytest.fixture
def server(compared: Path, tmp_path: Path) -> Iterator[Server]:
    with serving(compared, tmp_path / "server", "ball", "shot") as running:
        yield running


def answer(server: Server, unit: str | None, path: str = "ball", **headers: str) -> dict[str, Any]:
    found: dict[str, Any] = server.predict(
        path, json=house.ROWS[:1], headers={**({} if unit is None else {"x-unit": unit}), **headers}
    )
    return found


def test_a_unit_gets_the_arm_that_follows_from_its_name(server: Server, compared: Path, tmp_path: Path) -> None:
    assignment = define(compared, "copy").assignment  # the same arms under another salt are other arms
    mine = parse((compared / "experiments" / "curve.yaml").read_bytes(), "curve", "curve.yaml").assignment
    units = [f"user-{number}" for number in range(40)]
    versions = {unit: answer(server, unit)["model_version"] for unit in units}
    assert versions == {unit: VERSIONS[mine.arm(unit) or ""] for unit in units}
    assert versions != {unit: VERSIONS[assignment.arm(unit) or ""] for unit in units}
    assert versions == {unit: answer(server, unit)["model_version"] for unit in units}
    found = reading.exposures(tmp_path / "server" / "traffic", "curve")
    assert len(found) == 80
    assert set(found["share"]) == {0.5}
    assert found.groupby("unit")["arm"].nunique().max() == 1
    assert Counter(found["arm"]) == {arm: 2 * list(versions.values()).count(VERSIONS[arm]) for arm in VERSIONS}


def test_only_who_asks_for_an_experiment_is_told_the_arm(server: Server) -> None:
    assert answer(server, "user-1")["experiment_info"] is None
    told = answer(server, "user-1", "ball?experiment_id=curve")
    assert told["experiment_info"]["experiment_id"] == "curve"
    assert VERSIONS[told["experiment_info"]["variant"]] == told["model_version"]
    nobody = answer(server, None, "ball?experiment_id=curve")
    assert nobody["experiment_info"] == {"experiment_id": "curve", "variant": None}
    assert nobody["model_version"] == "v1.0.0"
    other = server.post("/api/v1/predict/shot?experiment_id=curve", data=house.picture())
    assert (other.status_code, other.json()["known"]) == (404, [])
    unknown = server.post("/api/v1/predict/ball?experiment_id=none", json=house.ROWS)
    assert (unknown.status_code, unknown.json()["known"]) == (404, ["curve"])


def test_a_request_for_a_certain_version_takes_no_part(server: Server, tmp_path: Path) -> None:
    for path in ("ball@v1.0.0", "ball@production", "ball@v2.0.0"):
        answer(server, "user-1", path)
    answer(server, None)
    assert {(one["experiment"], one["arm"]) for one in logged(tmp_path / "server")} == {(None, None)}


def test_a_tester_chooses_an_arm_and_is_kept_out_of_the_analysis(server: Server, tmp_path: Path) -> None:
    for arm, version in VERSIONS.items():
        told = answer(server, "tester", f"ball?experiment_id=curve&arm={arm}")
        assert (told["model_version"], told["experiment_info"]["variant"]) == (version, arm)
    wrong = server.post("/api/v1/predict/ball?experiment_id=curve&arm=flat", json=house.ROWS)
    assert (wrong.status_code, wrong.json()["known"]) == (404, ["control", "steep"])
    assert not len(reading.exposures(tmp_path / "server" / "traffic", "curve"))


def test_a_stop_ends_it_without_a_failed_request(server: Server, compared: Path) -> None:
    units = [f"user-{number}" for number in range(30)]
    assert {answer(server, unit)["model_version"] for unit in units} == {"v1.0.0", "v2.0.0"}
    house.git(compared, "tag", "-a", "experiments/curve/stop", "experiments/curve/start-1^{}", "-m", "stop")
    assert server.post("/api/v1/refresh").status_code == 200
    assert {answer(server, unit)["model_version"] for unit in units} == {"v1.0.0"}
    assert [one["version"] for one in server.get("/readyz").json()["models"] if one["model"] == "ball"] == ["v1.0.0"]


def test_a_wider_share_takes_in_units_and_moves_none(root: Path, tmp_path: Path) -> None:
    second_version(root)
    define(root, share=20)
    units = [f"user-{number}" for number in range(60)]
    with serving(root, tmp_path / "server", "ball") as server:

        def arms() -> dict[str, str | None]:
            return {
                unit: answer(server, unit, "ball?experiment_id=curve")["experiment_info"]["variant"] for unit in units
            }

        narrow = arms()
        assert 0 < sum(arm is not None for arm in narrow.values()) < 30
        define(root, share=80)
        server.post("/api/v1/refresh")
        wide = arms()
        assert sum(arm is not None for arm in wide.values()) > 30
        assert all(wide[unit] == arm for unit, arm in narrow.items() if arm is not None)
        define(root, allocation={"control": 80, "steep": 20}, share=80)
        problems = server.post("/api/v1/refresh").json()["problems"]
        assert any("start-3 is not followed" in one and "allocation" in one for one in problems)
        assert arms() == wide


def test_a_version_that_the_gate_refused_is_not_compared(root: Path, tmp_path: Path) -> None:
    second_version(root, verdict="fail")
    define(root)
    with serving(root, tmp_path / "server", "ball") as server:
        found = server.get("/readyz")
        assert found.status_code == 200
        assert any("the gate says fail about ball@v2.0.0" in one for one in found.json()["problems"])
        assert {answer(server, f"user-{number}")["model_version"] for number in range(20)} == {"v1.0.0"}


def test_an_arm_that_cannot_be_loaded_leaves_production_in_service(root: Path, tmp_path: Path) -> None:
    second_version(root)
    (root / "models" / "ball" / "model.tflite").write_bytes(b"other bytes than the record says")
    house.commit(root)
    house.git(root, "tag", "-a", "ball@v3.0.0", "-m", "register")
    define(root, arms={"control": "v1.0.0", "steep": "v3.0.0"})
    with serving(root, tmp_path / "server", "ball") as server:
        found = server.get("/readyz")
        assert found.status_code == 200
        assert any("ball@v3.0.0 cannot be loaded" in one for one in found.json()["problems"])
        assert {answer(server, f"user-{number}")["model_version"] for number in range(20)} == {"v1.0.0"}
        assert not len(reading.exposures(tmp_path / "server" / "traffic", "curve"))


def test_without_a_log_no_experiment_runs(compared: Path, tmp_path: Path) -> None:
    with serving(compared, tmp_path / "server", "ball", "--no-log") as server:
        assert any("need the log" in one for one in server.get("/readyz").json()["problems"])
        assert {answer(server, f"user-{number}")["model_version"] for number in range(20)} == {"v1.0.0"}
        refused = server.post("/api/v1/outcomes", json={"metric": "satisfaction", "value": 1, "unit": "user-1"})
        assert refused.status_code == 503


def test_experiments_of_one_model_share_a_layer(root: Path, tmp_path: Path) -> None:
    second_version(root)
    layer = {"name": "balls", "share": 50}
    define(root, "first", layer={**layer, "start": 0})
    define(root, "second", layer={**layer, "start": 50})
    define(root, "third")
    with serving(root, tmp_path / "server", "ball") as server:
        assert any("a request has one version" in one for one in server.get("/readyz").json()["problems"])
        for number in range(40):
            answer(server, f"user-{number}")
    found = [reading.exposures(tmp_path / "server" / "traffic", name) for name in ("first", "second", "third")]
    assert [len(one) > 5 for one in found] == [True, True, False]
    assert len(found[0]) + len(found[1]) == 40
    assert not set(found[0]["unit"]) & set(found[1]["unit"])


def test_each_request_can_be_a_unit(root: Path, tmp_path: Path) -> None:
    second_version(root)
    define(root, unit="request")
    with serving(root, tmp_path / "server", "ball") as server:
        versions = [answer(server, None, **{"x-request-id": f"r{number}"})["model_version"] for number in range(40)]
        assert set(versions) == {"v1.0.0", "v2.0.0"}
        again = [answer(server, None, **{"x-request-id": f"r{number}"})["model_version"] for number in range(40)]
        assert again == versions


def test_outcomes_are_written_under_the_same_names_as_exposures(server: Server, tmp_path: Path) -> None:
    first = answer(server, "user-1")
    given = [
        {"metric": "satisfaction", "value": True, "unit": "user-1"},
        {"metric": "clicks", "value": 2.5, "request_id": first["request_id"], "key": "late"},
    ]
    assert server.post("/api/v1/outcomes", json=given).json() == {"accepted": 2}
    assert server.post("/api/v1/outcomes", json=given[0]).status_code == 202
    logs = tmp_path / "server" / "traffic"
    found, exposed = reading.outcomes(logs), reading.exposures(logs, "curve")
    assert sorted(found["metric"]) == ["clicks", "satisfaction", "satisfaction"]
    assert set(found["unit"].dropna()) == set(exposed["unit"])
    assert set(found["request_id"].dropna()) == set(exposed["request_id"])
    assert "user-1" not in "".join(path.read_text() for path in logs.rglob("*.jsonl"))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"metric": "satisfaction", "value": 1}, "either request_id or unit"),
        ({"metric": "satisfaction", "value": 1, "unit": "a", "request_id": "b"}, "either request_id or unit"),
        ({"metric": "Satisfaction!", "value": 1, "unit": "a"}, "metric"),
        ({"metric": "satisfaction", "value": "much", "unit": "a"}, "value"),
        ({"metric": "satisfaction", "value": 1, "unit": "two words"}, "unit"),
    ],
)
def test_outcomes_that_cannot_be_used_are_refused(server: Server, given: dict[str, Any], told: str) -> None:
    refused = server.post("/api/v1/outcomes", json=given)
    assert refused.status_code == 422
    assert told in json.dumps(refused.json())
    assert server.post("/api/v1/outcomes", data=b'{"metric": "m", "value": NaN, "unit": "a"}').status_code in (415, 422)


def test_outcomes_of_whom_nobody_knows_are_refused_and_nothing_is_kept(server: Server, tmp_path: Path) -> None:
    known = answer(server, "user-1")
    other = answer(server, "user-1", "ball@v1.0.0")
    for stranger in ({"unit": "user-2"}, {"request_id": "never"}, {"request_id": other["request_id"]}):
        given = [{"metric": "clicks", "value": 1, **of} for of in ({"request_id": known["request_id"]}, stranger)]
        refused = server.post("/api/v1/outcomes", json=given)
        assert refused.status_code == 404
        assert refused.json()["unknown"] == list(stranger.values())
    assert not len(reading.outcomes(tmp_path / "server" / "traffic"))


def test_without_the_state_store_requests_and_outcomes_are_taken(compared: Path, tmp_path: Path) -> None:
    away = "postgresql://me:hunter2@127.0.0.1:9/nothing"
    with serving(compared, tmp_path / "server", "ball", "--state", away) as server:
        assert {answer(server, f"user-{number}")["model_version"] for number in range(20)} == {"v1.0.0", "v2.0.0"}
        given = {"metric": "clicks", "value": 1, "unit": "user-1"}
        assert server.post("/api/v1/outcomes", json=given).status_code == 202
        until(lambda: "state store is behind" in str(server.get("/readyz").json()["problems"]), "it says so")
        assert server.get("/readyz").status_code == 200
        assert "hunter2" not in server.log.read_text() + server.get("/readyz").text
    assert len(reading.exposures(tmp_path / "server" / "traffic", "curve")) == 20
    with serving(compared, tmp_path / "server", "ball") as server:  # and indexed when there is one
        assert server.post("/api/v1/outcomes", json={**given, "unit": "user-2"}).status_code == 202
        assert server.post("/api/v1/outcomes", json={**given, "unit": "user-99"}).status_code == 404


def test_a_worker_that_dies_hands_the_index_on(compared: Path, tmp_path: Path) -> None:
    with serving(compared, tmp_path / "server", "ball", "--workers", "2") as server:
        for turn in range(2):
            answer(server, f"user-{turn}")
            given = {"metric": "clicks", "value": 1, "unit": f"user-{turn}"}
            until(lambda given=given: server.post("/api/v1/outcomes", json=given).status_code == 202, "it is known")
            before = workers(server.process.pid)
            for one in before:
                os.kill(one, signal.SIGKILL)
            until(lambda before=before: len(workers(server.process.pid) - before) == 2, "new workers")
            until(lambda: server.get("/readyz").status_code == 200, "they answer")


def test_all_workers_give_a_unit_the_same_arm(compared: Path, tmp_path: Path) -> None:
    with serving(compared, tmp_path / "server", "ball", "--workers", "2") as server:
        units = [f"user-{number}" for number in range(20)]
        until(lambda: len({answer(server, "user-1")["model_version"] for _ in range(5)}) == 1, "both are loaded")
        versions = [{answer(server, unit)["model_version"] for _ in range(4)} for unit in units]
        assert all(len(one) == 1 for one in versions)
