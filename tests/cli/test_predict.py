"""`slipway predict` on models of the smoke build: files, folders and tables, stopped runs, and what cannot be read."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from slipway.cli import predict
from slipway.cli.app import app
from slipway.data.readers.table_format import Format
from slipway_edge.predictor import Predictor
from smoke import PICTURES, TABLE, sh

FOULS = "handball-context"


def run(*arguments: object) -> tuple[int, list[dict[str, Any]]]:
    done = CliRunner().invoke(app, ["predict", *map(str, arguments)])
    assert done.exit_code in (0, 3), done.output
    return done.exit_code, [json.loads(line) for line in done.stdout.splitlines()]


def values(predictions: Iterable[dict[str, float]]) -> list[float]:
    return [value for prediction in predictions for value in prediction.values()]


@pytest.fixture
def pictures(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with three pictures, one of them in a subfolder, a damaged one, and what a file manager left there."""
    monkeypatch.chdir(built)
    folder = tmp_path / "pictures"
    (folder / "more").mkdir(parents=True)
    files = sorted((built / "data/raw" / PICTURES).rglob("*.jpg"))[:3]
    for name, path in zip(("a.jpg", "c.jpg", "more/d.jpg"), files, strict=True):
        (folder / name).write_bytes(path.read_bytes())
    (folder / "b.jpg").write_bytes(files[0].read_bytes()[:900])
    (folder / ".DS_Store").write_bytes(b"x")
    return folder


def test_files_and_folders_are_predicted_in_order_and_a_damaged_file_stops_no_other(pictures: Path) -> None:
    code, results = run(PICTURES, pictures)
    assert code == 3
    assert [Path(one["example"]).relative_to(pictures).as_posix() for one in results] == [
        "a.jpg",
        "b.jpg",
        "c.jpg",
        "more/d.jpg",
    ]
    assert results[1]["error"].startswith("truncated: ")
    direct = Predictor.load(Path("models") / PICTURES).predict([pictures / "a.jpg", pictures / "more/d.jpg"])
    assert [results[0]["prediction"], results[3]["prediction"]] == direct
    record = json.loads((Path("models") / PICTURES / "release.json").read_text())
    assert {one["model"] for one in results} == {record["artifacts"]["model.tflite"]["sha256"][:12]}
    assert run(PICTURES, pictures / "a.jpg", pictures / "a.jpg") == (0, results[:1]), "a file is predicted once"


def test_a_stopped_run_goes_on_after_the_last_complete_line(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, out = tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    assert run(PICTURES, pictures, "--out", whole) == (3, [])
    lines = whole.read_bytes().splitlines(keepends=True)
    out.write_bytes(b"".join(lines[:2]) + lines[2][:20])
    asked: list[Any] = []
    original = Predictor.predict
    monkeypatch.setattr(Predictor, "predict", lambda self, examples: asked.extend(examples) or original(self, examples))
    assert run(PICTURES, pictures, "--out", out) == (3, []), "what could not be read before still counts"
    assert out.read_bytes() == whole.read_bytes()
    assert asked == [pictures / "c.jpg", pictures / "more/d.jpg"]
    run(PICTURES, pictures, "--out", out)
    assert out.read_bytes() == whole.read_bytes()


def test_results_of_another_model_and_other_files_are_not_continued(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    for content, message in (
        (b'{"example": "a.jpg", "model": "0123456789ab", "prediction": {}}\n', "predictions of another model"),
        (b"a,b\n1,2\n", "not a file of predictions"),
    ):
        out.write_bytes(content)
        done = CliRunner().invoke(app, ["predict", PICTURES, str(pictures), "--out", str(out)])
        assert done.exit_code == 3 and message in done.stderr
        assert out.read_bytes() == content


def test_rows_of_a_table_are_predicted_as_in_the_build(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(built)
    (path,) = sorted((built / "data/raw" / FOULS).glob("*.csv.gz"))
    table = pd.read_csv(path)[:20]
    table.to_csv(tmp_path / "rows.csv", index=False)
    table.to_parquet(tmp_path / "rows.parquet")
    direct = Predictor.load(Path("models") / FOULS).predict(table)
    for name in ("rows.csv", "rows.parquet"):
        code, results = run(FOULS, tmp_path / name)
        assert code == 0
        assert [one["example"] for one in results] == [f"{tmp_path / name} row {row}" for row in range(1, 21)]
        assert np.allclose(values(one["prediction"] for one in results), values(direct))


def test_a_row_that_cannot_be_used_does_not_stop_the_others(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(built)
    (path,) = sorted((built / "data/raw" / FOULS).glob("*.csv.gz"))
    table = pd.read_csv(path)[:20].astype({"x": object})
    whole = Predictor.load(Path("models") / FOULS).predict(table.drop(index=[3, 17]))
    table.loc[[3, 17], "x"] = "far"
    table.to_csv(tmp_path / "rows.csv", index=False)
    code, results = run(FOULS, tmp_path / "rows.csv")
    assert code == 3 and len(results) == 20
    wrong = {one["example"].rpartition(" ")[2]: one["error"] for one in results if "error" in one}
    assert wrong == dict.fromkeys(("4", "18"), "x is far, not a number; fix or remove these rows")
    assert np.allclose(values(one["prediction"] for one in results if "error" not in one), values(whole))


def test_a_forecast_has_a_result_for_each_row_without_a_value(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(built)
    (path,) = sorted((built / "data/raw" / TABLE).glob("*.csv"))
    table = pd.read_csv(path)
    target = json.loads((Path("models") / TABLE / "release.json").read_text())["data"]["target"]
    table.loc[table.index[-5:-1], target] = np.nan
    table.to_csv(tmp_path / "hours.csv", index=False)
    code, results = run(TABLE, tmp_path / "hours.csv")
    assert code == 0
    assert [int(one["example"].rpartition(" ")[2]) for one in results] == list(range(len(table) - 4, len(table)))
    assert np.allclose(
        [one["prediction"][target] for one in results],
        values(Predictor.load(Path("models") / TABLE).predict(table)),
    )


def test_text_of_a_csv_stays_and_empty_numbers_are_missing(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("code,x,word\n007,1.50,NA\n008,NA,\n009,,yes\n")
    found = predict._table(tmp_path / "t.csv", Format())
    assert found.fillna("missing").to_dict("list") == {
        "code": ["007", "008", "009"],
        "x": ["1.50", "missing", "missing"],
        "word": ["NA", "missing", "yes"],
    }


@pytest.mark.parametrize(
    ("variant", "name", "content", "message"),
    [
        (PICTURES, "t.csv", "a,b\n1,2\n", "the model takes files, each with one example, and no tables"),
        (FOULS, "a.jpg", "x", "the model takes tables (.csv, .csv.gz, .tsv, .tsv.gz, .parquet)"),
        (FOULS, "t.csv", "a,b\n1,2\n", "no column"),
        (FOULS, "t.csv", "a,b\n1,2,3\n", "line 2"),
        (FOULS, "t.parquet", "no", "cannot be read as a table"),
    ],
)
def test_what_the_model_cannot_read_is_an_error_of_one_line(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variant: str, name: str, content: str, message: str
) -> None:
    monkeypatch.chdir(built)
    (tmp_path / name).write_text(content)
    code, (result,) = run(variant, tmp_path / name)
    assert code == 3
    assert message in result["error"] and "\n" not in result["error"]


def test_an_unknown_model_and_an_absent_or_empty_folder_are_refused(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(built)
    for arguments, code, message in (
        (["nothing", tmp_path], 2, "params.yaml has no variant nothing"),
        ([PICTURES, tmp_path / "absent"], 3, "no such file or folder"),
        ([PICTURES, tmp_path], 3, "no file in this folder"),
        ([f"{PICTURES}@v9.0.0", tmp_path], 5, "base-ad-detector has no versions"),
    ):
        done = CliRunner().invoke(app, ["predict", *map(str, arguments)])
        assert done.exit_code == code and message in done.stderr, done.output


def test_a_version_predicts_as_the_build_that_it_was_registered_from(copy: Path, tmp_path: Path) -> None:
    (path,) = sorted((copy / "data/raw" / FOULS).glob("*.csv.gz"))
    pd.read_csv(path)[:3].to_csv(tmp_path / "rows.csv", index=False)
    here = sh(f"slipway predict {FOULS} {tmp_path / 'rows.csv'}", copy)
    sh(f"slipway register {FOULS} && rm -r models/{FOULS}", copy)
    assert sh(f"slipway predict {FOULS}@latest {tmp_path / 'rows.csv'}", copy) == here
