import json
from pathlib import Path

import pytest
from PIL import Image

from slipway.core import spec as specs
from slipway.core.errors import ModelError
from slipway.tasks.image_classification import Data, Task

STROKES = ("cut_shot", "pull_shot", "sweep")


def prepared(folder: Path, classes: tuple[str, ...]) -> Path:
    """Write the spec of data with a folder for each of `classes`, as `prepare` does; return its folder."""
    for name in classes:
        (folder / "raw" / name).mkdir(parents=True)
        Image.new("RGB", (16, 16)).save(folder / "raw" / name / "one.png")
    task = Task(Data(height=16, width=16))
    spec = task.specify(folder / "raw", task.index(folder / "raw").examples)
    (folder / specs.FILE).write_text(json.dumps(spec))
    return folder


@pytest.fixture
def native(tmp_path: Path) -> Path:
    """The folder of a native model, with the spec of its training data."""
    folder = tmp_path / "native"
    folder.mkdir()
    specs.keep(specs.prepared(prepared(tmp_path / "trained", STROKES)), folder)
    return folder


def test_class_names_are_kept_with_the_model_in_their_order(native: Path, tmp_path: Path) -> None:
    assert json.loads((native / specs.FILE).read_text())["outputs"] == list(STROKES)
    assert specs.shared(prepared(tmp_path / "same", STROKES), native)["outputs"] == list(STROKES)


def test_another_folder_is_another_class(tmp_path: Path) -> None:
    assert specs.prepared(prepared(tmp_path, (*STROKES, "late_cut")))["outputs"] == [
        *("cut_shot", "late_cut", "pull_shot", "sweep")
    ]


@pytest.mark.parametrize("classes", [(*STROKES, "late_cut"), STROKES[:2], ("cut_shot", "pull_shot", "scoop")])
def test_a_model_with_other_classes_than_its_data_is_refused(
    classes: tuple[str, ...], native: Path, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=r"native: trained on data whose classes is .*train it again") as refused:
        specs.shared(prepared(tmp_path / "other", classes), native)
    assert all(name in str(refused.value) for name in {*STROKES, *classes})


def test_the_same_classes_in_another_order_are_refused_too(native: Path, tmp_path: Path) -> None:
    data = prepared(tmp_path / "other", STROKES)
    spec = specs.prepared(data)
    spec["classes"], spec["outputs"] = spec["classes"][::-1], spec["outputs"][::-1]
    (data / specs.FILE).write_text(json.dumps(spec))
    with pytest.raises(ModelError, match="classes"):
        specs.shared(data, native)


def test_a_model_of_pictures_of_another_size_is_refused(native: Path, tmp_path: Path) -> None:
    data = prepared(tmp_path / "other", STROKES)
    spec = specs.prepared(data)
    (data / specs.FILE).write_text(json.dumps({**spec, "input": {"shape": [32, 32, 3], "dtype": "uint8"}}))
    with pytest.raises(ModelError, match=r"input is .*16, 16, 3.* has .*32, 32, 3"):
        specs.shared(data, native)
