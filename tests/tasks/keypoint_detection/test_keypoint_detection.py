"""Persons of COCO annotations as examples, from the raw folder to the predictions for a caller."""

import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from slipway.core.errors import DataError
from slipway.core.protocol import Task as Protocol
from slipway.metrics.keypoints import SIGMAS
from slipway.tasks.keypoint_detection import Data, Task

NAMES = list(SIGMAS)
WIDTH, HEIGHT = 80, 60
SPEC = {
    "objective": "keypoints",
    "input": {"shape": [32, 24, 3], "dtype": "uint8"},
    "outputs": NAMES,
    "skeleton": [[15, 13]],
    "mirrored": [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15],
    "sigmas": list(SIGMAS.values()),
}


def task(**data: object) -> Task:
    return Task(Data(**{"height": 32, "width": 24, **data}))


def person(number: int, image: int, x: float = 20.0, y: float = 10.0) -> dict[str, Any]:
    """A person of 20 x 40 pixels whose keypoints lie on a diagonal, the last three not annotated."""
    keypoints = [(x + i, y + 2 * i, 2 if i % 2 else 1) if i < 14 else (0, 0, 0) for i in range(17)]
    return {
        "id": number,
        "image_id": image,
        "category_id": 1,
        "bbox": [x, y, 20, 40],
        "area": 500.0,
        "keypoints": [value for point in keypoints for value in point],
    }


def jpeg(seed: int, size: tuple[int, int] = (WIDTH, HEIGHT)) -> bytes:
    small = Image.fromarray(np.random.default_rng(seed).integers(0, 256, (5, 6, 3), np.uint8))
    out = BytesIO()
    small.resize(size, Image.Resampling.BICUBIC).save(out, "JPEG", quality=92)
    return out.getvalue()


@pytest.fixture
def coco() -> dict[str, Any]:
    """Three pictures of one, two and no persons."""
    return {
        "images": [{"id": i, "file_name": f"{i}.jpg", "width": WIDTH, "height": HEIGHT} for i in (1, 2, 3)],
        "categories": [{"id": 1, "name": "person", "keypoints": NAMES, "skeleton": [[16, 14]]}],
        "annotations": [person(10, 1), person(11, 2), person(12, 2, x=45.0)],
    }


@pytest.fixture
def write(tmp_path: Path) -> Callable[[dict[str, Any]], Path]:
    """Return a function that writes annotations next to their pictures."""

    def write(coco: dict[str, Any]) -> Path:
        (tmp_path / "images").mkdir(exist_ok=True)
        for image in (1, 2, 3):
            (tmp_path / f"images/{image}.jpg").write_bytes(jpeg(image))
        (tmp_path / "annotations.json").write_text(json.dumps(coco))
        return tmp_path

    return write


def test_persons_without_a_keypoint_are_counted_and_not_read(
    coco: dict[str, Any], write: Callable[[dict[str, Any]], Path]
) -> None:
    """Most persons of COCO's own annotations are like this, and so are its crowds."""
    nothing = {"keypoints": [0] * 51, "num_keypoints": 0}
    coco["annotations"] += [person(13, 3) | nothing, person(14, 3) | nothing | {"iscrowd": 1}]
    index = task().index(write(coco))
    assert len(index.examples) == 3 and index.problems == []
    assert index.notes == ["2 annotations have no keypoint (v is 0 for all) and are not read"]


@pytest.mark.parametrize("above", ["", "images/"])
def test_the_folders_that_coco_offers_are_read_as_they_are(coco: dict[str, Any], tmp_path: Path, above: str) -> None:
    (tmp_path / "annotations").mkdir()
    for side, images in (("train", (1,)), ("val", (2, 3))):
        (tmp_path / f"{above}{side}2017").mkdir(parents=True)
        for image in images:
            (tmp_path / f"{above}{side}2017/{image}.jpg").write_bytes(jpeg(image))
        own = {
            "images": [one for one in coco["images"] if one["id"] in images],
            "annotations": [one for one in coco["annotations"] if one["image_id"] in images],
        }
        (tmp_path / f"annotations/person_keypoints_{side}2017.json").write_text(json.dumps(coco | own))
        (tmp_path / f"annotations/captions_{side}2017.json").write_text("{}")
    assert Task.fits(tmp_path)
    index = task(group="^(.)").index(tmp_path)
    assert index.problems == []
    first = f"{above}train2017/1.jpg#10"
    assert index.examples.set_index("example")["split"].to_dict() == {
        first: "train",
        f"{above}val2017/2.jpg#11": "val",
        f"{above}val2017/2.jpg#12": "val",
    }
    assert set(index.examples["group"]) == {"1", "2"}
    (batch,) = task().encode(tmp_path, index.examples, task().specify(tmp_path, index.examples))
    assert len(batch.inputs) == 3 and not batch.problems


@pytest.fixture
def raw(coco: dict[str, Any], write: Callable[[dict[str, Any]], Path]) -> Path:
    return write(coco)


def test_it_is_a_task() -> None:
    checked: Protocol = task()
    assert set(checked.headline) <= checked.metrics.keys()


def test_every_annotated_person_is_an_example_and_a_picture_is_a_group(raw: Path) -> None:
    index = task().index(raw)
    assert index.problems == []
    assert index.examples["example"].tolist() == ["images/1.jpg#10", "images/2.jpg#11", "images/2.jpg#12"]
    assert index.examples["group"].tolist() == ["images/1.jpg", "images/2.jpg", "images/2.jpg"]
    assert index.examples["label"].tolist() == ["person"] * 3
    assert task().specify(raw, index.examples) == SPEC


def test_metadata_or_an_expression_names_the_groups_of_pictures(raw: Path) -> None:
    assert task(group="^(.)").index(raw).examples["group"].tolist() == ["1", "2", "2"]
    (raw / "metadata.csv").write_text(
        "path,group,split\nimages/1.jpg,m1,train\nimages/2.jpg,m2,test\nimages/3.jpg,m2,val\n"
    )
    examples = task().index(raw).examples
    assert examples["group"].tolist() == ["m1", "m2", "m2"]
    assert examples["split"].tolist() == ["train", "test", "test"]
    (raw / "metadata.csv").write_text("path,group\nimages/1.jpg,m1\n")
    index = task().index(raw)
    assert index.examples["example"].tolist() == ["images/1.jpg#10"]
    assert [(p.where, p.kind) for p in index.problems] == [
        ("images/2.jpg", "not listed"),
        ("images/3.jpg", "not listed"),
    ]


def test_file_names_may_start_with_the_folder(coco: dict[str, Any], write: Callable[[dict[str, Any]], Path]) -> None:
    for image in coco["images"]:
        image["file_name"] = f"images/{image['file_name']}"
    assert len(task().index(write(coco)).examples) == 3


def test_a_person_that_is_annotated_twice_is_one_and_is_reported(
    coco: dict[str, Any], write: Callable[[dict[str, Any]], Path]
) -> None:
    """As in two merged exports: the same person under another id, with numbers rounded differently."""
    again = person(99, 1)
    again["bbox"] = [value + 0.004 for value in again["bbox"]]
    coco["annotations"].append(again)
    index = task().index(write(coco))
    assert len(index.examples) == 3
    assert index.problems == []
    assert index.notes == ["1 annotations repeat an earlier person and are not read"]


def test_sides_below_images_are_the_split(coco: dict[str, Any], write: Callable[[dict[str, Any]], Path]) -> None:
    for image, side in zip(coco["images"], ("train2017", "val2017", "val2017"), strict=True):
        image["file_name"] = f"{side}/{image['file_name']}"
    raw = write(coco)
    for image in coco["images"]:
        path = raw / "images" / image["file_name"]
        path.parent.mkdir(exist_ok=True)
        (raw / "images" / path.name).rename(path)
    index = task(group="^(.)").index(raw)
    assert index.examples["split"].tolist() == ["train", "val", "val"]
    assert index.examples["group"].tolist() == ["1", "2", "2"]


ODD = st.sampled_from(
    [None, True, -1, 0, 1, 1.0, 10**400, float("nan"), float("inf"), "", "1", "\ud800", [], [[]], {}, "../x"]
)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.lists(st.integers(0, 60), min_size=1, max_size=4), value=ODD, cut=st.none() | st.integers(0, 900))
def test_mutated_annotations_are_read_listed_or_refused(
    write: Callable[[dict[str, Any]], Path], path: list[int], value: object, cut: int | None
) -> None:
    """One value is changed, or the file is truncated."""
    content: dict[str, Any] = {
        "images": [{"id": i, "file_name": f"{i}.jpg", "width": WIDTH, "height": HEIGHT} for i in (1, 2, 3)],
        "categories": [{"id": 1, "name": "person", "keypoints": list(NAMES), "skeleton": [[16, 14]]}],
        "annotations": [person(10, 1), person(11, 2), person(12, 2, x=45.0)],
    }
    place: Any = content
    for step in path:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = keys[step % len(keys)]
        if not isinstance(place[key], dict | list) or not place[key] or step == path[-1]:
            place[key] = value
            break
        place = place[key]
    raw = write({})
    text = json.dumps(content)
    (raw / "annotations.json").write_bytes(b"\xef\xbb\xbf" + text[:cut].encode())
    try:
        index = task().index(raw)
    except DataError as refused:
        assert "annotations.json" in str(refused) or "is not one of COCO's" in str(refused)
        return
    spec = task().specify(raw, index.examples)
    encoded = [len(batch.inputs) + len(batch.problems) for batch in task().encode(raw, index.examples, spec)]
    assert sum(encoded) == len(index.examples)
    json.dumps([index.examples.to_dict("records"), [vars(one) for one in index.problems], spec]).encode()


def test_a_crop_is_the_box_with_a_margin_in_the_proportions_of_the_input(raw: Path) -> None:
    row = task(margin=0.5).index(raw).examples.iloc[0]
    assert row[["crop_height", "crop_width"]].tolist() == [60, 45]
    assert row[["crop_x", "crop_y"]].tolist() == [30 - 22.5, 30 - 30]


def test_targets_are_shares_of_the_crop_and_lead_back_to_the_picture(raw: Path) -> None:
    examples = task().index(raw).examples
    (batch,) = task().encode(raw, examples, SPEC)
    assert batch.rows.tolist() == [0, 1, 2]
    assert (batch.inputs.shape, batch.inputs.dtype) == ((3, 32, 24, 3), np.uint8)
    assert (batch.targets.shape, batch.targets.dtype) == ((3, 17, 3), np.float32)
    assert (batch.targets[:, 14:] == 0).all()
    for row, target in zip(examples.to_dict("records"), batch.targets, strict=True):
        x, y = target[:14, 0] * row["crop_width"] + row["crop_x"], target[:14, 1] * row["crop_height"] + row["crop_y"]
        wanted = np.reshape(row["keypoints"], (17, 3))[:14]
        np.testing.assert_allclose(np.stack([x, y], 1), wanted[:, :2], atol=1e-4)
        assert target[:14, 2].tolist() == wanted[:, 2].tolist()


def test_a_crop_shows_the_pixels_that_its_targets_name(tmp_path: Path, coco: dict[str, Any]) -> None:
    """A white square around a keypoint is at the target, for crops larger than the input and beyond the picture."""
    pixels = np.zeros((600, 800, 3), np.uint8)
    pixels[290:310, 20:40] = 255
    (tmp_path / "images").mkdir()
    Image.fromarray(pixels).save(tmp_path / "images/1.jpg", quality=95)
    coco["images"] = [{"id": 1, "file_name": "1.jpg", "width": 800, "height": 600}]
    keypoints = [30, 300, 2] + [0, 0, 0] * 16
    coco["annotations"] = [person(1, 1) | {"bbox": [0, 200, 100, 300], "keypoints": keypoints}]
    (tmp_path / "annotations.json").write_text(json.dumps(coco))
    examples = task().index(tmp_path).examples
    assert examples["crop_x"][0] < 0
    (batch,) = task().encode(tmp_path, examples, SPEC)
    white = np.argwhere(batch.inputs[0].min(axis=-1) > 200).mean(axis=0)
    np.testing.assert_allclose((white[::-1] + 0.5) / [24, 32], batch.targets[0, 0, :2], atol=0.02)
    assert batch.inputs[0, 0, 0].tolist() == [127, 127, 127]


def keypoints(*changed: tuple[int, float, float, int]) -> list[float]:
    points = np.reshape(person(1, 1)["keypoints"], (17, 3)).astype(float)
    for position, *values in changed:
        points[position] = values
    return points.ravel().tolist()


@pytest.mark.parametrize(
    ("bad", "kind", "detail"),
    [
        ({"keypoints": keypoints((3, 81.5, 20, 2))}, "keypoint outside", "left_ear at 81.5, 20 is outside the picture"),
        ({"keypoints": keypoints((3, 20, -5, 1))}, "keypoint outside", "left_ear at 20, -5"),
        ({"keypoints": [1, 2, 2]}, "bad keypoints", "17 keypoints need 51 numbers (x, y and v for each), not 3 values"),
        ({"keypoints": keypoints((3, 20, 20, 3))}, "bad keypoints", "v must be 0, 1 or 2, not 3"),
        ({"keypoints": [5, 5, 0] * 17}, "no keypoint", "no keypoint is annotated"),
        ({"keypoints": keypoints((3, float("nan"), 20, 2))}, "bad keypoints", "51 numbers"),
        ({"bbox": [70, 10, 20, 40]}, "box outside", "leaves the picture of 80 x 60"),
        ({"bbox": [20, 10, 0, 40]}, "empty box", "0 x 40"),
        ({"bbox": [20, 10, 20]}, "bad box", "four numbers"),
        ({"area": 0}, "bad area", "square pixels, not 0"),
        ({"area": None}, "incomplete", "no area"),
        ({"image_id": 99}, "unknown picture", "no id 99"),
        ({"category_id": 2}, "unknown category", "2 is not person"),
        ({"iscrowd": 1}, "crowd", "several persons"),
        ({"id": 11, "image_id": 2}, "listed twice", "11 occurs earlier in the list"),
    ],
)
def test_a_bad_annotation_is_a_problem_and_the_others_are_kept(
    bad: dict[str, Any], kind: str, detail: str, coco: dict[str, Any], write: Callable[[dict[str, Any]], Path]
) -> None:
    coco["annotations"].append(person(13, 3) | bad)
    index = task().index(write(coco))
    assert len(index.examples) == 3
    ((where, found, reason),) = [(p.where, p.kind, p.detail) for p in index.problems]
    assert (where, found) == ("annotations.json, annotations[3]", kind)
    assert detail in reason


def test_coordinates_of_keypoints_that_are_not_annotated_do_not_matter(
    coco: dict[str, Any], write: Callable[[dict[str, Any]], Path]
) -> None:
    coco["annotations"][0]["keypoints"] = keypoints((16, -500, 900, 0))
    raw = write(coco)
    index = task().index(raw)
    assert index.problems == []
    (batch,) = task().encode(raw, index.examples, SPEC)
    assert batch.targets[0, 16].tolist() == [0, 0, 0]


def test_pictures_that_are_missing_damaged_unlisted_or_of_another_size_are_problems(raw: Path) -> None:
    (raw / "images/1.jpg").unlink()
    (raw / "images/4.jpg").write_bytes(jpeg(4))
    (raw / "images/notes.txt").write_text("hello")
    index = task().index(raw)
    assert [(p.where, p.kind) for p in index.problems] == [
        ("images/1.jpg", "missing picture"),
        ("images/4.jpg", "not annotated"),
        ("images/notes.txt", "not a picture"),
    ]
    assert index.examples["picture"].tolist() == ["images/2.jpg"] * 2
    content = jpeg(2)
    for damaged, kind in ((content[: len(content) // 2], "truncated"), (jpeg(2, (40, 30)), "size disagrees")):
        (raw / "images/2.jpg").write_bytes(damaged)
        (batch,) = task().encode(raw, index.examples, SPEC)
        assert len(batch.rows) == len(batch.inputs) == len(batch.targets) == 0
        assert [(p.where, p.kind) for p in batch.problems] == [
            ("images/2.jpg#11", kind),
            ("images/2.jpg#12", kind),
        ]


def test_a_truncated_picture_leaves_the_rows_of_the_others(raw: Path) -> None:
    content = (raw / "images/1.jpg").read_bytes()
    (raw / "images/1.jpg").write_bytes(content[: len(content) // 2])
    examples = task().index(raw).examples
    (batch,) = task().encode(raw, examples, SPEC)
    assert batch.rows.tolist() == [1, 2]
    assert [p.kind for p in batch.problems] == ["truncated"]


def test_a_folder_in_another_layout_is_refused(
    tmp_path: Path, coco: dict[str, Any], write: Callable[[dict[str, Any]], Path]
) -> None:
    with pytest.raises(DataError, match="no such folder"):
        task().index(tmp_path / "absent")
    with pytest.raises(DataError, match="no folder images"):
        task().index(tmp_path)
    raw = write(coco)
    (raw / "annotations.json").rename(raw / "one.json")
    assert len(task().index(raw).examples) == 3
    (raw / "two.json").write_text("{}")
    with pytest.raises(DataError, match=r"or the only \*.json; found one.json, two.json"):
        task().index(raw)
    (raw / "annotations.json").write_text('{"images": [')
    with pytest.raises(DataError, match=r"annotations.json: not JSON \(.*\); export"):
        task().index(raw)
    (raw / "annotations.json").write_text('{"images": []}')
    with pytest.raises(DataError, match="no list 'annotations', so it is not COCO's format"):
        task().index(raw)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("categories", [], "0 categories have keypoints; exactly one"),
        ("categories", [{"id": 1, "name": "person", "keypoints": ["tail"]}], "'tail' is not one of COCO's"),
        ("categories", [{"id": 1, "name": "person", "keypoints": ["nose", "nose"]}], "a list of different names"),
        ("categories", [{"id": 1, "name": "p", "keypoints": NAMES, "skeleton": [[0, 1]]}], "skeleton .* from 1 to 17"),
        ("images", [{"id": 1, "file_name": "1.jpg"}], r"images\[0\] has no width"),
        ("images", [{"id": 1, "file_name": "../1.jpg", "width": 8, "height": 8}], "must be a path in images"),
        ("images", [{"id": 1, "file_name": "1.jpg", "width": 0, "height": 8}], "must be pixels, not 0 and 8"),
    ],
)
def test_inconsistent_annotations_are_refused(
    key: str, value: object, message: str, coco: dict[str, Any], write: Callable[[dict[str, Any]], Path]
) -> None:
    coco[key] = value
    with pytest.raises(DataError, match=message):
        task().index(write(coco))


def test_a_skeleton_that_is_null_is_none(coco: dict[str, Any], write: Callable[[dict[str, Any]], Path]) -> None:
    coco["categories"][0]["skeleton"] = None
    raw = write(coco)
    assert task().specify(raw, task().index(raw).examples)["skeleton"] == []


@pytest.mark.parametrize("bad", [{"group": "("}, {"group": "a"}, {"margin": -0.1}, {"height": 4}])
def test_an_invalid_section_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"group|expression|margin|height"):
        task(**bad)


def test_a_caller_gives_pictures_with_boxes_and_gets_pixels_of_the_picture(raw: Path) -> None:
    examples = task().index(raw).examples
    (batch,) = task().encode(raw, examples, SPEC)
    request = [(raw / row["picture"], row["box"]) for row in examples.to_dict("records")]
    inputs, rows = task().preprocess(request, SPEC)
    assert (inputs == batch.inputs).all()
    assert rows.tolist() == [0, 1, 2]
    predictions = np.where(np.arange(3) < 2, batch.targets, 0.5)
    presented = task().present(predictions, request, SPEC)
    nose, wrist = presented[2]["nose"], presented[2]["left_wrist"]
    assert nose == pytest.approx({"x": 45, "y": 10, "score": 0.5}, abs=1e-3)
    assert wrist == pytest.approx({"x": 54, "y": 28, "score": 0.5}, abs=1e-3)


def test_a_picture_without_a_box_is_filled_by_one_person(raw: Path) -> None:
    content = (raw / "images/1.jpg").read_bytes()
    array = np.asarray(Image.open(BytesIO(content)))
    inputs, _ = task().preprocess([content, array, (content, (0, 0, WIDTH, HEIGHT))], SPEC)
    assert (inputs == inputs[0]).all()
    middle = np.full((3, 17, 3), 0.5)
    (first, *_) = task().present(middle, [content, array, content], SPEC)
    assert first["right_knee"] == pytest.approx({"x": WIDTH / 2, "y": HEIGHT / 2, "score": 0.5})


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (b"", "picture 1: empty file"),
        ((b"GIF89a", (0, 0, 5, 5)), "picture 1: not a picture"),
        (Path("absent.jpg"), r"picture 1 \(absent.jpg\): unreadable"),
        ((jpeg(1), (0, 0, 0, 5)), "picture 1: a box is x, y, width and height"),
        ((jpeg(1), (0, 0, 5)), "picture 1: a box is x, y, width and height"),
        ((jpeg(1), (500, 500, 5, 5)), "picture 1: box outside: it is completely outside the picture of 80 x 60"),
        ((jpeg(1), (0, 0, 1e6, 1e6)), "picture 1: too large"),
        ((jpeg(1),), "picture 1: give a picture, or a picture and its box"),
    ],
)
def test_the_error_names_the_bad_picture(bad: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        task().preprocess([jpeg(1), bad], SPEC)


def predicted(raw: Path, off: float) -> tuple[pd.DataFrame, np.ndarray, np.ndarray, dict[str, Any]]:
    """The examples, with predictions shifted by `off` pixels to the right."""
    examples = task().index(raw).examples
    (batch,) = task().encode(raw, examples, SPEC)
    predictions = batch.targets.copy()
    predictions[..., 0] += off / examples["crop_width"].to_numpy()[:, None]
    predictions[..., 2] = np.array([0.9, 0.8, 0.7])[:, None]
    return examples, batch.targets, predictions, SPEC


def test_scores_count_pixels_of_the_picture(raw: Path) -> None:
    assert task().scores(*predicted(raw, 0.0)).total() == pytest.approx(
        {"map": 1, "ap50": 1, "ap75": 1, "pck": 1, "mean_error": 0}, abs=1e-6
    )
    assert task().scores(*predicted(raw, 2.0)).total()["mean_error"] == pytest.approx(2 / 40, abs=1e-6)
    assert task().scores(*predicted(raw, 5.0)).total()["pck"] == 0
    per_group = task().scores(*predicted(raw, 2.0)).breakdowns()["per_group"]
    assert per_group["group"].tolist() == ["images/1.jpg", "images/2.jpg"]
    assert per_group["n"].tolist() == [14, 28]


def test_two_models_agree_where_every_confident_keypoint_is_close() -> None:
    native = np.full((3, 17, 3), 0.5)
    converted = native.copy()
    converted[1, 4, 0] += 0.05
    converted[2, 4, 0] += 0.05
    native[2, 4, 2] = 0.1
    compared = task().agreement(native, converted, SPEC)
    assert compared["agreement"] == pytest.approx(2 / 3, abs=1e-6)
    assert compared["max_difference"] == pytest.approx(0.05)
