"""`--labels` of `slipway new` and `slipway score`: files in any folders, with a table of their labels."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conftest import fingerprints
from slipway import tasks
from slipway.cli.labelled import labelled
from slipway.core.errors import ConfigError, DataError
from slipway.core.protocol import Index


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four pictures, two of them with the same name, and what a file manager leaves behind."""
    raw = tmp_path / "new pictures"
    for seed, name in enumerate(("a.png", "b.png", "more/a.png", "more/c d.png")):
        (raw / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)).save(raw / name)
    (raw / ".DS_Store").write_bytes(b"x")
    return raw


def index(folder: Path, labels: Path | None, task: str = "image_classification") -> Index:
    with labelled(folder, labels, task=task) as laid:
        return tasks.load(task, {"height": 8, "width": 8}).index(laid.folder)


def write(folder: Path, *rows: str, header: str = "path;label;group") -> Path:
    path = folder / "labels.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


ROWS = ("a.png;cat;v1", "b.png;dog, big;v1", "more\\a.png;dog, big;v2", "more/c d.png;cat;v2")


def test_each_file_has_the_class_and_the_group_of_its_row(folder: Path) -> None:
    labels, before = write(folder, *ROWS), fingerprints(folder)
    found = index(folder, labels)
    assert found.problems == []
    assert [tuple(row) for row in found.examples[["example", "label", "group"]].to_numpy()] == [
        ("cat/a.png", "cat", "v1"),
        ("cat/more/c d.png", "cat", "v2"),
        ("dog, big/b.png", "dog, big", "v1"),
        ("dog, big/more/a.png", "dog, big", "v2"),
    ]
    assert fingerprints(folder) == before


def test_files_may_have_several_labels(folder: Path) -> None:
    rows = ("a.png,rain|bird", "b.png,", "more/a.png,bird", "more/c d.png,rain")
    found = index(folder, write(folder.parent, *rows, header="path,labels"), "image_multilabel")
    assert found.examples["labels"].tolist() == [["bird", "rain"], [], ["bird"], ["rain"]]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (ROWS[:3], "no row for more/c d.png; each file"),
        ((*ROWS, "x.png;cat;"), r"row 5: 'x.png' is no file in"),
        ((*ROWS, "../labels.csv;cat;"), r"row 5: '../labels.csv' is no file in"),
        ((*ROWS, "a.png;dog, big;"), r"row 5: 'a.png' is listed in an earlier row"),
        (("a.png;../x;", *ROWS[1:]), r"row 1: '../x' is not the name of a class"),
        (("a.png;;", *ROWS[1:]), "row 1: '' is not the name of a class"),
    ],
)
def test_a_file_of_labels_that_does_not_fit_is_refused(folder: Path, rows: tuple[str, ...], message: str) -> None:
    with pytest.raises(DataError) as failed:
        index(folder, write(folder.parent, *rows))
    assert message in str(failed.value)


def test_other_data_has_its_labels_in_itself(folder: Path) -> None:
    with pytest.raises(ConfigError, match="the data of object_detection has its labels in its own files"):
        index(folder, write(folder.parent, *ROWS), "object_detection")


KAGGLE = ("a,cat,1", "b,dog,1", "more/a,dog,2", "more/c d,cat,2")


def labels_of(folder: Path, labels: Path | None, **named: str) -> dict[str, str]:
    with labelled(folder, labels, **named) as laid:
        found = tasks.load("image_classification", {"height": 8, "width": 8}).index(laid.folder).examples
    return {path.partition("/")[2]: label for path, label in zip(found["example"], found["label"], strict=True)}


WANTED = {"a.png": "cat", "b.png": "dog", "more/a.png": "dog", "more/c d.png": "cat"}


def test_columns_are_found_by_what_they_hold(folder: Path) -> None:
    """As competitions publish them: a column of names without suffix, and one with the class."""
    rows = [row.rpartition(",")[0] for row in KAGGLE]
    assert labels_of(folder, write(folder.parent, *rows, header="id,breed")) == WANTED
    assert labels_of(folder, write(folder.parent, *KAGGLE, header="id,breed,age"), target="breed") == WANTED
    assert labels_of(folder, write(folder.parent, *KAGGLE, header="id,label,age")) == WANTED
    tabs = write(folder.parent, *(row.replace(",", "\t") for row in rows), header="file_name\tclass")
    assert labels_of(folder, tabs) == WANTED


@pytest.mark.parametrize(
    ("header", "rows", "message"),
    [
        (
            "id,breed,age",
            KAGGLE,
            "no column labels or label, and not one other column; call the one with the classes so",
        ),
        ("number,breed", ("1,cat", "2,dog"), "no column names files in"),
        ("id,other", ("a.png,a.png", "b.png,b.png", "more/a.png,b.png", "more/c d.png,b.png"), "several columns name"),
        ("id,breed", ("a,cat", "c,dog"), "row 2: 'c' is no file in"),
        ("id,breed", ("a,cat", "c d,dog"), "row 2: 'c d' is no file in"),
        ("path,path,label", ("a.png,b.png,cat",), "several columns are called path"),
        ("path,label", ("a.png,.cat",), "row 1: '.cat' is not the name of a class"),
    ],
)
def test_columns_that_are_not_clear_are_refused(folder: Path, header: str, rows: tuple[str, ...], message: str) -> None:
    with pytest.raises(DataError) as failed:
        labels_of(folder, write(folder.parent, *rows, header=header))
    assert message in str(failed.value)


def test_a_name_without_suffix_that_two_files_have_is_refused(folder: Path) -> None:
    (folder / "a.jpg").write_bytes((folder / "a.png").read_bytes())
    with pytest.raises(DataError, match="row 1: 'a' is no file in"):
        labels_of(folder, write(folder.parent, "a,cat", "b,dog", header="path,label"))


def test_folders_of_a_split_stay_a_split(tmp_path: Path, folder: Path) -> None:
    root = tmp_path / "whole"
    for side in ("train", "valid", "test"):
        (root / side).mkdir(parents=True)
        for name in ("a.png", "b.png"):
            (root / side / name).write_bytes((folder / name).read_bytes())
    rows = [f"{side}/{name},{label}" for side in ("train", "valid", "test") for name, label in (("a", "x"), ("b", "y"))]
    found = index(root, write(tmp_path, *rows, header="image,kind"))
    assert sorted(map(tuple, found.examples[["split", "label"]].to_numpy())) == [
        (side, label) for side in ("test", "train", "val") for label in ("x", "y")
    ]


def test_a_metadata_file_states_the_classes_if_no_folder_does(folder: Path) -> None:
    write(folder, *ROWS).rename(folder / "metadata.csv")
    found = index(folder, None)
    assert found.problems == [] and sorted(set(found.examples["label"])) == ["cat", "dog, big"]
    (folder / "cat").mkdir()
    with labelled(folder, None, task="image_classification") as laid:
        assert laid.folder == folder


def test_data_in_place_is_not_rearranged(folder: Path) -> None:
    labels = write(folder.parent, *ROWS)
    with pytest.raises(ConfigError, match=r"is in .* already"), labelled(folder, labels, raw=folder):
        pass


def test_without_a_table_of_labels_the_folder_is_what_it_is(folder: Path) -> None:
    with labelled(folder, None, task="image_classification") as same:
        assert same == (folder, ())
