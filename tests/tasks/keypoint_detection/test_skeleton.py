"""Any skeleton: its names, the pairs that swap in a mirrored picture, and what it can be scored by."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from conftest import ROOT
from slipway.core.errors import DataError
from slipway.metrics.keypoints import SIGMAS
from slipway.tasks.keypoint_detection import Data, Task, skeleton

CAT = ["nose", "left_ear", "right_ear", "tail"]
PAGE = (ROOT / "docs" / "tasks" / "keypoint_detection.md").read_text()
DOCUMENTED = {
    name: yaml.safe_load(block)["data"]
    for name, block in re.findall(r"```yaml\n# (\w+)[^\n]*\n(data:\n.*?)```", PAGE, re.DOTALL)
}


def task(**data: object) -> Task:
    return Task(Data(**{"height": 32, "width": 32, **data}))


def folder(raw: Path, names: list[str], persons: int = 3) -> Path:
    """Pictures with one person each; keypoint k is at x = 10 + k, y = 12 + k, and the last one is not annotated."""
    (raw / "images").mkdir(parents=True)
    points = [
        value for k in range(len(names)) for value in ((10 + k, 12 + k, 1 + k % 2) if k < len(names) - 1 else [0] * 3)
    ]
    annotations = []
    for number in range(persons):
        Image.new("RGB", (60, 50), (number * 40, 90, 30)).save(raw / f"images/{number}.png")
        annotations.append(
            {
                "id": number,
                "image_id": number,
                "category_id": 3,
                "bbox": [8, 8, 30, 30],
                "area": 500,
                "keypoints": points,
            }
        )
    content = {
        "images": [{"id": n, "file_name": f"{n}.png", "width": 60, "height": 50} for n in range(persons)],
        "categories": [{"id": 3, "name": "cat", "keypoints": names, "skeleton": [[1, 2], [2, len(names)]]}],
        "annotations": annotations,
    }
    (raw / "annotations.json").write_text(json.dumps(content))
    return raw


@pytest.mark.parametrize(
    "names",
    [
        ("left_knee", "right_knee", "nose"),
        ("Left knee", "Right knee", "Head top"),
        ("l knee", "r knee", "pelvis"),
        ("LKnee", "RKnee", "Neck"),
        ("knee_left", "knee_right", "lower_lip"),
    ],
)
def test_pairs_are_found_by_left_and_right_in_the_names(names: tuple[str, ...]) -> None:
    assert skeleton.pairs(names) == [names[:2]]


@given(st.permutations(list(SIGMAS)))
def test_mirroring_twice_changes_nothing(names: list[str]) -> None:
    swap = skeleton.mirrored(names, skeleton.pairs(names))
    assert [swap[other] for other in swap] == list(range(17))
    assert all(names[other] == re.sub("left|right", lambda one: {"left": "right", "right": "left"}[one[0]], name)
               for name, other in zip(names, swap, strict=True))  # fmt: skip


def test_a_side_without_a_partner_is_named() -> None:
    *_, alone = skeleton.described(["nose", "left_paw"], [], known=True)
    assert alone.startswith("left_paw: left or right without a partner")


def test_a_skeleton_of_its_own_has_no_average_precision(tmp_path: Path) -> None:
    own = task(keypoints=CAT)
    raw = folder(tmp_path / "raw", CAT)
    examples = own.index(raw).examples
    spec = own.specify(raw, examples)
    assert spec["outputs"] == CAT and spec["mirrored"] == [0, 2, 1, 3] and spec["skeleton"] == [[0, 1], [1, 3]]
    assert "sigmas" not in spec
    assert set(own.metrics) == {"pck", "mean_error"} and set(own.headline) <= own.metrics.keys()
    (batch,) = own.encode(raw, examples, spec)
    scores = own.scores(examples, batch.targets, batch.targets, spec)
    assert scores.total() == pytest.approx({"pck": 1, "mean_error": 0}, abs=1e-6)
    assert set(scores.total(np.zeros(3))) == {"pck", "mean_error"}
    assert scores.breakdowns()["per_keypoint"]["keypoint"].tolist() == CAT[:3], (
        "one that is never annotated has no score"
    )


def test_with_sigmas_it_has(tmp_path: Path) -> None:
    own = task(keypoints=CAT, sigmas=[0.05, 0.1, 0.1, 0.2])
    raw = folder(tmp_path / "raw", CAT)
    examples = own.index(raw).examples
    spec = own.specify(raw, examples)
    assert spec["sigmas"] == [0.05, 0.1, 0.1, 0.2]
    (batch,) = own.encode(raw, examples, spec)
    assert own.scores(examples, batch.targets, batch.targets, spec).total().keys() == own.metrics.keys() >= {"map"}


def test_some_of_cocos_names_have_cocos_sigmas() -> None:
    assert "map" in task(keypoints=["nose", "left_eye", "right_eye"]).metrics


def test_the_order_of_the_section_is_that_of_the_outputs(tmp_path: Path) -> None:
    """The keypoints of a folder are matched by name, in training and in `slipway score`."""
    raw = folder(tmp_path / "raw", CAT)
    turned = task(keypoints=CAT[::-1])
    spec = turned.specify(raw, turned.index(raw).examples)
    assert spec["outputs"] == CAT[::-1] and spec["skeleton"] == [[3, 2], [2, 0]]
    (batch,) = turned.encode(raw, turned.index(raw).examples, spec)
    (plain,) = task(keypoints=CAT).encode(raw, turned.index(raw).examples, spec | {"outputs": CAT})
    np.testing.assert_array_equal(batch.targets, plain.targets[:, ::-1])
    with pytest.raises(DataError, match="the annotations have no keypoint paw of the model: nose, left_ear"):
        list(turned.encode(raw, turned.index(raw).examples, spec | {"outputs": [*CAT, "paw"]}))


def test_flips_are_the_stated_pairs(tmp_path: Path) -> None:
    raw = folder(tmp_path / "raw", CAT)
    for flips, swapped in ([], [0, 1, 2, 3]), ([["nose", "tail"]], [3, 1, 2, 0]):
        own = task(keypoints=CAT, flips=flips)
        assert own.specify(raw, own.index(raw).examples)["mirrored"] == swapped


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"flips": [["a", "b"]]}, "flips and sigmas need keypoints"),
        ({"sigmas": [0.1]}, "flips and sigmas need keypoints"),
        ({"keypoints": ["a", "a"]}, "keypoints must be different names"),
        ({"keypoints": []}, "at least 1 item"),
        ({"keypoints": ["a", "b"], "flips": [["a", "c"]]}, "flips: 'c' is not one of keypoints"),
        ({"keypoints": ["a", "b"], "flips": [["a", "a"]]}, "flips: a keypoint occurs twice"),
        ({"keypoints": ["a", "b"], "sigmas": [0.1]}, "sigmas: 1 numbers for 2 keypoints"),
        ({"keypoints": ["a"], "sigmas": [0]}, "greater than 0"),
    ],
)
def test_an_inconsistent_skeleton_is_refused(section: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        task(**section)


def test_annotations_of_another_skeleton_are_refused(tmp_path: Path) -> None:
    raw = folder(tmp_path / "raw", CAT)
    with pytest.raises(
        DataError, match=r"'tail' is not one of COCO's.*data\.keypoints.*\[nose, left_ear, right_ear, tail\]"
    ):
        task().index(raw)
    with pytest.raises(DataError, match=r"the annotations have no keypoint paw of data\.keypoints: nose"):
        task(keypoints=[*CAT, "paw"]).index(raw)
    with pytest.raises(DataError, match=r"the annotations have tail, which data\.keypoints has not"):
        task(keypoints=CAT[:3]).index(raw)


def test_settings_that_are_not_given_are_not_written() -> None:
    """So the parameters of variants from before these settings, and their versions, are what they were."""
    assert set(Data(height=32, width=32).model_dump()) == {"height", "width", "margin", "group"}
    assert Data(height=32, width=32, keypoints=["a"]).model_dump(mode="json")["keypoints"] == ["a"]


@pytest.mark.parametrize(("name", "count", "pairs"), [("LSP", 14, 6), ("MPII", 16, 6)])
def test_the_skeletons_of_the_page_work(tmp_path: Path, name: str, count: int, pairs: int) -> None:
    data = DOCUMENTED[name]
    assert len(data["keypoints"]) == count and len(data["flips"]) == pairs
    assert {tuple(sorted(pair)) for pair in data["flips"]} == {
        tuple(sorted(pair)) for pair in skeleton.pairs(data["keypoints"])
    }
    own = task(**data)
    raw = folder(tmp_path / "raw", data["keypoints"])
    index = own.index(raw)
    spec = own.specify(raw, index.examples)
    (batch,) = own.encode(raw, index.examples, spec)
    assert batch.targets.shape == (3, count, 3) and batch.targets[0, :, 2].tolist()[:3] == [1, 2, 1]
    assert own.scores(index.examples, batch.targets, batch.targets, spec).total()["pck"] == 1


def test_the_mean_pose_is_what_a_model_without_skill_scores(tmp_path: Path) -> None:
    own = task(keypoints=CAT)
    raw = folder(tmp_path / "raw", CAT)
    metric, value, _ = own.unlearnt(own.index(raw).examples)
    assert (metric, value) == ("pck", 1), "all persons stand alike"
    content = json.loads((raw / "annotations.json").read_text())
    content["annotations"][0]["keypoints"][0] += 20
    (raw / "annotations.json").write_text(json.dumps(content))
    assert own.unlearnt(own.index(raw).examples)[1] == pytest.approx(6 / 9), "the nose is 6.7 or 13.3 pixels off"


def test_an_area_is_needed_for_average_precision_alone(tmp_path: Path) -> None:
    raw = folder(tmp_path, CAT)
    path = raw / "annotations.json"
    content = json.loads(path.read_text())
    for one in content["annotations"]:
        del one["area"]
    path.write_text(json.dumps(content))
    index = task(keypoints=CAT).index(raw)
    assert len(index.examples) == 3 and index.problems == []
    with_sigmas = task(keypoints=CAT, sigmas=[0.1] * 4).index(raw)
    assert with_sigmas.examples.empty and {problem.detail for problem in with_sigmas.problems} == {"it has no area"}
