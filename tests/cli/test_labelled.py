"""`slipway score --labels`: files in any folders, with a CSV file of their labels."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

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
    predictor: Any = SimpleNamespace(record={"task": task})
    with labelled(predictor, folder, labels) as scratch:
        return tasks.load(task, {"height": 8, "width": 8}).index(scratch)


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
    with pytest.raises(DataError, match="no column label"):
        index(folder, write(folder.parent, "a.png,cat", header="path,kind"))


def test_without_a_file_of_labels_the_folder_is_what_it_is(folder: Path) -> None:
    predictor: Any = SimpleNamespace(record={"task": "image_classification"})
    with labelled(predictor, folder, None) as same:
        assert same == folder
