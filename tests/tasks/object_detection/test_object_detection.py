import os
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from slipway.core.errors import DataError
from slipway.core.protocol import Task as Protocol
from slipway.core.spec import Spec
from slipway.tasks.object_detection import Data, Task
from slipway.tasks.object_detection.labels import LabelError
from slipway.tasks.object_detection.yolo import read_labels
from slipway_edge.tasks.object_detection import heatmap

SPEC: Spec = {
    "objective": "boxes",
    "input": {"shape": [64, 96, 3], "dtype": "uint8"},
    "outputs": ["ball"],
    "classes": ["ball", "no ball"],
    "heatmap": {"stride": 4, "smallest": 1 / 64, "max_boxes": 3},
    "threshold": 0.5,
}


def task(**data: object) -> Task:
    return Task(Data(**{"height": 64, "width": 96, "name": "ball", "max_boxes": 3, **data}))


def jpeg(seed: int = 0, size: tuple[int, int] = (80, 60), **options: object) -> bytes:
    small = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), np.uint8)
    out = BytesIO()
    Image.fromarray(small).resize(size, Image.Resampling.BICUBIC).save(out, "JPEG", **options)
    return out.getvalue()


@pytest.fixture
def add(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that adds a picture with its label to a raw folder and returns the folder."""

    def add(name: str, label: str | None = "", content: bytes | None = None) -> Path:
        for folder, suffix, written in (("images", ".jpg", content or jpeg(len(name))), ("labels", ".txt", label)):
            path = tmp_path / folder / f"{name}{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            if written is not None:
                path.write_bytes(written if isinstance(written, bytes) else written.encode())
        return tmp_path

    return add


def problems(raw: Path, **data: object) -> dict[str, str]:
    return {problem.where: problem.kind for problem in task(**data).index(raw).problems}


def test_it_is_a_task() -> None:
    checked: Protocol = task()
    assert set(checked.headline) <= checked.metrics.keys()


@pytest.mark.parametrize("bad", [{"height": 50}, {"name": ""}, {"max_boxes": 0}, {"group": "("}, {"group": "a"}])
def test_an_invalid_section_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"height|name|max_boxes|group"):
        task(**bad)


def test_pictures_are_listed_by_name_with_whether_they_show_an_object(add: Callable[..., Path]) -> None:
    add("match2/b", "0 0.5 0.5 0.1 0.1\n0 0.2 0.2 0.1 0.1\n")
    raw = add("match1/a", "")
    (raw / "labels" / "classes.txt").write_text("ball\n")
    (raw / "images" / ".DS_Store").write_text("litter")
    index = task().index(raw)
    assert index.problems == []
    assert index.examples.to_dict("list") == {
        "example": ["images/match1/a.jpg", "images/match2/b.jpg"],
        "label": ["no ball", "ball"],
        "group": ["images/match1/a.jpg", "images/match2/b.jpg"],
    }
    assert task(group="^(match[0-9])/").index(raw).examples["group"].tolist() == ["match1", "match2"]


def test_metadata_gives_groups_splits_and_folds(add: Callable[..., Path]) -> None:
    add("a", "0 0.5 0.5 0.1 0.1")
    add("b")
    raw = add("c")
    table = pd.DataFrame(
        {"path": [f"images/{name}.jpg" for name in "abd"], "group": ["m", "m", "n"], "fold": [1, 2, 3]}
    )
    table.assign(split=["train", "test", "val"]).to_csv(raw / "metadata.csv", index=False)
    index = task().index(raw)
    assert index.examples["group"].tolist() == ["m", "m"]
    assert index.examples["split"].tolist() == ["train", "test"]
    assert index.examples["fold"].tolist() == [1, 2]
    assert problems(raw) == {"images/c.jpg": "not listed", "images/d.jpg": "missing file"}


def test_a_folder_in_another_layout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="images: no such folder"):
        task().index(tmp_path)
    (tmp_path / "images").mkdir()
    with pytest.raises(DataError, match="labels: no such folder"):
        task().index(tmp_path)


def test_a_picture_without_a_label_or_a_label_without_a_picture_is_a_problem(add: Callable[..., Path]) -> None:
    add("forgotten", None)
    raw = add("fine", "0 0.5 0.5 0.1 0.1")
    (raw / "labels" / "orphan.txt").write_text("")
    (raw / "images" / "fine.png").write_bytes(jpeg(3))
    (raw / "stray.jpg").write_bytes(jpeg(4))
    (raw / "images" / "notes.txt").write_text("no picture")
    assert problems(raw) == {
        "images/forgotten.jpg": "no label",
        "images/fine.png": "shares a label",
        "images/notes.txt": "not a picture",
        "labels/orphan.txt": "no picture",
        "stray.jpg": "not in a folder",
    }
    assert task().index(raw).examples["example"].tolist() == ["images/fine.jpg"]


def test_pictures_without_a_single_object_are_refused(add: Callable[..., Path]) -> None:
    add("a")
    with pytest.raises(DataError, match=r": no label has a box; draw one around each ball in a picture"):
        task().index(add("b"))


def test_names_that_are_not_utf8_are_problems(add: Callable[..., Path]) -> None:
    add(os.fsdecode(b"b\xe4ll"), "0 0.5 0.5 0.1 0.1")
    assert problems(add("fine", "0 0.5 0.5 0.1 0.1")) == {r"images/b\xe4ll.jpg": "name is not UTF-8"}


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        ("0 0.5 0.5 0.1", "malformed label"),
        ("0 0.5 0.5 0.1 0.1 0.9", "malformed label"),
        ("ball 0.5 0.5 0.1 0.1", "malformed label"),
        ("0 0.5 0.5 nan 0.1", "malformed label"),
        ("0 0.5 0.5 0.1 0.1\n0, 0.5, 0.5", "malformed label"),
        ("\xff\xfe".encode("latin-1"), "malformed label"),
        ("1 0.5 0.5 0.1 0.1", "unknown class"),
        ("-1 0.5 0.5 0.1 0.1", "unknown class"),
        ("0 0.5 0.5 0 0.1", "empty box"),
        ("0 0.5 0.5 0.1 -0.1", "empty box"),
        ("0 0.97 0.5 0.1 0.1", "box outside"),
        ("0 320 200 20 20", "box outside"),
        ("0.5 0.5 0.5 0.1 0.1", "malformed label"),
        ("0 0.5 0.5 0.1 0.1 0.2 0.3 0.4", "malformed label"),
        ("0 0.5 0.5 0.1 0.1 0.5 0.5 2 0.4 0.5 1", "malformed label"),
        ("0 0.1 0.1 0.2 0.1 1.2 0.3", "box outside"),
        ("0 0.1 0.1 0.2 0.1 0.3 0.1", "empty box"),
        ("".join(f"0 0.{n} 0.5 0.1 0.1\n" for n in range(1, 5)), "too many boxes"),
    ],
)
def test_a_label_that_cannot_be_used_is_a_problem(add: Callable[..., Path], label: str | bytes, kind: str) -> None:
    add("fine", "0 0.5 0.5 0.1 0.1")
    raw = add("bad", None)
    (raw / "labels" / "bad.txt").write_bytes(label if isinstance(label, bytes) else label.encode())
    assert problems(raw) == {"labels/bad.txt": kind}
    assert task().index(raw).examples["example"].tolist() == ["images/fine.jpg"]


def test_the_message_says_which_line_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("0 0.5 0.5 0.1 0.1\n\n0 0.5 0.5 0.1\n")
    with pytest.raises(LabelError, match=r"line 3: '0 0.5 0.5 0.1'"):
        read_labels(path, {0: 0}, 8)


def test_a_box_that_is_listed_twice_is_one_object_and_is_reported(add: Callable[..., Path]) -> None:
    """As in two merged exports, the second with fewer digits."""
    raw = add("a", "0 0.123456 0.5 0.1 0.1\n0 0.1235 0.5 0.1 0.1\n0 0.7 0.5 0.1 0.1\n0 0.7 0.5 0.1 0.1\n")
    index = task().index(raw)
    (encoded,) = task().encode(raw, index.examples, SPEC)
    assert np.isfinite(encoded.targets[0, :, 0]).sum() == 2
    assert index.notes == ["2 labels repeat an earlier box and are not read"]


@pytest.mark.parametrize("label", ["0.0 0.5 0.5 0.2 0.2", "\ufeff0 0.5 0.5 0.2 0.2\r\n", "+0 5e-1 .5 0.2 0.20\r"])
def test_a_box_is_read_as_tools_write_it(add: Callable[..., Path], label: str) -> None:
    raw = add("a", label)
    assert problems(raw) == {}
    assert read_labels(raw / "labels/a.txt", {0: 0}, 3).boxes == pytest.approx(np.array([[0.5, 0.5, 0.2, 0.2]]))


def test_an_outline_is_read_as_the_box_around_it(add: Callable[..., Path]) -> None:
    raw = add("a", "0 0.4 0.4 0.6 0.4 0.6 0.7 0.4 0.7\n0 0.1 0.1 0.2 0.1 0.15 0.3\n")
    assert task().index(raw).notes == ["2 labels are outlines and are read as the boxes around them"]
    expected = np.array([[0.5, 0.55, 0.2, 0.3], [0.15, 0.2, 0.1, 0.2]])
    assert read_labels(raw / "labels/a.txt", {0: 0}, 3).boxes == pytest.approx(expected)


def test_the_error_names_the_first_problem_if_no_label_can_be_used(add: Callable[..., Path]) -> None:
    add("empty")
    add("b", "7 0.5 0.5 0.1 0.1")
    with pytest.raises(DataError, match=r"2 files cannot be used; the first: labels/a.txt: box outside: .* pixels"):
        task().index(add("a", "0 320 200 20 20"))


def test_files_of_annotation_tools_are_skipped_and_counted(add: Callable[..., Path]) -> None:
    raw = add("a", "0 0.5 0.5 0.1 0.1")
    for name in ("classes.txt", "notes.json", "data.yaml", "README.roboflow.txt", "labels/classes.txt", "labels.cache"):
        (raw / name).write_text("{}\n" if name == "notes.json" else "ball\n")
    (raw / "images/@eaDir").mkdir()
    (raw / "images/@eaDir/SYNOPHOTO_THUMB_M.jpg").write_bytes(jpeg())
    index = task().index(raw)
    assert index.problems == []
    assert index.examples["example"].tolist() == ["images/a.jpg"]
    assert index.notes == [
        "1 files that operating systems leave behind were ignored: 1 of '@eaDir'",
        "6 files of the annotation tool are about no picture (classes.txt, data.yaml, ...)",
    ]


@pytest.mark.parametrize("layout", ["{kind}/{side}/{name}", "{side}/{kind}/{name}"])
def test_an_existing_split_is_read_from_the_folders(tmp_path: Path, layout: str) -> None:
    for number, side in enumerate(("train", "valid", "Test")):
        for kind, name, content in (("images", "m1_a.jpg", jpeg(number)), ("labels", "m1_a.txt", b"0 .5 .5 .1 .1")):
            path = tmp_path / layout.format(kind=kind, side=side, name=name)
            path.parent.mkdir(parents=True)
            path.write_bytes(content)
    (tmp_path / "data.yaml").write_text("names: [ball]\n")
    index = task(group="^(m1)").index(tmp_path)
    assert index.problems == []
    split = dict(zip(index.examples["example"], index.examples["split"], strict=True))
    assert split == {
        layout.format(kind="images", side=side, name="m1_a.jpg"): meant
        for side, meant in (("train", "train"), ("valid", "val"), ("Test", "test"))
    }
    assert set(index.examples["group"]) == {"m1"}, "searched for below the side's folder"
    (batch,) = task().encode(tmp_path, index.examples, SPEC)
    assert len(batch.inputs) == 3


def test_sides_next_to_other_folders_are_refused(tmp_path: Path, add: Callable[..., Path]) -> None:
    add("train/a", "0 0.5 0.5 0.1 0.1")
    add("test/a")
    raw = add("match7/a")
    with pytest.raises(DataError, match=r"test, train are named like the sides of a split, .*: match7 is next to"):
        task().index(raw)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.sampled_from(["0 .5 .5 .1 .1\n0 .2 .2 .1 .1\n", "0 .1 .1 .3 .1 .2 .4\n", "0.0\t.5 .5 .1 .1\r\n", ""]),
    place=st.integers(0, 30),
    put=st.sampled_from(
        ["nan", "inf", "-", "1e400", "\0", " ", "\n", ",", "9", "\ufeff", "0 ", "é", "\x85", "_", "\ud800"]
    ),
    cut=st.integers(0, 4),
)
def test_a_mutated_label_gives_boxes_in_the_picture_or_an_error_with_a_reason(
    tmp_path: Path, text: str, place: int, put: str, cut: int
) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes((text[:place] + put + text[place + cut :]).encode(errors="surrogatepass"))
    try:
        labels = read_labels(path, {0: 0}, 3)
    except LabelError as error:
        assert error.kind in {"malformed label", "unknown class", "empty box", "box outside", "too many boxes"}
    else:
        boxes = labels.boxes
        assert boxes.dtype == np.float32 and len(boxes) <= 3
        assert (boxes[:, 2:] > 0).all()
        assert ((boxes[:, :2] - boxes[:, 2:] / 2) > -1e-6).all() and (
            (boxes[:, :2] + boxes[:, 2:] / 2) < 1 + 1e-6
        ).all()


def test_an_edge_that_is_outside_through_rounding_is_moved_onto_the_pictures_edge(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("0 0.0495 0.5 0.1 0.2\n")
    assert read_labels(path, {0: 0}, 8).boxes == pytest.approx(np.array([[0.04975, 0.5, 0.0995, 0.2]]))


def test_the_spec_has_the_classes_that_occur(add: Callable[..., Path]) -> None:
    raw = add("a", "0 0.5 0.5 0.1 0.1")
    assert task().specify(raw, task().index(raw).examples)["classes"] == ["ball"]
    add("b")
    spec = task().specify(raw, task().index(raw).examples)
    assert spec["classes"] == ["ball", "no ball"]
    assert spec["outputs"] == ["ball"]
    assert spec["heatmap"]["max_boxes"] == 3


def test_pictures_are_squashed_and_their_boxes_stay_shares(add: Callable[..., Path]) -> None:
    add("a", "0 0.5 0.25 0.1 0.2\n0 0.1 0.1 0.05 0.05", jpeg(1, (200, 50)))
    raw = add("b")
    (encoded,) = task().encode(raw, task().index(raw).examples, SPEC)
    assert encoded.inputs.shape == (2, 64, 96, 3)
    assert encoded.targets.dtype == np.float32
    assert encoded.targets[0, :2] == pytest.approx(np.array([[0.5, 0.25, 0.1, 0.2], [0.1, 0.1, 0.05, 0.05]]))
    assert np.isnan(encoded.targets[0, 2]).all()
    assert np.isnan(encoded.targets[1]).all()
    raw_inputs, rows = task().preprocess([raw / "images" / "a.jpg"], SPEC)
    assert (raw_inputs == encoded.inputs[:1]).all()
    assert rows.tolist() == [0]


def test_a_truncated_picture_is_a_problem_and_the_others_stay(add: Callable[..., Path]) -> None:
    add("bad", "0 0.5 0.5 0.1 0.1", jpeg()[:-300])
    raw = add("good", "0 0.5 0.5 0.1 0.1")
    (encoded,) = task().encode(raw, task().index(raw).examples, SPEC)
    assert [(problem.where, problem.kind) for problem in encoded.problems] == [("images/bad.jpg", "truncated")]
    assert encoded.rows.tolist() == [1]
    assert len(encoded.inputs) == len(encoded.targets) == 1


def empty_maps(count: int = 1) -> np.ndarray:
    return np.zeros((count, 16, 24, 5), np.float32)


def put(maps: np.ndarray, box: tuple[float, ...], score: float, picture: int = 0) -> None:
    """Write a box (shares) into the cell that its centre is in."""
    x, y, width, height = box
    row, column = int(y * 16), int(x * 24)
    sizes = [1 - np.log(side) / np.log(1 / 64) for side in (width, height)]
    maps[picture, row, column] = score, (x * 24 - column + 1) / 3, (y * 16 - row + 1) / 3, *sizes


def test_a_peak_becomes_the_box_that_its_cell_describes() -> None:
    maps = empty_maps(2)
    put(maps, (0.31, 0.62, 0.05, 0.08), 0.9)
    put(maps, (0.8, 0.2, 0.2, 0.1), 0.6)
    found = task().postprocess(maps, np.empty(0), SPEC)
    assert found.shape == (2, 3, 5)
    assert found.dtype == np.float32
    assert found[0, :2] == pytest.approx(np.array([[0.31, 0.62, 0.05, 0.08, 0.9], [0.8, 0.2, 0.2, 0.1, 0.6]]), abs=1e-5)
    assert (found[0, 2] == 0).all()
    assert (found[1] == 0).all()


def test_the_cells_next_to_a_peak_are_averaged_by_their_heat() -> None:
    maps = empty_maps()
    put(maps, (0.52, 0.53, 0.1, 0.1), 0.9)
    row, column = 8, 12
    maps[0, row, column + 1] = 0.3, (0.56 * 24 - column) / 3, (0.53 * 16 - row + 1) / 3, *maps[0, row, column, 3:]
    found = task().postprocess(maps, np.empty(0), SPEC)[0]
    assert found[0] == pytest.approx([0.53, 0.53, 0.1, 0.1, 0.9], abs=1e-5)
    assert found[1, 4] == 0


def test_cells_next_to_a_peak_and_overlapping_boxes_give_no_further_boxes() -> None:
    maps = empty_maps()
    put(maps, (0.5, 0.5, 0.3, 0.3), 0.9)
    maps[0, 8, 13] = maps[0, 8, 12]
    maps[0, 8, 13, 0] = 0.9
    put(maps, (0.6, 0.5, 0.3, 0.3), 0.7)
    assert (task().postprocess(maps, np.empty(0), SPEC)[0, :, 4] > 0).sum() == 1


def test_the_best_boxes_are_returned_if_there_are_too_many() -> None:
    maps = empty_maps()
    for number in range(5):
        put(maps, (0.1 + 0.2 * number, 0.5, 0.04, 0.06), 0.5 + 0.1 * number)
    assert heatmap.boxes(maps, SPEC)[0, :, 4] == pytest.approx([0.9, 0.8, 0.7])


def test_each_class_has_its_own_peaks() -> None:
    """A box suppresses only others of its class: a rider and the horse are in the same place."""
    spec = SPEC | {"outputs": ["horse", "rider"]}
    one = empty_maps()
    put(one, (0.5, 0.5, 0.3, 0.3), 0.9)
    heat = np.zeros((1, 16, 24, 2), np.float32)
    heat[0, 8, 12], heat[0, 8, 14, 1] = (0.8, 0.9), 0.7
    maps = np.concatenate([heat, one[..., 1:]], axis=-1)
    maps[0, 8, 14, 2:] = maps[0, 8, 12, 2:]
    found = task(name=None, classes=["horse", "rider"]).postprocess(maps, np.empty(0), spec)
    assert found.shape == (1, 3, 6)
    assert found[0, :2, 4:] == pytest.approx(np.array([[0.9, 1], [0.8, 0]]))
    assert (found[0, 2] == 0).all(), "the second peak of the rider is the same rider"
    (presented,) = task(name=None, classes=["horse", "rider"]).present(found, [np.zeros((64, 96, 3), np.uint8)], spec)
    assert [box["label"] for box in presented] == ["rider", "horse"]
    assert [*presented[1].values()][1:] == pytest.approx([48, 32, 28.8, 19.2, 0.8], rel=1e-3)


def test_a_box_ends_at_the_pictures_edge() -> None:
    maps = empty_maps()
    put(maps, (0.02, 0.5, 0.2, 0.1), 0.9)
    x, _, width, _, _ = heatmap.boxes(maps, SPEC)[0, 0]
    assert (x - width / 2, x + width / 2) == pytest.approx((0, 0.12), abs=1e-5)


def test_the_threshold_is_chosen_on_validation_and_used_by_all(add: Callable[..., Path]) -> None:
    examples = pd.DataFrame({"example": ["a", "b"], "group": ["m", "n"]})
    targets = np.full((2, 3, 4), np.nan, np.float32)
    targets[0, 0] = 0.5, 0.5, 0.2, 0.2
    predictions = np.zeros((2, 3, 5), np.float32)
    predictions[0, 0] = 0.5, 0.5, 0.2, 0.2, 0.8
    predictions[1, 0] = 0.2, 0.2, 0.1, 0.1, 0.4
    one = task()
    chosen = one.choose_threshold(examples, targets, predictions, SPEC)
    assert chosen == {"threshold": pytest.approx(0.6)}
    assert task(false_positives=0.5).choose_threshold(examples, targets, predictions, SPEC)["threshold"] < 0.4
    spec = SPEC | chosen
    scored = one.scores(examples, targets, predictions, spec).total()
    assert scored.keys() == one.metrics.keys()
    assert scored == pytest.approx(dict.fromkeys(scored, 1) | {"false_positives_per_picture": 0})
    assert one.scores(examples, targets, predictions * 0.5, spec).total()["detection_rate"] == 0, (
        "other predictions, other matches"
    )
    assert one.agreement(predictions, predictions, spec)["agreement"] == 1
    changed = one.agreement(predictions, predictions * [1, 1, 1, 1, 0.5], spec)
    assert (changed["agreement"], changed["max_difference"]) == (0.5, pytest.approx(0.4, abs=1e-6))
    assert set(one.scores(examples, targets, predictions, spec).breakdowns()) == {"by_size", "per_group"}
    assert len(one.scores(examples, targets, predictions, spec).plots()) == 3


def test_boxes_are_presented_in_pixels_of_the_upright_picture() -> None:
    predictions = np.zeros((1, 3, 5), np.float32)
    predictions[0, :2] = [0.5, 0.25, 0.1, 0.2, 0.8], [0.1, 0.1, 0.1, 0.1, 0.4]
    exif = Image.Exif()
    exif[0x0112] = 6
    expected = {"x": 100, "y": 20, "width": 20, "height": 16, "score": 0.8}
    for picture in (np.zeros((80, 200, 3), np.uint8), jpeg(size=(200, 80)), jpeg(size=(80, 200), exif=exif)):
        (found,) = task().present(predictions, [picture], SPEC)
        (box,) = found
        assert box.pop("label") == "ball"
        assert box == pytest.approx(expected, abs=1e-4)
