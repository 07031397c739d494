"""The choice of a threshold."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from slipway.metrics.operating_point import highest_f1, least_precision, least_recall, lowest_cost, wilson


def drawn(seed: int, count: int = 300, steps: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Targets, and calibrated probabilities with ties."""
    draw = np.random.default_rng(seed)
    probability = (draw.beta(0.5, 1.5, count) * steps).round() / steps
    targets = (draw.random(count) < probability).astype(np.int64)
    targets[0] = 1
    return targets, probability


def test_the_bound_is_wilsons() -> None:
    from statsmodels.stats.proportion import proportion_confint

    low = wilson(np.array([8.0]), np.array([10.0]), 0.975)[0]
    assert low == pytest.approx(proportion_confint(8, 10, alpha=0.05, method="wilson")[0])


@settings(max_examples=30)
@given(seed=st.integers(0, 1000), least=st.sampled_from([0.3, 0.5, 0.7]))
def test_no_other_threshold_of_that_precision_finds_more(seed: int, least: float) -> None:
    targets, probability = drawn(seed)
    point = least_precision(targets, probability, least, 0.9)
    decided = probability >= point["threshold"]
    assert point["precision"] == pytest.approx(targets[decided].mean(), abs=1e-6)
    assert point["recall"] == pytest.approx(decided[targets == 1].mean(), abs=1e-6)
    for other in np.unique(probability):
        at = probability >= other
        low = wilson(np.array([targets[at].sum()]), np.array([at.sum()]), 0.9)[0]
        if low >= least:
            assert point["reached"] and at[targets == 1].mean() <= point["recall"] + 1e-6


def test_a_few_lucky_examples_do_not_prove_a_precision() -> None:
    """Two of two positives do not prove a precision; 60 of 60 prove that it is above 0.9."""
    few = np.concatenate([np.ones(2), np.zeros(50)]).astype(int)
    point = least_precision(few, np.linspace(1, 0, 52), 0.9, 0.95)
    assert not point["reached"] and point["precision"] == 1 and point["recall"] == 1
    many = np.concatenate([np.ones(60), np.zeros(50)]).astype(int)
    point = least_precision(many, np.linspace(1, 0, 110), 0.9, 0.95)
    assert point["reached"] and point["precision_low"] >= 0.9


def test_the_threshold_lies_between_two_scores() -> None:
    point = least_precision(np.array([1, 0]), np.array([0.8, 0.4]), 0.1, 0.5)
    assert point["threshold"] == pytest.approx(0.6)


@settings(max_examples=30)
@given(seed=st.integers(0, 1000), least=st.sampled_from([0.5, 0.8, 0.9]))
def test_no_higher_threshold_has_that_recall(seed: int, least: float) -> None:
    targets, probability = drawn(seed)
    point = least_recall(targets, probability, least, 0.9)
    decided = probability >= point["threshold"]
    assert point["recall"] == pytest.approx(decided[targets == 1].mean(), abs=1e-6)
    assert point["recall_low"] >= least or (not point["reached"] and point["recall"] == 1)
    for other in np.unique(probability[probability > point["threshold"] + 1e-9]):
        hits = float(targets[probability > other].sum())
        if point["reached"]:
            assert wilson(np.array([hits]), np.array([float(targets.sum())]), 0.9)[0] < least


@settings(max_examples=30)
@given(seed=st.integers(0, 1000))
def test_no_other_threshold_has_a_higher_f1(seed: int) -> None:
    targets, probability = drawn(seed)
    best = metrics.f1_score(targets, probability >= highest_f1(targets, probability)["threshold"])
    for other in np.unique(probability):
        assert metrics.f1_score(targets, probability >= other, zero_division=0) <= best + 1e-9


@settings(max_examples=20)
@given(costs=st.tuples(st.integers(1, 9), st.integers(1, 9)))
def test_the_threshold_of_calibrated_probabilities_has_the_lowest_cost(costs: tuple[int, int]) -> None:
    targets, probability = drawn(3, 100_000, 1000)
    point = lowest_cost(targets, probability, *costs)

    def cost(threshold: float) -> float:
        decided = probability >= threshold
        return float((costs[0] * (decided & (targets == 0)) + costs[1] * (~decided & (targets == 1))).mean())

    assert point["mean_cost"] == pytest.approx(cost(point["threshold"]), abs=1e-6)
    assert point["mean_cost"] <= min(cost(other) for other in np.linspace(0.05, 0.95, 19)) + 0.01


def test_equal_costs_decide_for_the_more_probable_class() -> None:
    point = lowest_cost(np.array([1, 1, 0, 0]), np.array([0.9, 0.4, 0.6, 0.1]), 1, 1)
    assert point == {"threshold": 0.5, "precision": 0.5, "recall": 0.5, "accuracy": 0.5, "mean_cost": 0.5}


@pytest.mark.parametrize("choose", [highest_f1, lambda *given: least_recall(*given, 0.5, 0.9)])
def test_without_a_positive_example_there_is_no_threshold(choose) -> None:
    with pytest.raises(ValueError, match="no example is positive"):
        choose(np.zeros(3), np.linspace(0, 1, 3))
