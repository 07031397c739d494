"""Intervals of shares and means over units, and of their differences, have the coverage that they state."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from slipway.statistics.ratio_intervals import Estimate, difference, mean, share


def one_each(events: int, units: int) -> Estimate:
    """The share where each unit has one example."""
    return share(np.arange(units) < events, np.ones(units))


def test_single_examples_give_wilsons_and_newcombes_interval() -> None:
    first, second = one_each(5600, 7000), one_each(4800, 8000)
    assert (first.value, first.units) == (0.8, 7000)
    assert (first.low, first.high) == pytest.approx(proportion_confint(5600, 7000, method="wilson"), abs=1e-5)
    found = difference(first, second)
    expected = confint_proportions_2indep(5600, 7000, 4800, 8000, method="newcomb", compare="diff")
    assert (found.low, found.high) == pytest.approx(expected, abs=1e-5)
    assert found.units == 7000


def test_examples_that_share_their_fate_count_as_one() -> None:
    random = np.random.default_rng(0)
    sizes = random.integers(1, 40, 200)
    together = share(np.where(random.random(200) < 0.3, sizes, 0), sizes)
    apart = share(random.binomial(sizes, 0.3), sizes)
    assert together.high - together.low > 3 * (apart.high - apart.low)
    assert apart.high - apart.low == pytest.approx(2 * 1.96 * np.sqrt(0.3 * 0.7 / sizes.sum()), rel=0.2)


def test_without_an_event_each_unit_counts_once() -> None:
    sizes = np.full(30, 100)
    none, single = share(np.zeros(30), sizes), share(np.eye(30)[0], sizes)
    assert none.value == none.low == 0
    assert none.high == pytest.approx(stats.t.ppf(0.975, 29) ** 2 / (30 + stats.t.ppf(0.975, 29) ** 2))
    assert none.high < single.high < 1.1 * none.high  # one event does not make it better known
    assert share(sizes, sizes).high == 1
    assert share(sizes, sizes).low == pytest.approx(1 - none.high)


def test_a_mean_has_the_interval_of_the_delta_method() -> None:
    values = np.random.default_rng(1).normal(0.7, 0.1, 50)
    found = mean(values, np.ones(50))
    expected = stats.t.interval(0.95, 49, values.mean(), stats.sem(values))
    assert (found.low, found.high) == pytest.approx(expected)
    doubled = mean(2 * values, np.full(50, 2.0))
    assert (doubled.low, doubled.high) == pytest.approx(expected)


def test_what_cannot_be_known() -> None:
    for found in (share(np.array([1]), np.array([2])), mean(np.array([0.5]), np.array([1]))):
        assert (found.value, found.units) == (0.5, 1)
        assert np.isnan([found.low, found.high]).all()
    nothing = share(np.zeros(3), np.zeros(3))
    assert (np.isnan(nothing.value), nothing.units) == (True, 0)
    equal = mean(np.array([0.1, 0.3, 0.7]), np.array([1.0, 3.0, 7.0]))  # rounding is no spread
    assert equal.value == pytest.approx(0.1)
    assert np.isnan([equal.low, equal.high]).all()
    assert np.isnan(difference(equal, one_each(3, 10)).low)


@pytest.mark.parametrize("units", [20, 100])
@pytest.mark.parametrize("rate", [0.02, 0.3])
def test_the_difference_of_shares_covers_the_truth(units: int, rate: float) -> None:
    """Units of 1 to 30 examples, intra-class correlation 0.2."""
    random = np.random.default_rng(units)
    covered = []
    for _ in range(400):
        sides = []
        for true in (rate, 2 * rate):
            sizes = random.integers(1, 30, units)
            of_unit = random.beta(4 * true, 4 * (1 - true), units)
            sides.append(share(random.binomial(sizes, of_unit), sizes))
        found = difference(*sides)
        covered.append(found.low <= -rate <= found.high)
    assert np.mean(covered) > 0.9
