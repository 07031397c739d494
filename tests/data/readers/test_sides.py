"""Folders of a split above the classes are read as one; classes with such names are not."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from PIL import Image

from slipway import tasks
from slipway.cli.suitable import has_rows
from slipway.core.config import Split
from slipway.core.errors import DataError
from slipway.core.protocol import Index
from slipway.data import splits
from slipway.data.readers.sides import above_classes
from slipway.data.rows.proposal import propose
from slipway.tasks.image_classification import Data, Task
from stick_figures import NAMES, figures


def pictures(raw: Path, *folders: str, each: int = 3) -> Path:
    for at, folder in enumerate(folders):
        (raw / folder).mkdir(parents=True)
        for number in range(each):
            Image.new("RGB", (8, 8), (at * 10, number * 20, 0)).save(raw / folder / f"v{number}.png")
    return raw


def index(raw: Path, **data: object) -> Index:
    return Task(Data(height=8, width=8, **data)).index(raw)


def sides(examples: pd.DataFrame) -> dict[str, str]:
    return dict(zip(examples["example"], examples["split"], strict=True))


@pytest.mark.parametrize(
    ("names", "meant"),
    [
        (("train", "val", "test"), ("train", "val", "test")),
        (("Training", "valid", "TESTING"), ("train", "val", "test")),
        (("train_set", "validation", "test-set"), ("train", "val", "test")),
        (("seg_train", "dev", "seg_test"), ("train", "val", "test")),
        (("train2017", "val2017", "testset"), ("train", "val", "test")),
    ],
)
def test_folders_above_the_classes_are_the_split(
    tmp_path: Path, names: tuple[str, ...], meant: tuple[str, ...]
) -> None:
    raw = pictures(tmp_path, *(f"{name}/{label}" for name in names for label in ("ad", "content/deep")))
    found = index(raw)
    assert found.problems == []
    assert set(found.examples["label"]) == {"ad", "content"}
    assert {name.split("/")[0]: side for name, side in sides(found.examples).items()} == dict(
        zip(names, meant, strict=True)
    )
    assert splits.assign(found.examples, Split(), classes=["ad", "content"], seed=0).tolist() == (
        found.examples["split"].tolist()
    )


def test_the_spec_has_the_classes_below_the_split(tmp_path: Path) -> None:
    raw = pictures(tmp_path, "train/b", "train/a", "test/a", "test/b")
    task = Task(Data(height=8, width=8))
    examples = task.index(raw).examples
    spec = task.specify(raw, examples)
    assert spec["classes"] == ["a", "b"]
    (batch,) = task.encode(raw, examples, spec)
    assert len(batch.inputs) == 12


def test_a_missing_side_is_cut_from_train_by_group(tmp_path: Path) -> None:
    raw = pictures(tmp_path, *(f"{side}/{label}" for side in ("train", "test") for label in ("a", "b")), each=12)
    examples = index(raw, group="^(v[0-9]+)").examples
    examples["group"] = examples["split"] + examples["group"]
    dealt = splits.assign(examples, Split(), classes=["a", "b"], seed=0)
    assert (dealt[examples["split"] == "test"] == "test").all()
    assert set(dealt[examples["split"] == "train"]) == {"train", "val"}
    assert (dealt.groupby(examples["group"]).nunique() == 1).all()
    assert splits.own(examples, Split()) == [
        "the data has its own split (train 24, val 0, test 24); val is cut from train, by group"
    ]


def test_a_group_is_searched_for_below_the_class_folder_and_metadata_is_read_with_the_split(tmp_path: Path) -> None:
    raw = pictures(tmp_path, "train/a", "train/b", "test/a", "test/b")
    with pytest.raises(DataError, match="group v0 is on both train and test"):
        splits.assign(index(raw, group="^(v0)").examples, Split(), classes=None, seed=0)
    rows = [f"{path.relative_to(raw).as_posix()},g{path.parts[-3]},{path.parts[-3]}" for path in raw.rglob("*.png")]
    (raw / "metadata.csv").write_text("\n".join(["path,group,split", *rows]))
    found = index(raw)
    assert found.problems == []
    assert set(found.examples["group"]) == {"gtrain", "gtest"}
    (raw / "metadata.csv").write_text("\n".join(["path,group,split", *rows]).replace(",train", ",val"))
    assert {problem.kind for problem in index(raw).problems} == {"split disagrees"}


def test_classes_named_like_sides_are_classes(tmp_path: Path) -> None:
    assert set(index(pictures(tmp_path / "vehicles", "train/v1", "bus/v1")).examples["label"]) == {"train", "bus"}
    assert set(index(pictures(tmp_path / "flat", "train", "test", "bus")).examples["label"]) == {"train", "test", "bus"}
    named = pictures(tmp_path / "named", "train/v1", "test/v1")
    assert above_classes(named, ()) == {"test": "test", "train": "train"}
    assert set(index(named, classes=("train", "test")).examples["label"]) == {"train", "test"}
    assert set(index(pictures(tmp_path / "words", "test pattern/v1", "train station/v1")).examples["label"]) == {
        "test pattern",
        "train station",
    }


def test_a_class_in_a_split_may_be_named_like_a_side(tmp_path: Path) -> None:
    raw = pictures(tmp_path, "train/train", "train/bus", "test/train", "test/bus")
    for data in ({}, {"classes": ("train", "bus")}):
        examples = index(raw, **data).examples
        assert set(examples["label"]) == {"train", "bus"}
        assert examples["split"].tolist() == ["test"] * 6 + ["train"] * 6


def test_sounds_are_divided_in_the_same_way(tmp_path: Path) -> None:
    for number, folder in enumerate(("train/rain", "train/wind", "validation/rain", "validation/wind")):
        (tmp_path / folder).mkdir(parents=True)
        soundfile.write(tmp_path / folder / "a.wav", np.random.default_rng(number).normal(0, 0.1, 800), 8000)
    task = tasks.load("audio_classification", {})
    assert sides(task.index(tmp_path).examples) == {
        "train/rain/a.wav": "train",
        "train/wind/a.wav": "train",
        "validation/rain/a.wav": "val",
        "validation/wind/a.wav": "val",
    }


@pytest.mark.parametrize("name", ["Metadata.csv", "metadata.tsv", "METADATA.xlsx"])
def test_metadata_under_another_name_is_refused(tmp_path: Path, name: str) -> None:
    (pictures(tmp_path, "a", "b") / name).write_text("path,group\n")
    with pytest.raises(DataError, match=r"is called metadata\.csv; rename it"):
        index(tmp_path)


@pytest.mark.parametrize(
    ("folders", "why"),
    [
        (("train/a", "train/b", "test"), "test holds files and no class folders"),
        (("train/a", "train/b", "test/a", "bus/a"), "bus is next to them"),
        (("val/a", "val/b", "test/a", "test/b"), "there is no train"),
        (("train/v1", "train/v2", "test/v3"), "train has no folder for test/v3"),
    ],
)
def test_folders_that_look_like_a_split_and_are_not_one_are_refused(
    tmp_path: Path, folders: tuple[str, ...], why: str
) -> None:
    with pytest.raises(DataError, match=f"named like the sides of a split, but cannot be read as one: {why}"):
        index(pictures(tmp_path, *folders))


def test_files_next_to_the_class_folders_of_a_side_are_listed(tmp_path: Path) -> None:
    raw = pictures(tmp_path, "train/a", "train/b", "test/a", "test/b")
    Image.new("RGB", (8, 8)).save(raw / "train" / "stray.png")
    (raw / "val").mkdir()
    assert [(problem.where, problem.kind) for problem in index(raw).problems] == [
        ("train/stray.png", "not in a class folder")
    ]


def table(path: Path, rows: int, start: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    number = np.arange(start, start + rows)
    pd.DataFrame({"a": number, "b": number % 3, "target": number % 2}).to_csv(path, index=False)


def rows(raw: Path, **data: object) -> Index:
    columns = {"target": "target", "numeric": ["a", "b"], "positive": "1", "name": "one"}
    return tasks.load("tabular_classification", columns | data).index(raw)


def test_tables_in_folders_of_a_split_are_on_their_sides(tmp_path: Path) -> None:
    for start, (name, count) in enumerate({"Training/a": 20, "Training/b": 10, "valid/a": 6, "test/a": 8}.items()):
        table(tmp_path / f"{name}.csv", count, 100 * start)
    found = rows(tmp_path)
    assert found.problems == [] and found.warnings == []
    assert sides(found.examples)["valid/a.csv row 0000001"] == "val"
    assert found.examples["split"].value_counts().to_dict() == {"train": 30, "test": 8, "val": 6}
    proposed = propose(tmp_path, None, None)
    assert len(proposed.values) == 44 and has_rows(tmp_path, None)
    (tmp_path / "test" / "notes.txt").write_text("hello")
    (tmp_path / "test" / "picture").mkdir()
    assert not has_rows(tmp_path, None)


def test_a_table_next_to_the_folders_of_a_split_is_refused(tmp_path: Path) -> None:
    for name in ("train/a", "test/a", "b"):
        table(tmp_path / f"{name}.csv", 10)
    with pytest.raises(DataError, match="named like the sides of a split, but cannot be read as one: files is next"):
        rows(tmp_path)


def test_equal_rows_of_one_side_are_a_group_and_those_of_two_sides_are_not(tmp_path: Path) -> None:
    for name in ("train/a", "train/b", "test/a"):
        table(tmp_path / f"{name}.csv", 10)
    found = rows(tmp_path)
    assert found.examples["group"].nunique() == 20
    assert found.warnings == [
        "20 of 30 rows (66.7%) repeat an earlier row; they may be copies but are kept, since no column names the rows "
        "(data.example)",
        "10 of 10 rows of val and test are equal in all features to a row on another side of the data's own split: "
        "scores on them flatter the model",
    ]


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        ("split", ["train", "val", "test"], "split"),
        ("Set", ["Training", "validation", "holdout"], "split"),
        ("split", ["train", "test", "other"], "categorical"),
        ("phase", ["train", "test", "val"], "categorical"),
    ],
)
def test_a_column_of_sides_is_the_split_of_a_table(tmp_path: Path, name: str, values: list[str], kind: str) -> None:
    table(tmp_path / "a.csv", 30)
    pd.read_csv(tmp_path / "a.csv").assign(**{name: values * 10}).to_csv(tmp_path / "a.csv", index=False)
    proposed = propose(tmp_path, None, None)
    assert {one.name: one.kind for one in proposed.columns}[name] == kind
    assert proposed.data.get("split") == (name if kind == "split" else None)


def test_persons_in_folders_of_a_split_are_on_their_sides(tmp_path: Path) -> None:
    for side, count in (("train", 8), ("val", 4), ("test", 4)):
        figures(tmp_path / side, count, seed=count)
    task = tasks.load("keypoint_detection", {"height": 32, "width": 32, "keypoints": NAMES})
    examples = task.index(tmp_path).examples
    assert examples["split"].value_counts().to_dict() == {"train": 10, "val": 5, "test": 5}
    assert set(examples["example"].str.partition("#")[0]) <= {
        f"{path.parts[-3]}/images/{path.name}" for path in tmp_path.rglob("*.png")
    }
    spec = task.specify(tmp_path, examples)
    assert sum(len(batch.inputs) for batch in task.encode(tmp_path, examples, spec)) == 20
    path = tmp_path / "val" / "annotations.json"
    path.write_text(path.read_text().replace('"right_foot"', '"tail"'))
    with pytest.raises(DataError, match=r"annotations.json: keypoints of the category with keypoints is \[.*'tail'\]"):
        task.index(tmp_path)
    path.unlink()
    with pytest.raises(DataError, match=r"val: the COCO keypoints must be in annotations.json"):
        task.index(tmp_path)
