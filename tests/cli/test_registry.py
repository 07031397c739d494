"""`slipway register` without a variant: new builds that pass the gate, also against production."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import released
from slipway.cli.app import app

GATE = {
    "rules": {"accuracy": {"min": 0.5}, "latency_p95_ms": {"max": 100}},
    "baseline": {"first_release": "pass", "overall": {"accuracy": {"most": 0.05}}},
}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two variants in production, built again: one a little better, one much worse and still over its floor."""
    place = tmp_path / "repository"
    place.mkdir()
    monkeypatch.chdir(place)
    released.begin("better", "worse")
    for variant in ("better", "worse"):
        released.build(variant, gate=GATE)
    released.commit("first")
    for variant in ("better", "worse"):
        released.ship(variant, "v1.0.0")
    released.build("better", slope=4.5, gate=GATE)
    released.build("worse", slope=3.0, offset=3.0, gate=GATE)
    released.commit("second")
    return place


@pytest.mark.usefixtures("root")
def test_a_build_worse_than_production_is_not_registered_by_default() -> None:
    done = CliRunner().invoke(app, ["register", "--json"])
    assert done.exit_code == 0, done.output
    assert [one["variant"] for one in json.loads(done.stdout)] == ["better"]
    assert "worse is not registered: verdict fail, compared with worse@v1.0.0" in done.stderr.replace("\n", " ")
    assert released.git("tag", "--points-at", "HEAD") == "better@v1.1.0"
    again = CliRunner().invoke(app, ["register"])
    assert (again.exit_code, again.stdout) == (0, "nothing to register: no unregistered build passes the gate\n")


@pytest.mark.usefixtures("root")
def test_a_named_variant_is_registered_despite_the_gate() -> None:
    assert CliRunner().invoke(app, ["register", "worse"]).exit_code == 0
    assert released.git("tag", "--points-at", "HEAD") == "worse@v1.1.0"


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("option", [["--version", "v2.0.0"], ["--rev", "HEAD~1"]])
def test_a_version_name_or_a_commit_needs_a_variant(option: list[str]) -> None:
    done = CliRunner().invoke(app, ["register", *option])
    assert done.exit_code != 0
    assert released.git("tag", "--points-at", "HEAD") == ""
