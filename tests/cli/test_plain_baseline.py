"""`slipway report` and `slipway releases` say whether a model beats its plain baseline, if it asked for one."""

import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

import released
from slipway.cli.app import app
from slipway.cli.plain_baseline import check
from slipway.core.errors import ConfigError
from slipway.data.shards import PackedSplit
from slipway.records import predictions
from slipway_edge.interpreter import Interpreter

PLAIN, SHOWN = Path("reports/mine/baseline.json"), Path("reports/mine/baseline.parquet")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A variant that is built and asks for a plain baseline."""
    root = tmp_path_factory.mktemp("made") / "repository"
    root.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        released.begin("mine")
        released.build("mine")
        top = yaml.safe_load(Path("params.yaml").read_text())
        Path("params.yaml").write_text(yaml.safe_dump(top | {"baselines": {"mine": "tabular_classification"}}))
        released.commit("first")
    return root


@pytest.fixture
def root(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(made, tmp_path / "repository")
    monkeypatch.chdir(tmp_path / "repository")
    return tmp_path / "repository"


def plain(slope: float, trained_on: str | None = None, **changes: Any) -> None:
    """Write what the baseline stage would write for a logistic model, and its entry in dvc.lock."""
    examples, targets, _ = predictions.read(Path("reports/mine/shipped.parquet").read_bytes())
    inputs, _ = next(PackedSplit(Path("data/prepared/mine/test")).batches(len(targets)))
    predicted = Interpreter(released.logistic(slope))(inputs)
    SHOWN.write_bytes(predictions.table(examples, targets, predicted, ["ball"]))
    values = {"schema": 1, "task": "tabular_classification", "metric": "average_precision", "value": 0.5}
    values |= {"metrics": {"average_precision": 0.5}, "point": {"threshold": 0.5}, "seconds": 1.0, "seed": 7}
    PLAIN.write_text(json.dumps(values | changes))
    lock = yaml.safe_load(Path("dvc.lock").read_text())
    outs = [{"path": str(path), "md5": hashlib.md5(path.read_bytes()).hexdigest()} for path in (PLAIN, SHOWN)]
    deps = [] if trained_on is None else [{"path": "data/prepared/mine", "md5": trained_on}]
    lock["stages"]["baseline@mine"] = {"cmd": "true", "deps": deps, "outs": outs}
    Path("dvc.lock").write_text(yaml.safe_dump(lock))


def report() -> str:
    """The report, which a baseline that informs cannot fail."""
    done = CliRunner().invoke(app, ["report", "mine"])
    assert done.exit_code == 2, done.output  # no version is in production yet
    assert "Plain baseline" in Path("report.html").read_text()
    return re.sub(" +", " ", re.sub(r"[`\\]", "", Path("report.md").read_text()))


def releases() -> dict[str, Any]:
    done = CliRunner().invoke(app, ["releases", "--json"])
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)[0]["plain_baseline"]
    return found


def test_a_model_that_beats_the_plain_baseline_is_told_so_with_the_interval_of_the_difference(root: Path) -> None:
    plain(slope=-0.5)
    page = report()
    section = page[page.index("#### Plain baseline") :].splitlines()[2]
    assert re.fullmatch(
        r"\*\*beats the plain baseline\*\*: average_precision 0\.9\d+, plain baseline 0\.[23]\d+: 0\.\d+ better "
        r"\(0\.\d+ to 0\.\d+ better\)",
        section,
    ), section
    assert releases()["outcome"] == "is better than the plain baseline"
    shown = " ".join(CliRunner().invoke(app, ["releases"]).output.split())
    assert "is better than the plain baseline: average_precision" in shown


def test_a_model_that_does_not_beat_it_is_told_so_beside_the_verdict(root: Path) -> None:
    plain(slope=4.0, metrics={"average_precision": 1.0})
    page = report()
    told = "does not beat the plain baseline"
    assert f"**{told}**: average_precision" in page
    assert f"{told}: average_precision" in page[: page.index("<details>")]
    assert releases()["outcome"] == told


def test_without_asking_nothing_is_said(root: Path) -> None:
    plain(slope=4.0)
    top = yaml.safe_load(Path("params.yaml").read_text())
    Path("params.yaml").write_text(yaml.safe_dump(top | {"baselines": {}}))
    CliRunner().invoke(app, ["report", "mine"])
    assert "lain baseline" not in Path("report.md").read_text() and releases() is None


def _absent() -> None:
    """There is no baseline yet."""


def _edited() -> None:
    plain(slope=1.0)
    PLAIN.write_text(PLAIN.read_text() + " ")


@pytest.mark.parametrize(
    ("begin", "why"),
    [
        (_absent, "reports/mine/baseline.json is not in dvc.lock"),
        (_edited, "reports/mine/baseline.json is not what dvc.lock says that a stage wrote"),
        (lambda: plain(1.0, trained_on="0" * 32), "it was trained on other data than the model"),
        (lambda: plain(1.0, task="row_regression"), "it was trained on other data than the model"),
        (lambda: plain(1.0, point={"threshold": "high"}), "it cannot be scored"),
        (lambda: plain(1.0, seed="7"), "reports/mine/baseline.json: seed"),
    ],
)
def test_a_baseline_that_cannot_be_used_is_not_compared_and_stops_nothing(root: Path, begin, why: str) -> None:
    begin()
    page = report()
    assert f"**not compared**: {why}" in page or "**not compared**: reports/mine/baseline" in page
    assert why in page and "run dvc repro baseline@mine" in page


def test_a_task_without_a_plain_baseline_is_refused_when_a_variant_asks_for_one(root: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"no plain baseline for .*; write benchmarks/baselines/text_classification\.py"
    ):
        check("text_classification")
