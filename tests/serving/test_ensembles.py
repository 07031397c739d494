"""Ensembles on a server: only what the gate passed for the versions of today answers, and with whom."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

import released
from ensembles import house
from ensembles.house import FRAGILE, probability
from serving.process import Server, serving, until
from serving.test_experiments import define
from serving.test_recording import logged
from slipway.ensembles import evaluation, verdict
from slipway.traffic import reading

BOTH = ("mine@v1.0.0", "yours@v1.0.0")
VERSIONS = {"mine@v1.0.0": 0.6, "yours@v1.0.0": 0.4}
"""Members by version alone, so that no promotion takes them away."""
ROWS = [{"x": 0.5}, {"x": -0.3}, {"x": 0.02}]


def evaluated(name: str = "both", **changes: Any) -> str:
    """Define, evaluate and commit an ensemble in the working folder; return its version."""
    house.define(name, **changes)
    ensemble = house.assembled(name)
    verdict.write(evaluation.evaluate(ensemble))
    released.commit(f"ensemble {name}")
    return ensemble.version


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with the ensembles `both` (a mean), `vote` (a majority) and `rest` (a mean that misses members).

    Tests that change something have an ensemble of their own.
    """
    root = tmp_path_factory.mktemp("ensembles") / "repository"
    root.mkdir()
    votes = {"mine@v1.0.0": 0.3, "yours@v1.0.0": 0.3, "mine@v1.1.0": 0.4}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        house.built()
        evaluated("both", members=VERSIONS)
        evaluated("vote", members=votes, voting_strategy="majority")
        evaluated("rest", members=VERSIONS, on_member_failure="rest")
    return root


@pytest.fixture(scope="module")
def server(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(repository, tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def root(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The repository, as the working folder of a test."""
    monkeypatch.chdir(repository)
    return repository


def problem(server: Server, path: str, status: int, **options: Any) -> dict[str, Any]:
    found: requests.Response = server.post(path, **(options or {"json": ROWS}))
    assert found.status_code == status, found.text
    return dict(found.json())


def test_the_answer_is_the_mean_of_the_members(server: Server, repository: Path) -> None:
    found = server.predict("both", json=ROWS)
    stated = json.loads((repository / "ensembles" / "both.json").read_text())
    assert (found["model"], found["model_version"]) == ("both", stated["version"])
    assert "missing_members" not in found
    for row, one in zip(ROWS, found["predictions"], strict=True):
        assert one["ball"] == pytest.approx(probability(row["x"], *BOTH, weights=VERSIONS), abs=1e-6)
        assert one["decision"] == (one["ball"] >= 0.5)
    assert server.predict("mine", json=ROWS)["model_version"] == "v1.0.0"
    together = [server.predict("both", json=[row])["predictions"][0]["ball"] for row in ROWS]
    assert together == pytest.approx([one["ball"] for one in found["predictions"]], abs=1e-6)
    many = server.predict("both", json=ROWS * 60)
    assert [one["ball"] for one in many["predictions"][-3:]] == pytest.approx(together, abs=1e-6)


def test_a_majority_counts_the_decisions_of_the_members(server: Server) -> None:
    """At -0.1, `yours` says ball (0.55) and both versions of `mine` do not."""
    (found,) = server.predict("vote", json=[{"x": -0.1}])["predictions"]
    assert found["ball"] == pytest.approx((1 + 0.3) / 4)
    assert found["decision"] is False


def test_it_is_logged_and_measured_like_a_model(server: Server) -> None:
    def counted(measure: str) -> float:
        lines = [one for one in server.get("/metrics").text.splitlines() if one.startswith(measure)]
        return sum(float(one.rpartition(" ")[2]) for one in lines)

    version = server.predict("vote", json=ROWS)["model_version"]
    measured = {
        f'slipway_requests_total{{model="vote",outcome="answered",version="{version}"}}': 1,
        f'slipway_requests_total{{model="vote",outcome="refused",version="{version}"}}': 1,
        f'slipway_examples_total{{model="vote",version="{version}"}}': 3,
        'slipway_requests_total{model="mine",outcome="answered",version="v1.1.0"}': 0,  # a member answers by itself
    }
    before = {one: counted(one) for one in measured}
    answered = server.predict("vote", json=ROWS)["request_id"]
    refused = problem(server, "/api/v1/predict/vote", 422, json=[{"x": "much"}])["request_id"]
    assert {one: counted(one) - before[one] for one in measured} == measured
    assert counted('slipway_release_ready{model="vote",role="ensemble"}') == 1
    lines = {one["request_id"]: one for one in logged(server.log.parent)}
    first, second = lines[answered], lines[refused]
    assert (first["model"], first["model_version"], first["status"], first["examples"]) == ("vote", version, 200, 3)
    assert (second["status"], second["model"]) == (422, "vote")


def test_a_member_that_fails_is_an_error_or_is_left_out_by_name(server: Server) -> None:
    rows = [{"x": FRAGILE}, {"x": 0.5}]
    assert "not finite" in problem(server, "/api/v1/predict/yours", 500, json=rows)["detail"]
    failed = problem(server, "/api/v1/predict/both", 500, json=rows)
    assert "yours@v1.0.0, of the ensemble both" in failed["detail"]
    rest = server.predict("rest", json=rows)
    assert rest["missing_members"] == ["yours@v1.0.0"]
    assert [one["ball"] for one in rest["predictions"]] == pytest.approx([1, probability(0.5, "mine@v1.0.0")], abs=1e-6)
    whole = server.predict("rest", json=rows[1:])
    assert "missing_members" not in whole
    assert whole["predictions"][0]["ball"] == pytest.approx(probability(0.5, *BOTH, weights=VERSIONS), abs=1e-6)


def test_an_example_that_cannot_be_used_is_no_failure_of_a_member(server: Server) -> None:
    for name in ("both", "rest"):
        wrong = problem(server, f"/api/v1/predict/{name}", 422, json=[{"x": 1}, {"x": "much"}])
        assert "mine@v1.0.0, of the ensemble" in wrong["detail"]
        assert "row 2" in wrong["detail"] or "much" in wrong["detail"]
        assert "no examples" in problem(server, f"/api/v1/predict/{name}", 422, json=[])["detail"]
    files = problem(server, "/api/v1/predict/both", 415, data=b"x", headers={"content-type": "image/png"})
    assert "both takes rows" in files["detail"]


def test_other_protocols_know_it(server: Server) -> None:
    found = server.get("/v2/models/both").json()
    assert [one["name"] for one in found["inputs"]] == ["x"]
    assert found["outputs"][0]["datatype"] == "FP64"
    assert found["versions"] == [server.predict("both", json=ROWS)["model_version"]]
    assert server.get("/v2/models/both/ready").json() == {"name": "both", "ready": True}
    tensor = {"name": "x", "datatype": "FP64", "shape": [2], "data": [FRAGILE, 0.5]}
    answer = server.post("/v2/models/rest/infer", json={"inputs": [tensor]}).json()
    assert answer["parameters"] == {"missing_members": ["yours@v1.0.0"]}
    assert answer["outputs"][0]["data"][1] == pytest.approx(probability(0.5, "mine@v1.0.0"), abs=1e-6)
    encoded = {"inputs": [[0.5]]}
    assert "an ensemble" in problem(server, "/invocations?model=both", 422, json=encoded)["detail"]
    assert "send the rows to its members" in problem(server, "/api/v1/history/both", 422, json=ROWS)["detail"]


def test_it_has_no_versions_and_no_roles(server: Server) -> None:
    for path in ("both@v1.0.0", "both@production"):
        assert "both is an ensemble" in problem(server, f"/api/v1/predict/{path}", 404)["detail"]
    assert "both" in problem(server, "/api/v1/predict/nobody", 404)["known"]
    assert server.get("/api/v1/models/both/versions").status_code == 404
    assert requests.put(f"{server.address}/api/v1/loaded/both", timeout=60).status_code == 404


def test_its_members_are_never_unloaded(server: Server) -> None:
    held = {(one["model"], one["version"]) for one in server.get("/api/v1/loaded").json()}
    assert ("mine", "v1.1.0") in held  # without a role
    path = f"{server.address}/api/v1/loaded/mine@v1.1.0"
    assert requests.delete(path, timeout=60).status_code == 409


def test_a_role_that_moves_ends_the_verdict_until_it_is_evaluated_again(server: Server, root: Path) -> None:
    house.promote("mine", "v1.0.0", 1, "staging")
    members = {"mine@staging": 0.5, "yours@v1.0.0": 0.5}
    version = evaluated("roles", members=members)
    server.post("/api/v1/refresh")
    assert server.predict("roles", json=ROWS)["model_version"] == version
    house.promote("mine", "v1.1.0", 2, "staging")
    server.post("/api/v1/refresh")
    told = "mine@staging is now mine@v1.1.0; evaluate it again: `slipway ensemble evaluate roles`"
    assert told in problem(server, "/api/v1/predict/roles", 503)["detail"]
    ready = server.get("/readyz")
    assert ready.status_code == 200
    assert any(told in one for one in ready.json()["problems"])
    assert server.predict("both", json=ROWS)["model"] == "both"  # its members are versions
    again = evaluated("roles", members=members)
    server.post("/api/v1/refresh")
    assert server.predict("roles", json=ROWS)["model_version"] == again != version


def test_only_a_committed_definition_with_a_committed_pass_answers(server: Server, root: Path) -> None:
    evaluated("poor", members=VERSIONS, gate={"rules": {"accuracy": {"min": 0.99}}})
    house.define("unjudged", members=VERSIONS)
    (root / "ensembles" / "broken.yaml").write_text("members: []\n")
    released.commit("more")
    house.define("draft", members=VERSIONS)
    verdict.write(evaluation.evaluate(house.assembled("draft")))
    server.post("/api/v1/refresh")
    assert "draft" not in problem(server, "/api/v1/predict/draft", 404)["known"]
    for name, why in (
        ("poor", "the gate says fail"),
        ("unjudged", "it was not evaluated: `slipway ensemble evaluate unjudged`"),
        ("broken", "description: Field required"),
    ):
        assert why in problem(server, f"/api/v1/predict/{name}", 503)["detail"]
    assert server.get("/readyz").status_code == 200
    released.commit("the draft too")
    server.post("/api/v1/refresh")
    assert server.predict("draft", json=ROWS)["model"] == "draft"
    released.git("rm", "-q", "ensembles/draft.yaml")
    released.git("commit", "-q", "-m", "no draft any more")
    until(lambda: server.post("/api/v1/predict/draft", json=ROWS).status_code == 404, "the poll sees the commit")


def test_another_definition_answers_once_its_members_are_loaded(server: Server, root: Path) -> None:
    before = evaluated("moving", members=VERSIONS)
    server.post("/api/v1/refresh")
    assert server.predict("moving", json=ROWS)["model_version"] == before
    released.build("yours", 3.0, golden=True)
    (root / "models" / "yours" / "model.tflite").write_bytes(b"other bytes than the record says")
    released.commit("damaged")
    released.git("tag", "-a", "yours@v2.0.0", "-m", "register")
    damaged = evaluated("moving", members={"mine@v1.0.0": 0.5, "yours@v2.0.0": 0.5})
    server.post("/api/v1/refresh")
    assert server.predict("moving", json=ROWS)["model_version"] == before
    ready = server.get("/readyz").json()
    (found,) = [one for one in ready["models"] if one["model"] == "moving"]
    assert (found["role"], found["version"], found["answers"]) == ("ensemble", damaged, before)
    assert any("yours@v2.0.0 cannot be loaded" in one for one in ready["problems"])
    after = evaluated("moving", members={"mine@v1.1.0": 0.5, "yours@v1.0.0": 0.5})
    server.post("/api/v1/refresh")
    assert server.predict("moving", json=ROWS)["model_version"] == after


def test_an_ensemble_can_be_an_arm_of_an_experiment(server: Server, root: Path) -> None:
    version = evaluated("arm", members=VERSIONS)
    seasons = evaluated("seasons", members={"mine@v1.0.0": 0.5, "mine@v1.1.0": 0.5})
    arms = {"control": "v1.0.0", "both": f"ensembles/arm@{version}"}
    halves = {"control": 50, "both": 50}
    experiment = define(root, "together", model="mine", arms=arms, allocation=halves)
    server.post("/api/v1/refresh")
    expected = {"control": ("mine", "v1.0.0"), "both": ("arm", version)}
    units = [f"user-{number}" for number in range(20)]
    found = {unit: server.predict("mine", json=ROWS, headers={"x-unit": unit}) for unit in units}
    for unit, answer in found.items():
        assert (answer["model"], answer["model_version"]) == expected[experiment.assignment.arm(unit) or ""]
    exposed = reading.exposures(server.log.parent / "traffic", "together")
    assert set(zip(exposed["arm"], exposed["model_version"], strict=True)) == {(a, v) for a, (_, v) in expected.items()}
    told = server.predict("mine?experiment_id=together&arm=both", json=ROWS)
    assert (told["model"], told["experiment_info"]["variant"]) == ("arm", "both")

    again = evaluated("arm", members={"mine@v1.0.0": 0.5, "yours@v1.0.0": 0.5})
    server.post("/api/v1/refresh")
    problems = server.get("/readyz").json()["problems"]
    assert any(f"both: the ensemble arm is now {again}, not {version}" in one for one in problems)
    after = {server.predict("mine", json=ROWS, headers={"x-unit": unit})["model_version"] for unit in units}
    assert after == {"v1.0.0"}  # without it the experiment does not run
    for name, model, arm, why in (
        ("unknown", "mine", f"ensembles/none@{version}", "both: the ensemble none does not answer: no such one in Git"),
        ("foreign", "yours", f"ensembles/seasons@{seasons}", "both: the ensemble seasons has no member of yours"),
    ):
        define(root, name, model=model, arms={"control": "v1.0.0", "both": arm}, allocation=halves)
        problems = server.post("/api/v1/refresh").json()["problems"]
        assert any(why in one for one in problems), problems


def test_a_server_can_serve_an_ensemble_alone(server: Server, root: Path, tmp_path: Path) -> None:
    version = evaluated("alone", members=VERSIONS)
    shutil.copytree(server.log.parent / "cache", tmp_path / "server" / "cache")
    with serving(root, tmp_path / "server", "alone") as lonely:
        assert lonely.get("/readyz").status_code == 200
        assert lonely.predict("alone", json=ROWS)["model_version"] == version
        for other in ("mine", "vote"):
            assert problem(lonely, f"/api/v1/predict/{other}", 404)["known"] == ["alone"]
        house.define("alone", voting_strategy="majority")
        released.git("commit", "-q", "-am", "without a verdict")
        assert lonely.post("/api/v1/refresh").json()["ready"] is False
        assert "another definition" in problem(lonely, "/api/v1/predict/alone", 503)["detail"]
