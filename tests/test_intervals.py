"""Intervals by a bootstrap over groups."""

import numpy as np
import pandas as pd
import pytest

from slipway.intervals import bootstrap


def mean_of(values: np.ndarray):
    return lambda weight: {"mean": float(np.average(values, weights=weight))}


def test_with_every_example_its_own_group_it_is_the_normal_interval_of_a_mean() -> None:
    values = np.random.default_rng(0).normal(5, 2, 400)
    got = bootstrap(mean_of(values), pd.Series(range(400)), resamples=4000, confidence=0.95, seed=1)["mean"]
    half = 1.96 * values.std() / 20
    assert got["value"] == pytest.approx(values.mean(), abs=1e-6)
    assert (got["low"], got["high"]) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.03)


def test_examples_that_repeat_within_a_group_add_no_certainty() -> None:
    random = np.random.default_rng(0)
    levels = random.normal(0, 1, 30)
    one = bootstrap(mean_of(levels), pd.Series(range(30)), resamples=2000, confidence=0.95, seed=1)["mean"]
    repeated, groups = np.repeat(levels, 10), pd.Series(np.repeat(range(30), 10))
    ten = bootstrap(mean_of(repeated), groups, resamples=2000, confidence=0.95, seed=1)["mean"]
    assert (ten["low"], ten["high"]) == pytest.approx((one["low"], one["high"]), abs=1e-6)


def test_it_covers_the_truth_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(3)
    hits = 0
    for trial in range(200):
        groups = pd.Series(np.repeat(range(60), 5))
        values = np.repeat(random.normal(0, 1, 60), 5) + random.normal(0, 0.5, 300)
        got = bootstrap(mean_of(values), groups, resamples=200, confidence=0.9, seed=trial)["mean"]
        hits += got["low"] <= 0 <= got["high"]  # type: ignore[operator]
    assert 0.83 <= hits / 200 <= 0.96


def test_what_is_undefined_is_none_and_draws_without_it_are_left_out() -> None:
    def score(weight: np.ndarray | None) -> dict[str, float]:
        return {"never": float("nan"), "mostly": float("nan") if weight is not None and weight[0] == 0 else 1.0}

    got = bootstrap(score, pd.Series(range(10)), resamples=100, confidence=0.95, seed=0)
    assert got["never"] == {"value": None, "low": None, "high": None}
    assert got["mostly"] == {"value": 1.0, "low": 1.0, "high": 1.0}
