"""`slipway new --test`: a test set that is given apart from the data, for each kind of data."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
from PIL import Image
from typer.testing import CliRunner

from conftest import fingerprints
from own_data import slipway
from slipway import tasks
from slipway.cli.app import app
from slipway.cli.held_out import joined
from slipway.core.config import Split
from slipway.core.errors import DataError, SlipwayError
from slipway.core.protocol import Index
from slipway.data import splits
from stick_figures import NAMES, figures


def pictures(folder: Path, each: int = 6, seed: int = 0) -> Path:
    for kind, label in enumerate(("cat", "dog")):
        (folder / label).mkdir(parents=True)
        for number in range(each):
            noise = np.random.default_rng((seed, kind, number)).integers(0, 256, (8, 8, 3), np.uint8)
            Image.fromarray(noise).save(folder / label / f"v{number // 2}_{number}.png")
    return folder


def sounds(folder: Path, each: int = 6, seed: int = 0) -> Path:
    for kind, label in enumerate(("rain", "wind")):
        (folder / label).mkdir(parents=True)
        for number in range(each):
            noise = np.random.default_rng((seed, kind, number)).normal(0, 0.1, 8000)
            soundfile.write(folder / label / f"{number}.wav", noise, 8000)
    return folder


def table(path: Path, rows: int = 40, seed: int = 0) -> Path:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"a": rng.normal(size=rows), "b": rng.normal(size=rows)})
    frame.assign(target=np.where(frame["a"] > 0, "yes", "no")).to_csv(path, index=False)
    return path


ROWS: dict[str, Any] = {"task": "tabular_classification", "target": "target", "numeric": ["a", "b"]}
ROWS |= {"positive": "yes", "name": "yes"}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, in place of a repository."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path


def index(data: Path, test: Path, task: str, **section: Any) -> Index:
    """The examples of both, as `slipway new` and the stages read them."""
    with joined("own", data, test) as folder:
        return tasks.load(task, section).index(folder)


SIZE = {"height": 16, "width": 16}
MAKERS = [
    (pictures, "image_classification", SIZE),
    (sounds, "audio_classification", {}),
    (figures, "keypoint_detection", SIZE | {"keypoints": NAMES}),
]


@pytest.mark.parametrize(("make", "task", "section"), MAKERS, ids=[task for _, task, _ in MAKERS])
def test_a_folder_is_the_test_split(here: Path, make: Any, task: str, section: dict[str, Any]) -> None:
    data, test = make(here / "data"), make(here / "held out", 2, seed=1)
    before = fingerprints(here)
    found = index(data, test, task, **section)
    assert found.problems == []
    from_test = found.examples["example"].str.startswith("test/")
    assert from_test.any() and (found.examples["split"] == np.where(from_test, "test", "train")).all()
    assert fingerprints(here) == before, "the sources stay, and nothing else does"


@pytest.mark.parametrize("as_folder", [False, True])
def test_a_table_is_the_test_split(here: Path, as_folder: bool) -> None:
    data, test = table(here / "rows.csv"), table(here / "later.csv", 10, seed=1)
    if as_folder:
        (here / "folder").mkdir()
        test = test.rename(here / "folder" / "later.csv").parent
    examples = index(data, test, **ROWS).examples
    assert examples["split"].value_counts().to_dict() == {"train": 40, "test": 10}
    assert examples.loc[examples["split"] == "test", "example"].str.startswith("test/later.csv row ").all()


def days(path: Path, first: str, number: int) -> Path:
    dates = pd.date_range(first, periods=number)
    pd.DataFrame({"day": dates.strftime("%Y-%m-%d"), "sales": 50 + 10 * (dates.day_of_week > 4)}).to_csv(
        path, index=False
    )
    return path


SERIES = {"target": "sales", "time": "day", "place": None, "step": "1d", "exclude": []}


def test_later_times_are_the_test_split_of_a_forecast_and_the_latest_before_them_val(here: Path) -> None:
    examples = index(
        days(here / "a.csv", "2024-01-01", 100), days(here / "b.csv", "2024-04-10", 20), "tabular_regression", **SERIES
    ).examples
    sides = splits.assign(examples, Split(by="time"), classes=None, seed=0)
    assert sides.groupby(sides).size().to_dict() == {"train": 82, "val": 18, "test": 20}
    ends = examples["time"].groupby(sides).agg(["min", "max"]).loc[list(splits.SIDES)].to_numpy().ravel()
    assert (ends[:-1] <= ends[1:]).all()
    assert splits.own(examples, Split(by="time")) == [
        "the data has its own split (train 100, val 0, test 20); val is cut from train, by time"
    ]
    assert examples["naive"].notna().sum() == 113, "a week before the first test days is known from the data"


def test_a_test_set_of_earlier_times_is_refused(here: Path) -> None:
    examples = index(
        days(here / "a.csv", "2024-01-01", 100), days(here / "b.csv", "2023-12-01", 20), "tabular_regression", **SERIES
    ).examples
    with pytest.raises(DataError, match=r"test begins at 2023-12-01 .* must be later than all others"):
        splits.assign(examples, Split(by="time"), classes=None, seed=0)


def test_a_test_set_is_added_to_data_in_train_and_val(here: Path) -> None:
    pictures(here / "data" / "train")
    pictures(here / "data" / "val", 2, seed=1)
    examples = index(here / "data", pictures(here / "new", 2, seed=2), "image_classification", **SIZE).examples
    assert examples["split"].value_counts().to_dict() == {"train": 12, "val": 4, "test": 4}


def test_each_folder_may_have_its_metadata(here: Path) -> None:
    """The groups of the data stay on one side when val is cut from it; the test set needs no file."""
    data, test = pictures(here / "data"), pictures(here / "test", 2, seed=1)
    paths = sorted(path.relative_to(data).as_posix() for path in data.rglob("*.png"))
    rows = [f"{path},{Path(path).name.split('_')[0]}" for path in paths]
    (data / "metadata.csv").write_text("\n".join(["path,group", *rows]))
    found = index(data, test, "image_classification", **SIZE)
    assert found.problems == []
    groups = found.examples.set_index("example")["group"]
    assert groups["train/cat/v1_2.png"] == groups["train/dog/v1_3.png"] == "v1"
    assert groups["test/cat/v0_0.png"] == "test/cat/v0_0.png"
    (data / "metadata.csv").write_text("\n".join(["path,group", *rows[1:], "cat/absent.png,v1"]))
    assert [(one.where, one.detail) for one in index(data, test, "image_classification", **SIZE).problems] == [
        ("cat/absent.png", "train/metadata.csv lists it in row 13, and there is no such file"),
        ("train/cat/v0_0.png", "train/metadata.csv has no row for it"),
    ]


def test_equal_rows_on_both_sides_are_reported_and_stay_where_they_are(here: Path) -> None:
    data, test = table(here / "rows.csv"), table(here / "later.csv", 10, seed=1)
    test.write_text(test.read_text() + data.read_text().splitlines()[1] + "\n")
    found = index(data, test, **ROWS)
    assert found.warnings[1:] == [
        "1 of 11 rows of val and test are equal in all features to a row on another side of the data's own split: "
        "scores on them flatter the model"
    ]
    assert splits.assign(found.examples, Split(), classes=["yes", "not yes"], seed=0).value_counts()["test"] == 11


def test_folders_and_a_column_cannot_both_be_the_split(here: Path) -> None:
    for path in (here / "rows.csv", here / "later.csv"):
        frame = pd.read_csv(table(path))
        frame.assign(side=["train", "test"] * 20).to_csv(path, index=False)
    with pytest.raises(DataError, match=r"rows\.csv: both its folders and column side \(data\.split\) are a split"):
        index(here / "rows.csv", here / "later.csv", **ROWS, split="side")


def refused(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["new", "own", *arguments])
    return done.exit_code, done.stderr.replace("\n", " ")


def test_a_test_set_in_slipway_new(repository: Path, tmp_path: Path) -> None:
    """Copies on both sides are reported, and so is a class that the test set lacks; the data is copied as it is."""
    data, test = pictures(tmp_path / "data"), pictures(tmp_path / "test", 2, seed=1)
    (test / "dog").rename(tmp_path / "dog")
    code, said = refused("--data", str(data), "--test", str(test))
    assert code == 3 and "test has no example of dog, by the data's own split; add some" in said
    assert said.startswith(f"error: {data}: ") and not Path("data/raw/own").exists()
    (tmp_path / "dog").rename(test / "dog")
    (test / "cat" / "again.png").write_bytes((data / "cat" / "v0_0.png").read_bytes())
    notes = json.loads(slipway("new", "own", "--data", str(data), "--test", str(test), "--json"))["notes"]
    assert "the data has its own split (train 12, val 0, test 5); val is cut from train, by group" in notes
    assert any("1 sets of exact copies (2 files), 1 of them across the split" in note for note in notes)
    for side, source in (("train", data), ("test", test)):
        assert fingerprints(Path("data/raw/own") / side) == fingerprints(source)
    assert {path.name for path in Path("data/raw").iterdir() if path.is_dir()} == {"own"}


def test_what_cannot_be_a_test_set_is_refused(here: Path) -> None:
    data, test = pictures(here / "data"), pictures(here / "test", 2, seed=1)

    def message(data: Path, test: Path) -> str:
        with pytest.raises(SlipwayError) as failed:
            index(data, test, "image_classification", **SIZE)
        return str(failed.value)

    assert message(data, here / "absent") == f"{here / 'absent'}: no such file or folder"
    assert "must be apart" in message(data, data / "cat")
    assert "must be apart" in message(data, data)
    assert "must be apart" in message(here, test)
    pictures(here / "divided" / "train")
    pictures(here / "divided" / "test")
    assert "has a test split of its own, test; leave out --test" in message(here / "divided", data)
    assert "put the test set into data/raw/own/test" in message(pictures(Path("data/raw/own")), data)
    (test / "dog").rename(test / "fox")
    said = message(data, test)
    assert said.startswith(f"{data}: ") and "train has no folder for test/fox" in said


def test_a_link_in_a_test_set_is_reported_as_one(here: Path) -> None:
    data, test = pictures(here / "data"), pictures(here / "test", 2, seed=1)
    (test / "dog").rename(here / "dogs")
    (test / "dog").symlink_to(here / "dogs")
    (test / "cat" / "gone.png").symlink_to(here / "nothing.png")
    found = index(data, test, "image_classification", **SIZE)
    assert [(one.where, one.kind) for one in found.problems] == [
        ("test/cat/gone.png", "unreadable"),
        ("test/dog", "linked folder"),
    ]


def test_without_a_test_set_the_data_is_what_it_is(tmp_path: Path) -> None:
    with joined("own", tmp_path, None) as folder:
        assert folder == tmp_path
