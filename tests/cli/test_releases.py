"""`slipway releases` if another processor built the committed models."""

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

import released
from slipway.cli.app import app


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a variant that was built and committed on a processor called `one`."""
    monkeypatch.chdir(tmp_path)
    released.begin("mine")
    released.build("mine", machine="one")
    released.commit("first")
    return tmp_path


def output() -> str:
    done = CliRunner().invoke(app, ["releases"])
    assert done.exit_code == 0, done.output
    return " ".join(done.output.split())


def rebuild(machine: str, sha256: str, raw: str | None = None) -> None:
    """Rebuild from the same parameters on a machine, and from the same data unless `raw` is its new hash."""
    record, benchmark = Path("models/mine/release.json"), Path("reports/mine/benchmark.json")
    values, timed = (json.loads(path.read_text()) for path in (record, benchmark))
    values["artifacts"]["model.tflite"]["sha256"] = sha256
    timed["machine"]["processor"] = machine
    values["lineage"]["raw"] = raw or values["lineage"]["raw"]
    record.write_text(json.dumps(values))
    benchmark.write_text(json.dumps(timed))


def test_different_bytes_from_another_processor_are_explained_with_a_command_to_restore(root: Path) -> None:
    assert "Git shows" not in output()
    rebuild("another", "f" * 64)
    assert "Git shows changed models of mine" in output()
    assert "another kind of processor (another here, one for the commit)" in output()
    assert "git checkout -- dvc.lock models reports && dvc pull" in output()


@pytest.mark.parametrize("simulated", [True, False])
def test_simulated_data_may_differ_by_processor_as_well_and_own_data_may_not(root: Path, simulated: bool) -> None:
    top = Path("params.yaml")
    values = yaml.safe_load(top.read_text())
    top.write_text(yaml.safe_dump({**values, "simulated": {"mine": "tv"} if simulated else {}}))
    rebuild("another", "f" * 64, raw="0" * 32 + ".dir")
    assert ("Git shows changed models of mine" in output()) == simulated


@pytest.mark.parametrize(("machine", "sha256"), [("one", "f" * 64), ("another", None)])
def test_nothing_is_reported_on_one_processor_or_for_equal_bytes(root: Path, machine: str, sha256: str | None) -> None:
    committed = json.loads(Path("models/mine/release.json").read_text())["artifacts"]["model.tflite"]["sha256"]
    rebuild(machine, sha256 or committed)
    assert "Git shows" not in output()


def test_doctor_compares_the_two_models_if_possible(root: Path) -> None:
    from slipway.cli import doctor

    rebuild("another", "f" * 64)
    reason = "other bytes, another processor (another here, one in the commit)"
    (found,) = doctor.examine(["models"])
    assert found.wrong == f"mine: same verdict, {reason}"
    assert found.fix == "git checkout -- dvc.lock models reports && dvc pull"
    Path("reports/mine/shipped.parquet").unlink()
    (found,) = doctor.examine(["models"])
    assert found.wrong.startswith("mine: the two models cannot be compared (") and found.wrong.endswith(reason)
