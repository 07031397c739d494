import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detections import SHAPE, matches, world
from repeated import assert_weights_repeat
from slipway.metrics import boxes
from slipway.metrics.matching import Matches


def score(matched: Matches, threshold: float, weight: np.ndarray | None = None) -> dict[str, float]:
    return boxes.Scores(matched, pd.Series(dtype=object), threshold).total(weight)


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


def test_each_class_has_its_scores() -> None:
    helmet, head = [0.2, 0.2, 0.2, 0.2], [0.7, 0.7, 0.2, 0.2]
    matched = matches(
        [[[*helmet, 0], [*head, 1]], [[*head, 1]], []],
        [[[*helmet, 0.9, 0], [*head, 0.8, 0]], [[*head, 0.7, 1]], [[*head, 0.6, 1]]],
        classes=2,
    )
    scores = boxes.Scores(matched, pd.Series(["a", "a", "b"]), 0.5, ["helmet", "head"])
    table = scores.breakdowns()["per_class"].set_index("class")
    assert table.loc["helmet"].to_dict() == pytest.approx(
        {
            "pictures": 1,
            "objects": 1,
            "detection_rate": 1,
            "false_positives_per_picture": 1 / 3,
            "precision": 0.5,
            "ap50": 1,
            "mean_iou": 1,
        }
    )
    assert table.loc["head", ["objects", "detection_rate", "precision"]].tolist() == [2, 0.5, 0.5]
    total = scores.total()
    assert total["detection_rate"] == pytest.approx(2 / 3)
    assert total["ap50"] == pytest.approx(table["ap50"].mean()), "the mean of the classes"
    contributions = scores.contributions
    found, objects = contributions.by_class["detection_rate"]["head"]
    assert (found.tolist(), objects.tolist()) == ([0, 1, 0], [1, 1, 0])
    assert contributions.members["helmet"].tolist() == [True, False, False]
    assert contributions.several and contributions.actual.tolist() == ["helmet, head", "head", "no label"]
    plots = {plot.name: plot.table for plot in scores.plots()}
    assert sorted(zip(plots["confusion"]["actual"], plots["confusion"]["predicted"], strict=True)) == [
        ("head", "head"),
        ("head", "helmet"),
        ("helmet", "helmet"),
        ("nothing", "head"),
    ]
    assert plots["precision_by_class"]["class"].tolist() == ["helmet", "head"]


def test_a_class_without_objects_does_not_count_in_the_mean() -> None:
    matched = matches([[[0.2, 0.2, 0.2, 0.2, 1]]], [[[0.2, 0.2, 0.2, 0.2, 0.9, 1]]], classes=3)
    scores = boxes.Scores(matched, pd.Series(["a"]), 0.5, ["a", "b", "c"])
    assert scores.total()["ap50"] == pytest.approx(1)
    assert scores.breakdowns()["per_class"]["ap50"].tolist() == pytest.approx([np.nan, 1, np.nan], nan_ok=True)


@settings(max_examples=10)
@given(seed=st.integers(0, 1000), draws=st.lists(st.integers(0, 3), min_size=12, max_size=12))
def test_a_weight_counts_an_example_that_often_in_each_class(seed: int, draws: list[int]) -> None:
    objects, detections = world(seed, classes=3)
    groups, repeated, names = pd.Series(list("aaabbbcccddd")), np.repeat(np.arange(12), draws), ["x", "y", "z"]
    if not len(repeated):
        return
    matched = Matches(objects, detections, SHAPE, 3)
    explicit = Matches(objects[repeated], detections[repeated], SHAPE, 3)
    assert_weights_repeat(
        {"per_class": boxes.Scores(matched, groups, 0.4, names).breakdowns()["per_class"]},
        {"per_class": boxes.Scores(matched, groups, 0.4, names).breakdowns(np.array(draws, float))["per_class"]},
        {"per_class": boxes.Scores(explicit, groups[repeated], 0.4, names).breakdowns()["per_class"]},
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
