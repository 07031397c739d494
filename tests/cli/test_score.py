"""`slipway score` on models of the smoke build: the scores of the test split are those of the record."""

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from slipway.cli.app import app
from slipway.data.shards import PackedSplit
from smoke import PICTURES, TABLE, sh

FOULS = "handball-context"


def score(model: str, data: Path) -> dict[str, Any]:
    done = CliRunner().invoke(app, ["score", model, str(data), "--json"])
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def record(variant: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((Path("models") / variant / "release.json").read_text())
    return found


@pytest.fixture
def pictures(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The pictures of the test split, in a folder of their own with their groups."""
    monkeypatch.chdir(built)
    raw, folder = Path("data/raw") / PICTURES, tmp_path / "pictures"
    names = list(PackedSplit(Path("data/prepared") / PICTURES / "test").examples["example"])
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(raw / name, folder / name)
    header, *lines = (raw / "metadata.csv").read_text().splitlines(keepends=True)
    kept = [line for line in lines if line.partition(",")[0] in names]
    (folder / "metadata.csv").write_text("".join([header, *kept]))
    return folder


@pytest.fixture
def fouls(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A table with the matches of the test split."""
    monkeypatch.chdir(built)
    (path,) = sorted((Path("data/raw") / FOULS).glob("*.csv.gz"))
    table = pd.read_csv(path)
    groups = PackedSplit(Path("data/prepared") / FOULS / "test").examples["group"].astype(str)
    table[table[record(FOULS)["data"]["group"]].astype(str).isin(groups)].to_csv(tmp_path / "rows.csv", index=False)
    return tmp_path / "rows.csv"


@pytest.mark.build  # by the fixtures that it asks for
@pytest.mark.parametrize(("variant", "data"), [(PICTURES, "pictures"), (FOULS, "fouls")])
def test_the_scores_of_the_test_split_are_those_of_the_record(
    variant: str, data: str, request: pytest.FixtureRequest
) -> None:
    found, recorded = score(variant, request.getfixturevalue(data)), record(variant)
    assert (found["examples"], found["groups"]) == (recorded["examples"], recorded["groups"])
    assert found["own"] == recorded["metrics"]
    for metric, one in recorded["metrics"].items():
        assert found["metrics"][metric]["value"] == pytest.approx(one["value"])
    assert all(one["low"] <= one["value"] <= one["high"] for one in found["metrics"].values() if one["low"] is not None)
    assert any(f"{key}_low" in row for rows in found["tables"].values() for row in rows for key in row)


def test_new_data_may_have_other_groups(fouls: Path) -> None:
    table = pd.read_csv(fouls)
    seasons = [f"s{row % 7}" for row in range(len(table))]
    table.assign(season=seasons).drop(columns=record(FOULS)["data"]["group"]).to_csv(fouls, index=False)
    done = CliRunner().invoke(app, ["score", FOULS, str(fouls), "--group", "season", "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["groups"] == 7
    done = CliRunner().invoke(app, ["score", FOULS, str(fouls), "--group", "period"])
    assert done.exit_code == 2 and "--group: period is a column that the model uses" in done.stderr, done.output
    done = CliRunner().invoke(app, ["score", TABLE, str(fouls), "--group", "season"])
    assert done.exit_code == 2 and "tabular_regression has no data.group" in done.stderr, done.output


def test_a_series_is_scored_with_its_history(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(built)
    found = score(TABLE, Path("data/raw") / TABLE)
    assert found["metrics"]["mae"]["value"] > 0
    assert found["examples"] > record(TABLE)["examples"]


def test_tables_for_people_have_the_interval_next_to_the_score(pictures: Path) -> None:
    damaged = sorted((pictures / "ad").glob("*.jpg"))[0]
    damaged.write_bytes(damaged.read_bytes()[:200])
    done = CliRunner().invoke(app, ["score", PICTURES, str(pictures)], env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    own = record(PICTURES)["metrics"]["accuracy"]
    assert f"{own['value']:.4g} ({own['low']:.4g} to {own['high']:.4g})" in done.output
    assert "per class" in done.output and "more rows: --json has all" in done.output
    assert f"warning: 1 examples cannot be read and are left out: ad/{damaged.name}: " in done.output


def test_what_cannot_be_scored_is_refused(pictures: Path, tmp_path: Path) -> None:
    def refused(data: Path, message: str) -> None:
        done = CliRunner().invoke(app, ["score", PICTURES, str(data)])
        assert done.exit_code == 3 and message in done.stderr, done.output

    refused(tmp_path / "absent", "no such file or folder")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "empty")
    shutil.copytree(pictures / "ad", pictures / "trailer")
    refused(pictures, "trailer")


def test_a_version_is_scored_as_the_build_that_it_was_registered_from(copy: Path) -> None:
    data = Path("data/raw") / FOULS
    here = json.loads(sh(f"slipway score {FOULS} {data} --json", copy))
    sh(f"slipway register {FOULS} && rm -r models/{FOULS}", copy)
    assert json.loads(sh(f"slipway score {FOULS}@v1.0.0 {data} --json", copy)) == here
