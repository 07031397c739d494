"""Comparisons that may stop early and decide once at the planned sample."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from slipway.statistics import confidence_sequence
from slipway.statistics.effects import Effect, difference
from slipway.statistics.moments import Sums
from slipway.statistics.planned_end import interval, welch

PLANNED = 2_000


def effect_of(units: int, value: float = 0.1) -> Effect:
    return Effect(value, 4 / units, 4 / units, units - 2.0, units, True)


def test_welchs_test_equals_that_of_scipy() -> None:
    random = np.random.default_rng(0)
    control, treatment = random.normal(1, 1, 300), random.normal(1.2, 3, 150)
    found = welch(difference(Sums.of_values(control).moments(), Sums.of_values(treatment).moments()), alpha=0.04)
    expected = stats.ttest_ind(treatment, control, equal_var=False)
    between = expected.confidence_interval(0.96)
    assert found.p == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx((between.low, between.high))


def test_before_the_planned_sample_it_is_the_sequence_at_1_percent() -> None:
    effect = effect_of(PLANNED - 1)
    found, sequence = (
        interval(effect, planned=PLANNED),
        confidence_sequence.interval(effect, alpha=0.01, planned=PLANNED),
    )
    assert (found.low, found.high, found.p) == (sequence.low, sequence.high, min(1, 5 * sequence.p))


@pytest.mark.parametrize("units", [PLANNED, PLANNED + 40])
def test_the_first_look_with_the_planned_sample_is_welchs_test_at_4_percent(units: int) -> None:
    found, test = interval(effect_of(units), planned=PLANNED), welch(effect_of(units), alpha=0.04)
    assert (found.low, found.high, found.p) == (test.low, test.high, pytest.approx(min(1, 1.25 * test.p)))


@given(st.integers(200, 100_000), st.floats(-1, 1), st.booleans())
def test_the_p_value_is_below_5_percent_exactly_where_the_interval_leaves_0_out(
    units: int, value: float, ended: bool
) -> None:
    found = interval(effect_of(units, value), planned=units if ended else 2 * units)
    assert (found.p < 0.05) == found.excludes(0)


def test_the_last_test_uses_the_larger_variance() -> None:
    effect = replace(effect_of(PLANNED), pooled=0.01)
    assert interval(effect, planned=PLANNED).low == welch(replace(effect, variance=0.01), alpha=0.04).low


@given(st.integers(200, 100_000), st.floats(-10, 10))
def test_the_last_interval_lies_within_the_one_that_the_sequence_would_have_there(units: int, value: float) -> None:
    effect = effect_of(units, value)
    early = confidence_sequence.interval(effect, alpha=0.01, planned=units)
    last = interval(effect, planned=units)
    assert early.low < last.low < value < last.high < early.high


@pytest.mark.parametrize("effect", [Effect(9.0, 0.1, 0.1, 9.0, 5_000, False), Effect(9.0, 0.0, 0.0, 9.0, 5_000, True)])
def test_nothing_follows_from_too_few_units_or_equal_values_at_the_end_either(effect: Effect) -> None:
    found = interval(effect, planned=PLANNED)
    assert (found.low, found.high, found.p) == (-math.inf, math.inf, 1.0)
