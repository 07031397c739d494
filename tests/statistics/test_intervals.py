"""Intervals by a bootstrap over groups."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from slipway.core.metric import Metric, named
from slipway.statistics.intervals import bootstrap, tail

ACCURACY = Metric("accuracy", "higher", "share", "", 4, share=True, right=True)
SHARES = ("recall", "roc_auc", "detection_rate")
DECLARED = named(ACCURACY, *(Metric(name, "higher", "share", "", 4, share=True) for name in SHARES))
DRAWS: dict[str, Any] = {"resamples": 200, "confidence": 0.95, "seed": 0, "declared": DECLARED.get}


def mean_of(values: np.ndarray):
    return lambda weight: {"mean": float(np.average(values, weights=weight))}


def test_with_one_example_per_group_it_is_the_normal_interval_of_a_mean() -> None:
    values = np.random.default_rng(0).normal(5, 2, 400)
    got = bootstrap(
        mean_of(values), pd.Series(range(400)), resamples=4000, confidence=0.95, seed=1, declared=DECLARED.get
    )["mean"]
    half = 1.96 * values.std() / 20
    assert got["value"] == pytest.approx(values.mean(), abs=1e-6)
    assert (got["low"], got["high"]) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.03)


def test_examples_that_repeat_within_a_group_add_no_certainty() -> None:
    random = np.random.default_rng(0)
    levels = random.normal(0, 1, 30)
    one = bootstrap(
        mean_of(levels), pd.Series(range(30)), resamples=2000, confidence=0.95, seed=1, declared=DECLARED.get
    )["mean"]
    repeated, groups = np.repeat(levels, 10), pd.Series(np.repeat(range(30), 10))
    ten = bootstrap(mean_of(repeated), groups, resamples=2000, confidence=0.95, seed=1, declared=DECLARED.get)["mean"]
    assert (ten["low"], ten["high"]) == pytest.approx((one["low"], one["high"]), abs=1e-6)


def test_its_coverage_is_about_the_nominal_one() -> None:
    random = np.random.default_rng(3)
    hits = 0
    for trial in range(200):
        groups = pd.Series(np.repeat(range(60), 5))
        values = np.repeat(random.normal(0, 1, 60), 5) + random.normal(0, 0.5, 300)
        got = bootstrap(mean_of(values), groups, resamples=200, confidence=0.9, seed=trial, declared=DECLARED.get)[
            "mean"
        ]
        hits += got["low"] <= 0 <= got["high"]  # type: ignore[operator]
    assert 0.83 <= hits / 200 <= 0.96


def test_undefined_figures_are_none_and_draws_without_a_value_are_left_out() -> None:
    def score(weight: np.ndarray | None) -> dict[str, float]:
        return {"never": float("nan"), "mostly": float("nan") if weight is not None and weight[0] == 0 else 1.0}

    got = bootstrap(score, pd.Series(range(10)), resamples=100, confidence=0.95, seed=0, declared=DECLARED.get)
    assert got["never"] == {"value": None, "low": None, "high": None}
    assert got["mostly"] == {"value": 1.0, "low": None, "high": None}


def share(right: np.ndarray, name: str = "accuracy"):
    """The share of examples that are right [n]."""
    return lambda weight: {name: float(np.average(right, weights=weight))}


@pytest.mark.parametrize("groups", [2, 18, 180])
def test_the_interval_of_a_perfect_share_depends_on_the_number_of_groups(groups: int) -> None:
    of = pd.Series(np.repeat(range(groups), 3))
    for right, at in ((True, "low"), (False, "high")):
        got = bootstrap(share(np.full(3 * groups, right)), of, **DRAWS)["accuracy"]
        exact = stats.binomtest(groups if right else 0, groups).proportion_ci(0.95, method="exact")
        assert got[at] == pytest.approx(getattr(exact, at), abs=1e-6)


@given(st.integers(2, 30), st.integers(1, 9), st.booleans())
@settings(max_examples=30)
def test_no_score_of_examples_has_an_interval_without_width(groups: int, hits: int, one: bool) -> None:
    """If all groups have the same score, or there is one group, the uncertainty is unknown."""
    right = np.tile(np.arange(10) < hits, groups)
    of = pd.Series(np.zeros(10 * groups, int) if one else np.repeat(range(groups), 10))
    got = bootstrap(share(right), of, **DRAWS)["accuracy"]
    assert got == {"value": hits / 10, "low": None, "high": None}


def test_an_amount_that_is_the_same_in_every_draw_has_no_interval() -> None:
    got = bootstrap(share(np.zeros(40), "mae"), pd.Series(range(40)), **DRAWS)["mae"]
    assert got == {"value": 0.0, "low": None, "high": None}


def test_the_interval_of_a_perfect_score_of_classes_depends_on_the_rarest_class() -> None:
    classes = {"ad": np.arange(100) < 3, "content": np.arange(100) >= 3, "absent": np.zeros(100, bool)}

    def perfect(weight: np.ndarray | None) -> dict[str, float]:
        return dict.fromkeys(("accuracy", "recall", "roc_auc"), 1.0)

    got = bootstrap(perfect, pd.Series(range(100)), **DRAWS, classes=classes)
    lows = {metric: one["low"] for metric, one in got.items()}
    assert lows["accuracy"] == pytest.approx(0.025 ** (1 / 100), abs=1e-6)
    assert lows["recall"] == lows["roc_auc"] == pytest.approx(0.025 ** (1 / 3), abs=1e-6)


def test_groups_without_information_on_a_share_add_no_certainty() -> None:
    """The recall of objects that are in four of forty pictures."""
    shown = np.arange(40) < 4

    def recall(weight: np.ndarray | None) -> dict[str, float]:
        seen = shown if weight is None else shown * weight
        return {"detection_rate": 1.0 if seen.any() else float("nan")}

    got = bootstrap(recall, pd.Series(range(40)), **DRAWS)["detection_rate"]
    assert got["low"] == pytest.approx(0.025 ** (1 / 4), abs=1e-6)


def test_the_tails_are_wider_for_few_groups() -> None:
    assert tail(0.025, 5) < tail(0.025, 50) < 0.025
    assert tail(0.025, 100_000) == pytest.approx(0.025, rel=1e-3)
