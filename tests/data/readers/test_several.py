"""Folders of files with any number of labels: by the column `labels`, or by a folder for each label."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from slipway.core.errors import DataError
from slipway.core.protocol import Index
from slipway.data.readers import several
from slipway_edge.pictures import recognise


def picture(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)).save(path, "PNG")


def read(raw: Path, classes: list[str] | None = None, separator: str | None = None, group: str | None = None) -> Index:
    pattern = None if group is None else re.compile(group)
    return several.index(raw, classes, separator, recognise, pattern, "pictures")


def labels(index: Index) -> dict[str, list[str]]:
    return dict(zip(index.examples["example"], index.examples["labels"], strict=True))


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Pictures anywhere, with a column `labels`."""
    for seed, name in enumerate(("a.png", "b.png", "deep/c.png", "deep/d.png")):
        picture(tmp_path / name, seed)
    write(tmp_path, "a.png,bird|rain,v1", "b.png,,v1", "deep/c.png,rain,v2", "deep/d.png,bird,")
    return tmp_path


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """A folder for each label; one picture is in two as a copy, and one as a link."""
    for seed, name in enumerate(("bird/a.png", "bird/b.png", "rain/c.png", "wind/d.png")):
        picture(tmp_path / name, seed)
    (tmp_path / "rain" / "copy.png").write_bytes((tmp_path / "bird" / "a.png").read_bytes())
    (tmp_path / "wind" / "c.png").symlink_to(tmp_path / "rain" / "c.png")
    return tmp_path


def write(raw: Path, *rows: str, header: str = "path,labels,group") -> None:
    (raw / "metadata.csv").write_text("\n".join([header, *rows]) + "\n")


def test_the_column_gives_each_picture_its_labels_or_none(table: Path) -> None:
    found = read(table)
    assert labels(found) == {"a.png": ["bird", "rain"], "b.png": [], "deep/c.png": ["rain"], "deep/d.png": ["bird"]}
    assert found.examples["label"].tolist() == ["bird, rain", "no label", "rain", "bird"]
    assert found.examples["group"].tolist() == ["v1", "v1", "v2", "deep/d.png"]
    assert found.problems == []
    assert found.notes == ["metadata.csv: the labels of a file are separated by '|'", "1 pictures have no label"]


def test_the_separator_is_that_of_the_column(table: Path) -> None:
    assert several.separator(table) == "|"


def test_labels_are_in_the_order_of_the_classes(table: Path) -> None:
    assert several.names(table, None, None) == ("bird", "rain")
    assert several.names(table, ["rain", "bird"], None) == ("rain", "bird")
    assert read(table, ["rain", "bird"]).examples["label"].iloc[0] == "rain, bird"


def test_folders_of_a_split_may_be_above_the_pictures(tmp_path: Path) -> None:
    for seed, side in enumerate(("train", "val", "test")):
        picture(tmp_path / side / "x1_a.png", seed)
    write(tmp_path, *(f"{side}/x1_a.png,bird;rain" for side in ("train", "val", "test")), header="path,labels")
    found = read(tmp_path, group="^([^_]+)_")
    assert found.examples["split"].tolist() == ["test", "train", "val"]
    assert set(found.examples["group"]) == {"x1"}


def test_each_side_of_a_split_may_have_its_own_metadata(tmp_path: Path) -> None:
    for seed, side in enumerate(("train", "val", "test")):
        picture(tmp_path / side / "a.png", seed)
        write(tmp_path / side, "a.png,bird;rain", header="path,labels")
    found = read(tmp_path)
    assert labels(found) == {f"{side}/a.png": ["bird", "rain"] for side in ("test", "train", "val")}
    assert found.examples["split"].tolist() == ["test", "train", "val"] and found.problems == []
    (tmp_path / "val" / "metadata.csv").unlink()
    assert [(one.where, one.kind) for one in read(tmp_path).problems] == [("val/a.png", "not listed")]
    write(tmp_path / "val", "a.png,v1", header="path,group")
    with pytest.raises(DataError, match=r"val/metadata.csv: no column labels, which test/metadata.csv has"):
        read(tmp_path)


def test_a_picture_without_a_row_and_a_row_without_a_picture_are_reported(table: Path) -> None:
    picture(table / "new.png", 9)
    (table / "deep" / "notes.txt").write_text("about them")
    write(table, "a.png,bird|rain,v1", "b.png,,v1", "deep/c.png,rain,v2", "deep/d.png,bird,", "gone.png,bird,v3")
    assert {problem.where: problem.kind for problem in read(table).problems} == {
        "new.png": "not listed", "gone.png": "missing file", "deep/notes.txt": "not a picture"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "header", "classes", "said"),
    [
        (
            ["a.png,bird|rain", "b.png,", "deep/c.png,", "deep/d.png,"],
            "path,labels",
            ["bird"],
            "not in data.classes: rain",
        ),
        (
            ["a.png,bird|rain", "b.png,", "deep/c.png,", "deep/d.png,"],
            "path,labels",
            ["bird", "rain", "wind"],
            "no pictures with the label wind",
        ),
        (["a.png,bird", "b.png,", "deep/c.png,", "deep/d.png,"], "path,labels", None, "1 labels; there must be two"),
        (["a.png,bird,bird;rain"], "path,label,labels", None, "the columns label and labels; keep labels"),
        (["a.png,bird;rain", "b.png,rain|bird"], "path,labels", None, r"metadata.csv, line 2: 'bird;rain'"),
    ],
)
def test_labels_that_cannot_be_used_are_refused_by_name(
    table: Path, rows: list[str], header: str, classes: list[str] | None, said: str
) -> None:
    write(table, *rows, header=header)
    with pytest.raises(DataError, match=said):
        read(table, classes)


def test_a_file_in_several_folders_is_one_example_with_several_labels(folders: Path) -> None:
    found = read(folders)
    assert labels(found) == {
        "bird/a.png": ["bird", "rain"],
        "bird/b.png": ["bird"],
        "rain/c.png": ["rain", "wind"],
        "wind/d.png": ["wind"],
    }
    assert found.problems == []
    assert found.notes == ["files with equal bytes in several folders are one example: 2 examples have several labels"]
    assert several.names(folders, None, None) == ("bird", "rain", "wind")


def test_copies_in_one_folder_stay_two_examples(folders: Path) -> None:
    (folders / "bird" / "again.png").write_bytes((folders / "bird" / "b.png").read_bytes())
    assert {"bird/again.png", "bird/b.png"} <= labels(read(folders)).keys()


def test_copies_keep_the_group_that_one_of_them_has_and_must_not_have_two(folders: Path) -> None:
    rows = ["bird/a.png,", "bird/b.png,v2", "rain/c.png,v3", "wind/d.png,v4", "rain/copy.png,v1", "wind/c.png,v3"]
    write(folders, *rows, header="path,group")
    groups = dict(read(folders).examples[["example", "group"]].itertuples(index=False))
    assert groups["bird/a.png"] == "v1" and groups["rain/c.png"] == "v3"
    write(folders, "bird/a.png,v9", *rows[1:], header="path,group")
    found = read(folders)
    assert "bird/a.png" not in labels(found)
    assert [(one.where, one.kind, one.detail) for one in found.problems] == [
        ("bird/a.png", "several groups", "rain/copy.png has the same bytes and another group")
    ]


def test_several_labels_are_recognized_by_the_column_or_by_copies_in_different_folders(
    folders: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert several.suits(folders)
    plain = tmp_path_factory.mktemp("plain")
    for seed in range(40):
        picture(plain / "train" / ("bird" if seed % 2 else "rain") / f"{seed}.png", seed)
    (plain / "test" / "bird").mkdir(parents=True)
    for seed in range(1, 40, 2):  # the same pictures on two sides of a split, in one class
        (plain / "test" / "bird" / f"{seed}.png").write_bytes((plain / "train" / "bird" / f"{seed}.png").read_bytes())
    assert not several.suits(plain)
    (plain / "train" / "rain" / "wrong.png").write_bytes((plain / "train" / "bird" / "1.png").read_bytes())
    assert not several.suits(plain), "a single contradiction is a mistake, not a second label"
    write(plain, "train/rain/0.png,rain", header="path,labels")
    assert several.suits(plain)
