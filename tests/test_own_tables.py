"""Tables of others, through every command, without editing a file."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn import datasets
from typer.testing import CliRunner

from own_data import built, in_smoke, predicted, removed, scored, sh, slipway
from slipway.cli.app import app


def iris(folder: Path) -> Path:
    """Three classes, as a spreadsheet in Germany writes them: with a semicolon, a decimal comma and row numbers."""
    found = datasets.load_iris(as_frame=True)
    frame = found.frame.assign(species=found.target_names[found.target], island=pd.Series(range(150)) % 4).drop(
        columns="target"
    )
    frame.insert(0, "nr", range(1, 151))
    frame.loc[::15, "petal length (cm)"] = None
    path = folder / "iris.csv"
    frame.to_csv(path, index=False, sep=";", decimal=",", na_rep="NA")
    return path


def tumours(folder: Path) -> Path:
    """Two classes and a split of its own."""
    found = datasets.load_breast_cancer(as_frame=True)
    frame = found.frame.assign(diagnosis=found.target_names[found.target]).drop(columns="target")
    frame["set"] = np.array(["train", "train", "train", "validation", "test"])[np.arange(len(frame)) % 5]
    (folder / "tumours").mkdir()
    frame.to_parquet(folder / "tumours" / "tumours.parquet")
    return folder / "tumours"


def progression(folder: Path) -> Path:
    """A number to predict."""
    path = folder / "diabetes.csv"
    datasets.load_diabetes(as_frame=True, scaled=False).frame.to_csv(path, index=False, sep="\t")
    return path


def visits(folder: Path) -> Path:
    """The daily visits of three shops, for 250 days."""
    days, draw = pd.date_range("2023-01-01", periods=250).strftime("%Y-%m-%d"), np.random.default_rng(0)
    week = np.array([30, 32, 31, 35, 48, 60, 20])[np.arange(250) % 7]
    frames = [
        pd.DataFrame({"day": days, "shop": name, "staff": 3 + size, "visits": draw.poisson(week * size)})
        for size, name in enumerate(["Bath", "Leeds", "York"], start=1)
    ]
    pd.concat(frames).to_csv(folder / "visits.csv", index=False, sep=";")
    return folder / "visits.csv"


@pytest.fixture
def smoke(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    in_smoke(monkeypatch)
    return repository


@pytest.mark.build
@pytest.mark.parametrize(
    ("make", "target", "task", "classes", "metric", "least"),
    [
        (iris, "species", "tabular_multiclass", {"setosa", "versicolor", "virginica"}, "accuracy", 0.8),
        (tumours, "diagnosis", "tabular_classification", {"malignant", "not malignant"}, "accuracy", 0.8),
        (progression, "target", "row_regression", set(), "r2", 0.2),
    ],
)
def test_a_table_is_built_gated_scored_predicted_and_removed(
    smoke: Path, tmp_path: Path, make, target: str, task: str, classes: set[str], metric: str, least: float
) -> None:
    data = make(tmp_path)
    said, record = built("--data", str(data), "--target", target, *(["--baseline"] if make is tumours else []))
    assert f"task: {task}" in said
    assert set(record["spec"].get("classes", ())) == classes
    assert ("the data has its own split (train 342, val 114, test 113)" in said) == (make is tumours)
    assert record["metrics"][metric]["value"] > least
    new = scored(data)
    assert new["metrics"][metric]["value"] > least
    if make is tumours:
        assert scored(without(data, "set"))["metrics"] == new["metrics"], "new data needs no column of sides"
        beside_a_plain_baseline(record)
    lines = predicted(_file(data))
    assert len(lines) == new["examples"] and all("prediction" in line for line in lines)
    removed()


def beside_a_plain_baseline(record: dict[str, Any]) -> None:
    """The report and the list of releases compare with it, and nothing else depends on it."""
    plain = json.loads(Path("reports/own/baseline.json").read_text())
    assert (plain["task"], plain["metric"]) == ("tabular_classification", "average_precision")
    both = f"average_precision {record['metrics'][plain['metric']]['value']:.4f}, plain baseline {plain['value']:.4f}: "
    shown = re.sub(r"[`\\\\]", "", Path("report.md").read_text())
    assert "#### Plain baseline" in shown and both in shown
    assert "Plain baseline" in Path("report.html").read_text()
    (listed,) = json.loads(slipway("releases", "own", "--json"))
    assert listed["plain_baseline"]["figures"].startswith(both)
    assert "baseline@own" not in sh("dvc status register@own") and "baseline.json" not in json.dumps(record)
    top = Path("params.yaml")
    asked = top.read_text()
    top.write_text(asked.replace("baselines:\n  own: tabular_classification\n", "baselines: {}\n"))
    (listed,) = json.loads(slipway("releases", "own", "--json"))
    assert listed["plain_baseline"] is None and "baseline@own" not in sh("dvc stage list --name-only")
    top.write_text(asked)


@pytest.mark.build
def test_series_are_built_gated_scored_forecast_and_removed(smoke: Path, tmp_path: Path) -> None:
    data = visits(tmp_path)
    said, record = built("--data", str(data), "--target", "visits")
    assert "task: tabular_regression" in said
    assert "day has a row every day for each of 3 values of shop" in said.replace("\n", " ")
    assert "'staff' (not known ahead)" in Path("conf/variant/own.yaml").read_text()
    assert record["metrics"]["mae_ratio_to_naive"]["value"] < 1 and record["metrics"]["coverage"]["value"] > 0.6
    assert record["parity"]["max_difference"] < 1e-5
    assert scored(data)["metrics"]["mae_ratio_to_naive"]["value"] < 1
    table = pd.read_csv(data, sep=";", dtype={"visits": object})
    table.loc[table["day"] > "2023-08-31", "visits"] = None
    table.to_csv(data, index=False, sep=";")
    lines = predicted(data)
    assert len(lines) == 3 * 7
    for line in lines:
        low, high = line["prediction"]["interval"]
        assert 0 <= low <= line["prediction"]["visits"] <= high
    removed()


def without(data: Path, column: str) -> Path:
    """The same tables without a column."""
    folder = data.with_name(f"{data.name} without {column}")
    folder.mkdir()
    for path in data.iterdir():
        pd.read_parquet(path).drop(columns=column).to_parquet(folder / path.name)
    return folder


def _file(data: Path) -> Path:
    return data if data.is_file() else next(data.glob("*"))


def test_a_dry_run_shows_everything_and_writes_nothing(repository: Path, tmp_path: Path) -> None:
    before = sh("git status --porcelain --ignored")
    said = slipway("new", "own", "--data", str(iris(tmp_path)), "--target", "species", "--dry-run")
    assert sh("git status --porcelain --ignored") == before
    text = said.partition("conf/variant/own.yaml would be:")[2]
    written = yaml.safe_load(text)
    assert written["data"] == {
        "target": "species",
        "numeric": [
            "sepal length (cm)",
            "sepal width (cm)",
            "petal length (cm)",
            "petal width (cm)",
            "island",
        ],
        "format": {"separator": ";", "decimal": ",", "missing": ["NA"]},
    }
    assert "# Columns left out: 'nr' (id)" in text
    assert written["convert"] == {"precision": "float32"}
    assert written["gate"]["rules"]["accuracy"]["min"] == 0.666


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--target", "price"], "no column price for --target; it has nr, sepal length (cm)"),
        ([], "name the column to predict with --target"),
    ],
)
def test_a_table_without_a_target_is_refused(
    repository: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    done = CliRunner().invoke(app, ["new", "own", "--data", str(iris(tmp_path)), *arguments])
    assert done.exit_code == 3 and message in done.stderr.replace("\n", " "), done.output
    assert sh("git status --porcelain") == ""
