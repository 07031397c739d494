"""Tables of others, through every command, without editing a file."""

from pathlib import Path

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
    said, record = built("--data", str(data), "--target", target)
    assert f"task: {task}" in said
    assert set(record["spec"].get("classes", ())) == classes
    assert ("the data has its own split (train 342, val 114, test 113)" in said) == (make is tumours)
    assert record["metrics"][metric]["value"] > least
    new = scored(data)
    assert new["metrics"][metric]["value"] > least
    if make is tumours:
        assert scored(without(data, "set"))["metrics"] == new["metrics"], "new data needs no column of sides"
    lines = predicted(_file(data))
    assert len(lines) == new["examples"] and all("prediction" in line for line in lines)
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
