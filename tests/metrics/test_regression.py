"""The scores of a predicted number, and its interval."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from repeated import assert_weights_repeat
from slipway.metrics.regression import METRICS, Scores, spread


def drawn(seed: int, count: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Prices, and predictions whose errors grow with the price."""
    draw = np.random.default_rng(seed)
    actual = draw.lognormal(5, 0.6, count)
    return actual, actual * draw.normal(1, 0.1, count)


def scores(rows: np.ndarray | None = None) -> Scores:
    actual, predicted = drawn(0)
    kinds = np.random.default_rng(1).choice(["a", "b", "c"], len(actual))
    rows = np.arange(len(actual)) if rows is None else rows
    examples = pd.DataFrame({"column kind": kinds[rows]})
    return Scores(
        examples, actual[rows], predicted[rows], 0.9 * predicted[rows], 1.1 * predicted[rows], "price", ["kind"]
    )


def test_scores_are_those_of_scikit_learn() -> None:
    one = scores()
    found = one.total()
    assert found.keys() == METRICS.keys()
    assert found["mae"] == pytest.approx(metrics.mean_absolute_error(one.actual, one.predicted))
    assert found["rmse"] == pytest.approx(metrics.root_mean_squared_error(one.actual, one.predicted))
    assert found["r2"] == pytest.approx(metrics.r2_score(one.actual, one.predicted))
    assert found["coverage"] == pytest.approx(((one.low <= one.actual) & (one.actual <= one.high)).mean())


def test_a_weight_counts_an_example_that_often() -> None:
    one, rows = scores(), np.repeat(np.arange(400), 2)
    assert scores(rows).total() == pytest.approx(one.total(np.full(400, 2.0)))
    assert_weights_repeat(
        {"by_kind": one.breakdowns()["by_kind"]},
        {"by_kind": one.breakdowns(np.full(400, 2.0))["by_kind"]},
        {"by_kind": scores(rows).breakdowns()["by_kind"]},
    )


def test_scores_that_are_undefined_are_nan() -> None:
    assert all(np.isnan(value) for value in scores().total(np.zeros(400)).values())
    same = Scores(pd.DataFrame(index=range(3)), np.ones(3), np.ones(3), np.zeros(3), np.ones(3), "price")
    assert np.isnan(same.total()["r2"]) and same.total()["mae"] == 0


def test_errors_are_shown_over_time_if_the_examples_have_one() -> None:
    one = scores()
    times = pd.date_range("2026-01-01", periods=400, freq="h")
    timed = Scores(one.examples.assign(time=times), one.actual, one.predicted, one.low, one.high, "price")
    assert [plot.name for plot in one.plots()] == ["predicted_and_actual", "errors"]
    over_time = timed.plots()[-1]
    assert over_time.name == "errors_over_time" and over_time.y_label == "error of price"
    assert over_time.table["median"].iloc[1] == np.median((one.predicted - one.actual)[24:48])


def test_tenths_of_the_examples_by_prediction() -> None:
    table = scores().breakdowns()["tenths"]
    assert table["tenth"].tolist() == list(range(1, 11)) and table["examples"].sum() == 400
    assert table["mean_predicted"].is_monotonic_increasing


@settings(max_examples=20)
@given(seed=st.integers(0, 1000))
def test_the_interval_holds_four_fifths_of_new_values(seed: int) -> None:
    """By the theory, on average over validation splits; a single one of 2,000 values is within a few points of it."""
    found = spread(*drawn(seed, 2000))
    actual, predicted = drawn(seed + 1, 20_000)
    unit = np.abs(predicted) if found["relative"] else 1
    inside = (predicted + found["low"] * unit <= actual) & (actual <= predicted + found["high"] * unit)
    assert inside.mean() == pytest.approx(0.8, abs=0.05)


def test_errors_that_grow_with_the_value_make_a_relative_interval_and_others_do_not() -> None:
    actual, predicted = drawn(0)
    assert spread(actual, predicted)["relative"]
    assert not spread(predicted + np.random.default_rng(0).normal(size=400), predicted)["relative"]


def test_few_values_give_their_extremes() -> None:
    found = spread(np.array([1.0, -2.0]), np.zeros(2))
    assert found == {"relative": False, "low": -2.0, "high": 1.0}
