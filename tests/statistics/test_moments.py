"""Sums of units, and their moments."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.statistics.moments import PairedSums, Sums, combined_variance

VALUES = st.lists(st.floats(-1000, 1000), min_size=2, max_size=30).map(np.array)


@given(VALUES)
def test_mean_and_variance_are_those_of_numpy(values: np.ndarray) -> None:
    moments = Sums.of_values(values).moments()
    assert moments.units == len(values)
    assert moments.mean == pytest.approx(values.mean(), rel=1e-9, abs=1e-9)
    assert moments.variance == pytest.approx(values.var(ddof=1), rel=1e-9, abs=1e-6)


@given(VALUES, VALUES)
def test_sums_of_parts_add_to_the_sums_of_the_whole(one: np.ndarray, other: np.ndarray) -> None:
    whole = Sums.of_values(np.concatenate([one, other]))
    added = Sums.of_values(one) + Sums.of_values(other)
    assert (added.units, added.total, added.squares) == pytest.approx((whole.units, whole.total, whole.squares))


@given(VALUES, VALUES)
def test_the_variance_of_both_arms_together_is_that_of_one_sample(one: np.ndarray, other: np.ndarray) -> None:
    found = combined_variance(Sums.of_values(one).moments(), Sums.of_values(other).moments())
    assert found == pytest.approx(np.concatenate([one, other]).var(ddof=1), rel=1e-9, abs=1e-6)


def test_a_yes_or_no_metric_has_the_variance_of_its_rate() -> None:
    moments = Sums.of_events(200, 30).moments()
    assert moments.mean == 0.15
    assert moments.variance == pytest.approx(0.15 * 0.85 * 200 / 199)


def test_values_far_from_zero_keep_a_variance_that_is_not_negative() -> None:
    assert Sums.of_values(np.full(1000, 1e6 + 0.1)).moments().variance == pytest.approx(0, abs=1e-2)


def test_fields_may_be_arrays_with_a_number_for_each_run() -> None:
    moments = Sums.of_events(np.array([10, 20]), np.array([5, 5])).moments()
    assert np.asarray(moments.mean).tolist() == [0.5, 0.25]


def test_the_covariance_is_that_of_numpy() -> None:
    random = np.random.default_rng(0)
    first, second = random.normal(3, 1, 50), random.normal(-2, 5, 50)
    parts = [PairedSums.of_values(first[part], second[part]) for part in (slice(0, 20), slice(20, 50))]
    assert (parts[0] + parts[1]).covariance() == pytest.approx(np.cov(first, second)[0, 1])


@pytest.mark.parametrize(("units", "mean", "variance"), [(0, np.nan, np.nan), (1, 1.0, np.nan)])
def test_what_too_few_units_do_not_tell_is_nan(units: int, mean: float, variance: float) -> None:
    moments = Sums(units, units, units).moments()
    assert [moments.mean, moments.variance] == pytest.approx([mean, variance], nan_ok=True)


@pytest.mark.parametrize(
    ("units", "total", "squares", "message"),
    [
        (-1, 0, 0, "the number of units is negative"),
        (10, 5, 1, "the sum of squares is too small for the sum"),
        (0, 0, 1, "the sum of squares is too small for the sum"),
        (10, float("nan"), 1, "a count or a sum is not finite"),
    ],
)
def test_sums_that_no_values_have_are_refused(units: float, total: float, squares: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Sums(units, total, squares)


@pytest.mark.parametrize("count", [-1, 11])
def test_more_events_than_units_are_refused(count: int) -> None:
    with pytest.raises(ValueError, match="the number of events is below 0 or above the number of units"):
        Sums.of_events(10, count)


def test_products_that_no_values_have_are_refused() -> None:
    one = Sums.of_values(np.array([1.0, 2.0]))
    with pytest.raises(ValueError, match="the sum of products"):
        PairedSums(one, one, 6.0)
    with pytest.raises(ValueError, match="different numbers of units"):
        PairedSums(one, Sums.of_values(np.array([1.0])), 1.0)
