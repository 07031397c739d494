import io
from contextlib import redirect_stdout

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from repeated import assert_weights_repeat
from slipway.metrics import boxes
from slipway.metrics.boxes import Matches

SHAPE = (100, 100, 3)
NAN = [np.nan] * 4
NONE = [0.0] * 5


def matches(objects: list[list[list[float]]], detections: list[list[list[float]]]) -> Matches:
    """Objects and detections of each picture, padded to arrays."""
    most, given = (max([1, *map(len, many)]) for many in (objects, detections))
    return Matches(
        np.array([one + [NAN] * (most - len(one)) for one in objects], np.float32),
        np.array([one + [NONE] * (given - len(one)) for one in detections], np.float32),
        SHAPE,
    )


def world(seed: int, pictures: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Random objects, and detections that are moved objects or nothing at all."""
    random = np.random.default_rng(seed)
    objects = np.full((pictures, 3, 4), np.nan, np.float32)
    detections = np.zeros((pictures, 4, 5), np.float32)
    for picture in range(pictures):
        count = random.integers(0, 4)
        objects[picture, :count] = random.uniform([0.2] * 2 + [0.05] * 2, [0.8] * 2 + [0.2] * 2, (count, 4))
        given = [
            [*(box + random.normal(0, 0.02, 4).clip(-0.04, 0.04)), random.uniform()] for box in objects[picture, :count]
        ]
        given += [[*random.uniform(0.1, 0.3, 4), random.uniform()] for _ in range(random.integers(0, 2))]
        given.sort(key=lambda box: -box[4])
        if given:
            detections[picture, : len(given)] = given
    return objects, detections


def score(matched: Matches, threshold: float, weight: np.ndarray | None = None) -> dict[str, float]:
    return boxes.Scores(matched, pd.Series(dtype=object), threshold).total(weight)


def test_overlap_is_intersection_over_union() -> None:
    one = boxes.edges(np.array([[0.5, 0.5, 0.2, 0.2]]))
    other = boxes.edges(np.array([[0.6, 0.5, 0.2, 0.2], [0.9, 0.9, 0.1, 0.1], [0.5, 0.5, 0.1, 0.2], [0.5, 0.5, 0, 0]]))
    assert boxes.overlap(one, other)[0] == pytest.approx([1 / 3, 0, 0.5, 0])


def test_an_object_is_found_once_by_the_best_scored_detection() -> None:
    ball = [0.5, 0.5, 0.2, 0.2]
    matched = matches([[ball]], [[[0.52, 0.5, 0.2, 0.2, 0.9], [*ball, 0.8]]])
    scored = score(matched, 0.5)
    assert scored["detection_rate"] == 1
    assert scored["false_positives_per_picture"] == 1
    assert scored["precision"] == 0.5
    assert scored["mean_iou"] == pytest.approx(0.18 / 0.22, abs=1e-6)


def test_a_detection_below_the_threshold_is_ignored() -> None:
    matched = matches([[[0.5, 0.5, 0.2, 0.2]], []], [[[0.5, 0.5, 0.2, 0.2, 0.4]], [[0.1, 0.1, 0.1, 0.1, 0.3]]])
    assert score(matched, 0.35) == pytest.approx(
        {"detection_rate": 1, "false_positives_per_picture": 0, "precision": 1, "ap50": 1, "mean_iou": 1}
    )
    low = score(matched, 0.3)
    assert (low["false_positives_per_picture"], low["precision"]) == (0.5, 0.5)
    high = score(matched, 0.5)
    assert high["detection_rate"] == 0
    assert np.isnan([high["precision"], high["mean_iou"]]).all()
    assert high["ap50"] == pytest.approx(1), "average precision is over all thresholds"


def test_pictures_without_any_object_have_no_detection_rate() -> None:
    scored = score(matches([[], []], [[], [[0.5, 0.5, 0.1, 0.1, 0.9]]]), 0.5)
    assert scored["false_positives_per_picture"] == 0.5
    assert np.isnan([scored["detection_rate"], scored["ap50"]]).all()


def test_average_precision_is_what_pycocotools_gives() -> None:
    objects, detections = world(1)
    truth, found = COCO(), COCO()
    images = [{"id": number} for number in range(len(objects))]

    def annotated(many: np.ndarray) -> list[dict[str, object]]:
        rows = [(number, row) for number, rows in enumerate(many) for row in rows if row[-1] > 0]
        return [
            {
                "id": id,
                "image_id": number,
                "category_id": 1,
                "bbox": [float(v) for v in (*(row[:2] - row[2:4] / 2) * 100, *row[2:4] * 100)],
                "area": float(row[2] * row[3] * 1e4),
                "iscrowd": 0,
                "score": float(row[-1]),
            }
            for id, (number, row) in enumerate(rows, 1)
        ]

    for coco, many in ((truth, objects), (found, detections)):
        coco.dataset = {"images": images, "categories": [{"id": 1}], "annotations": annotated(many)}
        with redirect_stdout(io.StringIO()):
            coco.createIndex()
    evaluation = COCOeval(truth, found, "bbox")
    with redirect_stdout(io.StringIO()):
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    assert 0.2 < evaluation.stats[1] < 1
    assert Matches(objects, detections, SHAPE).average_precision() == pytest.approx(evaluation.stats[1], abs=1e-9)


@settings(max_examples=20)
@given(seed=st.integers(0, 1000), draws=st.lists(st.integers(0, 3), min_size=12, max_size=12))
def test_a_weight_counts_an_example_that_often(seed: int, draws: list[int]) -> None:
    objects, detections = world(seed)
    weight = np.array(draws, float)
    repeated = np.repeat(np.arange(12), draws)
    if not len(repeated):
        return
    weighted = score(Matches(objects, detections, SHAPE), 0.4, weight)
    explicit = score(Matches(objects[repeated], detections[repeated], SHAPE), 0.4)
    assert weighted == pytest.approx(explicit, nan_ok=True)


@settings(max_examples=20)
@given(seed=st.integers(0, 1000), bound=st.sampled_from([0.05, 0.1, 0.3]))
def test_the_operating_point_is_the_lowest_that_keeps_the_bound(seed: int, bound: float) -> None:
    matched = Matches(*world(seed), SHAPE)
    threshold = boxes.operating_point(matched, bound)
    assert not score(matched, threshold)["false_positives_per_picture"] > bound
    below = matched.score[matched.score < threshold]
    if len(below):
        assert score(matched, below.max())["false_positives_per_picture"] > bound


def test_the_operating_point_is_halfway_between_accepted_and_rejected_scores() -> None:
    ball, other = [0.5, 0.5, 0.2, 0.2], [0.1, 0.1, 0.1, 0.1]
    assert boxes.operating_point(matches([[ball]], [[[*ball, 0.8], [*other, 0.6]]]), 0.1) == pytest.approx(0.7)
    assert boxes.operating_point(matches([[ball]], [[[*other, 0.8], [*ball, 0.6]]]), 0.1) == pytest.approx(0.9)
    assert boxes.operating_point(matches([[ball]], [[[*ball, 0.8]]]), 0.1) == pytest.approx(0.4)
    assert boxes.operating_point(matches([[ball]], [[]]), 0.1) == 0.5


def test_two_models_agree_if_each_box_overlaps_one_of_the_other() -> None:
    one = np.array([[[0.5, 0.5, 0.2, 0.2, 0.9], [0.1, 0.1, 0.1, 0.1, 0.8]]])
    swapped = one[:, ::-1]
    moved = one + np.array([0.3, 0, 0, 0, 0])
    fewer = one * np.array([1, 1, 1, 1, 0.6])
    assert boxes.same(one, swapped, 0.5).all()
    assert not boxes.same(one, moved, 0.5).any()
    assert not boxes.same(one, fewer, 0.5).any()
    assert boxes.same(one, moved, 0.95).all(), "nothing decided, nothing to differ in"


def test_tables_separate_sizes_and_groups() -> None:
    small, large = [0.2, 0.2, 0.05, 0.05], [0.6, 0.6, 0.4, 0.4]
    matched = matches([[small], [large], []], [[], [[*large, 0.9]], [[*small, 0.9]]])
    tables = boxes.Scores(matched, pd.Series(["a", "a", "b"]), 0.5).breakdowns()
    assert tables["by_size"].to_dict("list") == {
        "size": ["0 to 8 px", "32 to 64 px"],
        "objects": [1, 1],
        "detection_rate": [0, 1],
        "mean_iou": [pytest.approx(np.nan, nan_ok=True), 1],
    }
    per_group = tables["per_group"].set_index("group")
    assert per_group["pictures"].to_dict() == {"a": 2, "b": 1}
    assert per_group["objects"].to_dict() == {"a": 2, "b": 0}
    assert per_group["false_positives_per_picture"].to_dict() == {"a": 0, "b": 1}
    assert per_group.loc["a", "detection_rate"] == 0.5


@settings(max_examples=20)
@given(seed=st.integers(0, 1000), draws=st.lists(st.integers(0, 3), min_size=12, max_size=12))
def test_a_weight_counts_an_example_that_often_in_the_tables(seed: int, draws: list[int]) -> None:
    objects, detections = world(seed)
    groups, repeated = pd.Series(list("aaabbbcccddd")), np.repeat(np.arange(12), draws)
    if not len(repeated):
        return
    matched = Matches(objects, detections, SHAPE)
    explicit = Matches(objects[repeated], detections[repeated], SHAPE)
    assert_weights_repeat(
        boxes.Scores(matched, groups, 0.4).breakdowns(),
        boxes.Scores(matched, groups, 0.4).breakdowns(np.array(draws, float)),
        boxes.Scores(explicit, groups[repeated], 0.4).breakdowns(),
    )


def test_curves_in_plots_are_monotonic() -> None:
    matched = Matches(*world(3, 60), SHAPE)
    plots = {plot.name: plot for plot in boxes.Scores(matched, pd.Series(["a"] * 60), 0.4).plots()}
    assert set(plots) == {"precision_recall", "froc", "detection_by_size"}
    curve = plots["froc"].table
    assert curve["detection_rate"].is_monotonic_increasing
    assert curve["false_positives_per_picture"].is_monotonic_increasing
    assert curve["score"].is_monotonic_decreasing
    assert boxes.Scores(matches([[]], [[]]), pd.Series(["a"]), 0.5).plots()[0].table.empty
