"""Exports of annotation tools are read as they are, with their classes and their split."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import exports
from exports import CLASSES, SPLIT, WHOLE, WORLD
from slipway.core.errors import DataError
from slipway.tasks.object_detection import Data, Task


def task(classes: list[str], **data: object) -> Task:
    return Task(Data(**{"height": 64, "width": 96, "classes": classes, "max_boxes": 4, **data}))


def name_of(example: str) -> str:
    """The name of a picture in `WORLD`."""
    return Path(example).name.removeprefix("1f2e-")[0]


@pytest.mark.parametrize("export", [*SPLIT, *WHOLE])
@pytest.mark.parametrize("classes", [CLASSES, CLASSES[::-1]])
def test_the_same_objects_are_read_from_every_export(
    tmp_path: Path, export: Callable[[Path], Path], classes: list[str]
) -> None:
    raw, one = export(tmp_path), task(classes)
    index = one.index(raw)
    assert index.problems == []
    counts = {"head": 3, "helmet": 4}
    listed = ", ".join(f"{counts[name]} of {name}" for name in classes)
    assert f"objects: {listed}; 1 pictures without an object" in index.notes
    truth = {name: boxes for side in WORLD.values() for name, boxes in side.items()}
    assert {name_of(example) for example in index.examples["example"]} == set(truth)
    spec = one.specify(raw, index.examples)
    assert spec["outputs"] == spec["classes"] == classes
    (batch,) = one.encode(raw, index.examples, spec)
    assert batch.targets.shape == (5, 4, 5) and not batch.problems
    for example, labels, targets in zip(
        index.examples["example"], index.examples["labels"], batch.targets, strict=True
    ):
        boxes = truth[name_of(example)]
        assert set(labels) == {kind for kind, *_ in boxes}
        found = sorted(row.tolist() for row in targets[~np.isnan(targets[:, 0])])
        expected = sorted([x, y, w, h, classes.index(kind)] for kind, x, y, w, h in boxes)
        assert np.array(found) == pytest.approx(np.array(expected), abs=1e-6)


@pytest.mark.parametrize("export", SPLIT)
def test_the_split_of_an_export_is_kept(tmp_path: Path, export: Callable[[Path], Path]) -> None:
    examples = task(CLASSES).index(export(tmp_path)).examples
    expected = {name: side for side, pictures in WORLD.items() for name in pictures}
    assert {name_of(name): side for name, side in zip(examples["example"], examples["split"], strict=True)} == expected


@pytest.mark.parametrize("export", [*SPLIT, *WHOLE])
def test_the_task_is_recognized_and_its_classes_are_found(tmp_path: Path, export: Callable[[Path], Path]) -> None:
    raw = export(tmp_path)
    assert Task.fits(raw)
    data, notes = Task.stated(raw)
    assert sorted(data.pop("classes")) == CLASSES
    assert data == {"max_boxes": 8, "false_positives": 0.14}
    assert all("worn" in note for note in notes), "only a category without objects is left out"


@pytest.mark.parametrize("export", [*SPLIT, *WHOLE])
def test_a_variant_can_leave_classes_out(tmp_path: Path, export: Callable[[Path], Path]) -> None:
    raw, one = export(tmp_path), task(["helmet"])
    index = one.index(raw)
    assert "3 labels are of classes that the variant does not have and are not read" in index.notes
    (batch,) = one.encode(raw, index.examples, one.specify(raw, index.examples))
    assert batch.targets.shape == (5, 4, 4), "one class has no number"
    assert np.isfinite(batch.targets[..., 0]).sum() == 4
    with pytest.raises(DataError, match=r"it has no class visor; it has .* \(he"):
        task(["helmet", "visor"]).index(raw)


def test_an_export_without_a_split_may_have_one_folder(tmp_path: Path) -> None:
    for export, name in ((exports.roboflow_yolo, "yolo"), (exports.roboflow_coco, "coco")):
        raw = export(tmp_path / name)
        for side in ("valid", "test"):
            for path in sorted((raw / side).rglob("*"), reverse=True):
                path.unlink() if path.is_file() else path.rmdir()
            (raw / side).rmdir()
        index = task(CLASSES).index(raw)
        assert len(index.examples) == 3 and index.problems == []
        assert "split" not in index.examples, "it is divided by the variant's settings"


@pytest.mark.parametrize("export", WHOLE)
def test_each_side_may_be_an_export_of_its_own(tmp_path: Path, export: Callable[[Path], Path]) -> None:
    for side in ("train", "test"):
        export(tmp_path / side)
    assert Task.fits(tmp_path)
    index = task(CLASSES).index(tmp_path)
    assert index.problems == []
    assert index.examples["split"].value_counts().to_dict() == {"train": 5, "test": 5}
    assert (
        len(
            next(task(CLASSES).encode(tmp_path, index.examples, task(CLASSES).specify(tmp_path, index.examples))).inputs
        )
        == 10
    )


@pytest.mark.parametrize("export", [exports.roboflow_yolo, exports.roboflow_coco])
def test_pictures_that_are_made_of_one_get_a_note(tmp_path: Path, export: Callable[[Path], Path]) -> None:
    raw = export(tmp_path)
    assert not any("--group" in note for note in Task.stated(raw)[1])
    for path in [*raw.rglob("*b_jpg*"), *raw.rglob("*.json")]:
        if path.suffix == ".json":
            path.write_text(path.read_text().replace("b_jpg.rf.0a1b", "a_jpg.rf.99"))
        else:
            path.rename(path.with_name(path.name.replace("b_jpg.rf.0a1b", "a_jpg.rf.99")))
    (note,) = [note for note in Task.stated(raw)[1] if "--group" in note]
    expression = note.rpartition("--group ")[2].strip("'")
    groups = task(CLASSES, group=expression).index(raw).examples.groupby("group").size()
    assert groups.to_dict() == {"a_jpg": 2, "c_jpg": 1, "d_jpg": 1, "e_jpg": 1}


@pytest.mark.parametrize("export", [exports.roboflow_yolo, exports.roboflow_coco, exports.label_studio_coco])
def test_a_side_may_have_its_metadata(tmp_path: Path, export: Callable[[Path], Path]) -> None:
    sides = {"train": "train/", "test": "test/"} if export is exports.label_studio_coco else {"train": "train/"}
    for side in sides if len(sides) > 1 else [""]:
        export(tmp_path / side)
    for side, place in sides.items():
        names = sorted(path.relative_to(tmp_path / place).as_posix() for path in (tmp_path / place).rglob("*.jpg"))
        (tmp_path / place / "metadata.csv").write_text("path,group\n" + "".join(f"{name},{side} 1\n" for name in names))
    index = task(CLASSES).index(tmp_path)
    assert index.problems == []
    assert set(index.examples.loc[index.examples["split"] == "train", "group"]) == {"train 1"}


def test_classes_without_names_are_numbers(tmp_path: Path) -> None:
    raw = exports.label_studio_yolo(tmp_path)
    for name in ("classes.txt", "notes.json"):
        (raw / name).unlink()
    data, (note,) = Task.stated(raw)
    assert data["classes"] == ["class 0", "class 1"] and "write their names in data.classes" in note
    examples = task(["helmet", "head"]).index(raw).examples
    assert examples.set_index("example").loc["images/1f2e-b.jpg", "labels"] == ["helmet"]
    (raw / "labels/1f2e-b.txt").write_text("2 .5 .5 .1 .1\n")
    (problem,) = task(["helmet", "head"]).index(raw).problems
    assert (problem.where, problem.kind) == ("labels/1f2e-b.txt", "unknown class")
    assert "the numbers of the classes are 0, 1" in problem.detail
    with pytest.raises(DataError, match=r"the labels have class 0, class 1, class 3, .* write classes.txt"):
        (raw / "labels/1f2e-b.txt").write_text("3 .5 .5 .1 .1\n")
        Task.stated(raw)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "data.yaml",
            "names: [helmet, head, visor]\n",
            "data.yaml: its classes are 0 (helmet), 1 (head), 2 (visor), but ",
        ),
        ("data.yaml", "names: [helmet, yes]\n", "class 1 is called True; write its name in quotation marks"),
        ("data.yaml", "names: {one: helmet}\n", "'one' is not the number of a class"),
        ("data.yaml", "names: [helmet\n", "data.yaml"),
        ("notes.json", '{"categories": [{"id": 0, "name": null}]}', "class 0 is called None"),
        ("notes.json", "{", "notes.json: not JSON"),
    ],
)
def test_names_that_contradict_each_other_or_cannot_be_read_are_refused(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    raw = exports.label_studio_yolo(tmp_path)
    (raw / name).write_text(text)
    with pytest.raises(DataError) as refused:
        task(CLASSES).index(raw)
    assert message in str(refused.value)


def annotate(raw: Path, change: Callable[[dict[str, list[dict[str, object]]]], object]) -> None:
    path = raw / "result.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("wrong", "kind"),
    [
        ({"category_id": 9}, "unknown class"),
        ({"category_id": [1]}, "unknown class"),
        ({"bbox": [1, 2, 3]}, "malformed label"),
        ({"bbox": None}, "malformed label"),
        ({"bbox": [1, 2, float("nan"), 4]}, "malformed label"),
        ({"bbox": [10, 10, 0, 5]}, "empty box"),
        ({"bbox": [70, 10, 20, 5]}, "box outside"),
        ({"iscrowd": 1}, "crowd"),
    ],
)
def test_an_annotation_that_cannot_be_used_is_a_problem_of_its_picture(
    tmp_path: Path, wrong: dict[str, object], kind: str
) -> None:
    raw = exports.label_studio_coco(tmp_path)
    annotate(raw, lambda content: content["annotations"][1].update(wrong))
    index = task(CLASSES).index(raw)
    (problem,) = index.problems
    assert (problem.where, problem.kind) == ("images/1f2e-a.jpg", kind)
    assert "result.json, annotations[1]: " in problem.detail
    assert len(index.examples) == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content.pop("images"), "no list 'images', so it is not COCO's format"),
        (lambda content: content["annotations"][0].update(image_id=99), "annotations[0]: it is of no picture"),
        (lambda content: content["annotations"][0].update(image_id=[1]), "annotations[0]: it is of no picture"),
        (lambda content: content["images"][0].update(file_name="../x.jpg"), "images[0]: file_name '../x.jpg' must be"),
        (lambda content: content["images"][0].update(width="80"), "images[0]: width and height must be pixels"),
        (lambda content: content["categories"][0].pop("name"), "categories[0] has no id or no name"),
    ],
)
def test_a_file_that_is_not_cocos_is_refused(
    tmp_path: Path, change: Callable[[dict[str, list[dict[str, object]]]], object], message: str
) -> None:
    raw = exports.label_studio_coco(tmp_path)
    annotate(raw, change)
    with pytest.raises(DataError) as refused:
        task(CLASSES).index(raw)
    assert message in str(refused.value)


def test_pictures_that_are_not_listed_or_missing_are_problems(tmp_path: Path) -> None:
    raw = exports.label_studio_coco(tmp_path)
    (raw / "images/1f2e-a.jpg").rename(raw / "images/new.jpg")
    (raw / "more").mkdir()
    problems = {problem.where: problem.kind for problem in task(CLASSES).index(raw).problems}
    assert problems == {
        "images/1f2e-a.jpg": "missing file",
        "images/new.jpg": "not listed",
        "more": "not in a folder",
    }


def test_sides_with_other_categories_are_refused(tmp_path: Path) -> None:
    raw = exports.roboflow_coco(tmp_path)
    path = raw / "valid/_annotations.coco.json"
    path.write_text(path.read_text().replace("helmet", "hat"))
    with pytest.raises(DataError, match=r"valid.*: its categories are .*\(hat\), but another side .*\(helmet\)"):
        task(CLASSES).index(raw)


def test_folders_of_other_tasks_are_not_taken(tmp_path: Path) -> None:
    (tmp_path / "classes/ad").mkdir(parents=True)
    assert not Task.fits(tmp_path / "classes")
    assert not Task.fits(tmp_path / "absent")
    raw = exports.label_studio_coco(tmp_path / "coco")
    annotate(raw, lambda content: content["categories"][0].update(keypoints=["nose"]))
    assert not Task.fits(raw)
    (raw / "result.json").write_text("[]")
    assert not Task.fits(raw)


def test_an_object_of_another_class_in_the_same_place_is_an_object(tmp_path: Path) -> None:
    raw = exports.label_studio_yolo(tmp_path)
    (raw / "labels/1f2e-b.txt").write_text("0 .5 .5 .1 .1\n1 .5 .5 .1 .1\n0 .5 .5 .1 .1\n")
    index = task(CLASSES).index(raw)
    assert index.examples.set_index("example").loc["images/1f2e-b.jpg", "labels"] == CLASSES
    assert "1 labels repeat an earlier box and are not read" in index.notes


@pytest.mark.parametrize(
    "bad",
    [{"classes": ["a", "a"]}, {"classes": []}, {"classes": None}, {"name": "a"}, {"classes": [""]}, {"classes": [1]}],
)
def test_an_invalid_section_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"classes|name"):
        task(**{"classes": ["a", "b"], **bad})


def test_new_keys_are_not_written_for_a_variant_with_a_name() -> None:
    written = Data(height=64, width=64, name="ball").model_dump(mode="json")
    assert set(written) == {"height", "width", "name", "max_boxes", "false_positives", "group"}
    assert Data(**written).classes is None


def labelled(raw: Path, **changes: object) -> Path:
    """A folder as Label Studio exports it, with other values in its file; `None` takes a list away."""
    raw = exports.label_studio_coco(raw)
    content = json.loads((raw / "result.json").read_text())
    for key, change in changes.items():
        if change is None:
            del content[key]
        elif callable(change):
            for one in content[key]:
                change(one)
        else:
            content[key] = change
    (raw / "result.json").write_text(json.dumps(content))
    return raw


def test_numbers_with_a_point_are_numbers_of_categories_and_pixels(tmp_path: Path) -> None:
    def categories(one: dict) -> None:
        one["id"] = float(one["id"])

    def annotations(one: dict) -> None:
        one |= {"category_id": float(one["category_id"]), "image_id": float(one["image_id"])}

    def images(one: dict) -> None:
        one |= {"id": float(one["id"]), "width": float(one["width"]), "height": float(one["height"])}

    index = task(CLASSES).index(labelled(tmp_path, categories=categories, annotations=annotations, images=images))
    assert index.problems == [] and len(index.examples) == 5


@pytest.mark.parametrize("prefix", ["/home/someone/pictures/", "data\\upload\\7\\", "s3/bucket/"])
def test_pictures_are_found_where_they_are_if_they_were_labelled_elsewhere(tmp_path: Path, prefix: str) -> None:
    def images(one: dict) -> None:
        one["file_name"] = prefix + one["file_name"].rpartition("\\")[2]

    index = task(CLASSES).index(labelled(tmp_path, images=images))
    assert index.problems == [] and len(index.examples) == 5


def test_two_entries_for_one_picture_are_refused(tmp_path: Path) -> None:
    def images(one: dict) -> None:
        one["file_name"] = f"{one['id']}/1f2e-a.jpg"

    with pytest.raises(DataError, match=r"images\[1\]: images/1f2e-a\.jpg is listed earlier, with another id"):
        task(CLASSES).index(labelled(tmp_path, images=images))


def test_a_file_without_categories_is_recognized_and_refused_with_the_reason(tmp_path: Path) -> None:
    assert Task.fits(labelled(tmp_path / "empty", categories=[]))
    with pytest.raises(DataError, match="the list categories is empty"):
        Task.stated(tmp_path / "empty")
    assert Task.fits(labelled(tmp_path / "absent", categories=None))
    with pytest.raises(DataError, match="no list 'categories'"):
        Task.stated(tmp_path / "absent")
