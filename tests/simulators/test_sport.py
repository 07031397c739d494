import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from conftest import fingerprints
from slipway.simulators.sport import World, simulate
from slipway.simulators.sport.camera import Canvas, View
from slipway.simulators.sport.skeleton import KEYPOINTS, Pose, mirrored, skeleton
from slipway.simulators.sport.strokes import KEYS, STROKES, position
from slipway.tasks.image_classification import Data, Task

SMALL = {"groups": 4, "per_group": 6, "height": 72, "width": 96}
SCENES = ("cricket", "pose", "ball")


def written(folder: Path, scene: str, seed: int = 3, **world: object) -> Path:
    simulate(World(**{**SMALL, "scene": scene, **world}), seed, folder)
    return folder


def pictures(folder: Path) -> dict[str, str]:
    return {name: digest for name, digest in fingerprints(folder).items() if name.endswith(".jpg")}


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {scene: written(tmp_path_factory.mktemp(scene), scene) for scene in SCENES}


@pytest.mark.parametrize("scene", SCENES)
def test_equal_worlds_and_seeds_give_equal_bytes_and_others_do_not(
    scene: str, raw: dict[str, Path], tmp_path: Path
) -> None:
    first = fingerprints(raw[scene])
    assert fingerprints(written(tmp_path / "again", scene, shift=0.0)) == first
    other = pictures(written(tmp_path / "other", scene, seed=4))
    assert len(other) == SMALL["groups"] * SMALL["per_group"]
    assert set(other.values()).isdisjoint(first.values())


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("more", [{"groups": 5}, {"per_group": 12}])
def test_more_pictures_do_not_change_those_before_them(
    scene: str, more: dict[str, int], raw: dict[str, Path], tmp_path: Path
) -> None:
    few, many = pictures(raw[scene]), pictures(written(tmp_path, scene, **more))
    assert len(many) > len(few)
    assert many | few == many


@pytest.mark.parametrize("scene", SCENES)
def test_metadata_lists_every_picture_once_with_its_group(scene: str, raw: dict[str, Path]) -> None:
    table = pd.read_csv(raw[scene] / "metadata.csv")
    assert sorted(table["path"]) == sorted(pictures(raw[scene]))
    assert (table["group"].value_counts() == SMALL["per_group"]).all()
    assert all(group in path for path, group in zip(table["path"], table["group"], strict=True))


@pytest.mark.parametrize("scene", SCENES)
def test_pictures_are_jpeg_of_the_requested_size(scene: str, raw: dict[str, Path]) -> None:
    for name in pictures(raw[scene]):
        with Image.open(raw[scene] / name) as image:
            assert (image.format, image.size, image.mode) == ("JPEG", (96, 72), "RGB")


def colour(folder: Path) -> np.ndarray:
    return np.mean([np.asarray(Image.open(path)).mean(axis=(0, 1)) for path in sorted(folder.rglob("*.jpg"))], axis=0)


@pytest.mark.parametrize("scene", SCENES)
def test_a_shifted_world_is_darker_and_colder(scene: str, raw: dict[str, Path], tmp_path: Path) -> None:
    red, _, blue = colour(raw[scene])
    shifted = written(tmp_path, scene, shift=1.0)
    assert pictures(shifted).keys() == pictures(raw[scene]).keys()
    red_shifted, _, blue_shifted = colour(shifted)
    assert red_shifted < 0.9 * red
    assert red_shifted / blue_shifted < 0.9 * red / blue


def test_the_task_reads_the_strokes_without_a_problem_and_finds_their_names(raw: dict[str, Path]) -> None:
    task = Task(Data(height=48, width=48))
    index = task.index(raw["cricket"])
    assert index.problems == []
    assert (index.examples["label"].value_counts() == SMALL["groups"]).all()
    assert (index.examples.groupby("group")["label"].nunique() == len(STROKES)).all()
    assert task.specify(raw["cricket"], index.examples)["outputs"] == list(STROKES) == sorted(STROKES)


def test_annotations_are_those_of_coco(raw: dict[str, Path]) -> None:
    coco = json.loads((raw["pose"] / "annotations.json").read_text())
    (category,) = coco["categories"]
    assert (category["id"], category["name"], category["keypoints"]) == (1, "person", list(KEYPOINTS))
    assert all(1 <= end <= 17 for edge in category["skeleton"] for end in edge)
    assert [image["file_name"] for image in coco["images"]] == sorted(pictures(raw["pose"]))
    assert {(image["height"], image["width"]) for image in coco["images"]} == {(72, 96)}
    assert len({annotation["id"] for annotation in coco["annotations"]}) == len(coco["annotations"])
    known = {image["id"] for image in coco["images"]}
    assert len(coco["annotations"]) >= len(known)
    for annotation in coco["annotations"]:
        assert annotation["image_id"] in known
        assert (annotation["category_id"], annotation["iscrowd"]) == (1, 0)


def test_keypoints_lie_in_the_box_and_the_box_in_the_picture(raw: dict[str, Path]) -> None:
    annotations = json.loads((raw["pose"] / "annotations.json").read_text())["annotations"]
    seen = set()
    for annotation in annotations:
        left, top, width, height = annotation["bbox"]
        marks = np.array(annotation["keypoints"]).reshape(17, 3)
        assert left >= 0 and top >= 0 and left + width <= 96.01 and top + height <= 72.01
        assert 0 < annotation["area"] <= width * height
        marked = marks[marks[:, 2] > 0]
        assert annotation["num_keypoints"] == len(marked) >= 5
        assert (marked[:, :2] >= (left - 0.01, top - 0.01)).all()
        assert (marked[:, :2] <= (left + width + 0.01, top + height + 0.01)).all()
        assert not marks[marks[:, 2] == 0].any()
        seen |= set(marks[:, 2])
    assert seen == {0, 1, 2}


def test_a_keypoint_is_where_its_part_is_drawn(tmp_path: Path) -> None:
    """Boots are seen at the ankles: the colour there differs from the grass around the box."""
    folder = written(tmp_path, "pose", groups=6, height=192, width=192, difficulty=0.0)
    coco = json.loads((folder / "annotations.json").read_text())
    names = {image["id"]: image["file_name"] for image in coco["images"]}
    off = []
    for annotation in coco["annotations"]:
        picture = np.asarray(Image.open(folder / names[annotation["image_id"]]), float)
        for x, y, state in np.array(annotation["keypoints"]).reshape(17, 3)[5:]:
            if state == 2:
                red, green, blue = picture[min(int(y), 191), min(int(x), 191)]
                off.append(green > 1.4 * red and green > 1.4 * blue)
    assert np.mean(off) < 0.12  # some shirts are green


def test_boxes_of_balls_lie_in_the_picture_and_some_pictures_have_none(tmp_path: Path) -> None:
    folder = written(tmp_path, "ball", groups=10, per_group=16, height=64, width=64)
    labels = [path.read_text() for path in sorted((folder / "labels").iterdir())]
    assert [path.stem for path in sorted((folder / "labels").iterdir())] == [Path(n).stem for n in pictures(folder)]
    assert 0.03 < np.mean([label == "" for label in labels]) < 0.25
    boxes = np.array([label.split() for label in labels if label], float)
    assert (boxes[:, 0] == 0).all()
    middle, size = boxes[:, 1:3], boxes[:, 3:]
    assert (middle - size / 2 > -1e-5).all() and (middle + size / 2 < 1 + 1e-5).all()
    widths = 416 * size[:, 0]
    assert widths.min() > 2 and 6 < np.median(widths) < 30 and widths.max() < 110


@pytest.mark.parametrize("stroke", STROKES)
def test_a_stroke_starts_alike_and_moves_without_a_jump(stroke: str) -> None:
    hands, bats = zip(*[position(stroke, time)[1:] for time in np.linspace(0, 2, 81)], strict=True)
    assert np.allclose(hands[0], position("sweep", 0.0)[1])
    assert np.allclose(np.linalg.norm(bats, axis=1), 1)
    assert np.abs(np.diff(hands, axis=0)).max() < 0.05
    assert np.abs(np.diff(bats, axis=0)).max() < 0.45


def test_the_bat_is_upright_in_a_drive_and_level_across_the_line() -> None:
    way = {stroke: position(stroke, 1.0)[2] for stroke in STROKES}
    assert all(way[stroke][1] < -0.9 for stroke in ("cover_drive", "straight_drive"))
    assert all(abs(way[stroke][1]) < 0.5 for stroke in ("cut_shot", "pull_shot", "hook_shot", "sweep"))
    head = {stroke: position(stroke, 1.0)[1][1] for stroke in STROKES}
    assert head["hook_shot"] > head["pull_shot"] > head["sweep"]
    assert all(keys[0].time == 0 and keys[-1].time == 2 for keys in KEYS.values())


BONES = {
    ("shoulder", "elbow"): 0.186,
    ("elbow", "wrist"): 0.15,
    ("hip", "knee"): 0.245,
    ("knee", "ankle"): 0.246,
}


@pytest.mark.parametrize("hand", [(0.05, -0.3, 0.0), (0.1, 0.3, 0.1), (0.9, 0.9, 0.9), (-0.05, -0.05, 0.02)])
def test_bones_keep_their_length_for_any_position_of_a_hand(hand: tuple[float, float, float]) -> None:
    joints = dict(
        zip(KEYPOINTS, skeleton(Pose(hands=(hand, hand), lean=(0.3, 0.2)), 1.0, np.zeros(3), 0.7), strict=False)
    )
    for (one, other), length in BONES.items():
        for side in ("left", "right"):
            assert np.linalg.norm(joints[f"{side}_{one}"] - joints[f"{side}_{other}"]) == pytest.approx(length)


def test_a_mirrored_pose_is_the_mirror_image_with_the_names_of_the_sides_exchanged() -> None:
    pose = Pose(lean=(0.2, 0.3), turn=(0.1, -0.4), head=(0.5, 0.1), hands=((0.1, 0.2, 0.1), (0.05, -0.2, 0.2)))
    joints, image = (skeleton(one, 1.8, np.zeros(3), 0.0)[:17] for one in (pose, mirrored(pose)))
    swapped = [
        KEYPOINTS.index(name.replace("left", "x").replace("right", "left").replace("x", "right")) for name in KEYPOINTS
    ]
    assert np.allclose(image[swapped] * [-1, 1, 1], joints)


def test_a_person_who_faces_the_camera_has_the_left_side_on_its_right() -> None:
    view = View.look((0, 1, 10), (0, 1, 0), 100, (64, 64))
    drawn, depth = view.project(skeleton(Pose(), 1.8, np.zeros(3), 0.0))
    left, right = (drawn[KEYPOINTS.index(f"{side}_shoulder")] for side in ("left", "right"))
    assert left[0] > right[0]
    assert drawn[KEYPOINTS.index("nose"), 1] < left[1] < drawn[KEYPOINTS.index("left_ankle"), 1]
    assert depth[KEYPOINTS.index("nose")] < depth[KEYPOINTS.index("left_ear")]


@pytest.mark.parametrize("end", [(20.0, 20.0), (30.0, 24.0)])
def test_a_capsule_covers_its_ends(end: tuple[float, float]) -> None:
    canvas = Canvas(48, 48, "L")
    canvas.capsule(np.array([20.0, 20.0]), 5, np.array(end), 5, 255)
    seen = np.argwhere(np.asarray(canvas.image))[:, ::-1]
    assert np.allclose(seen.min(0), (15, 15), atol=1)
    assert np.allclose(seen.max(0), np.array(end) + 5, atol=1)


@pytest.mark.parametrize("bad", [{"scene": "chess"}, {"groups": 0}, {"difficulty": 1.5}, {"players": 3}])
def test_an_invalid_world_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        World(**{**SMALL, "scene": "ball", **bad})
