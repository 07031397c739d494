"""Bandits: shares that follow the rewards, and estimates that are right despite it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from slipway.statistics.bandit import by_propensity, floored, weights_of_means, weights_of_rates
from slipway.statistics.moments import Moments, Sums

WEIGHTS = st.lists(st.floats(0, 1), min_size=2, max_size=6).filter(sum).map(lambda one: np.array(one) / sum(one))


def test_the_weight_of_a_rate_is_the_probability_that_it_is_the_best() -> None:
    """Of Beta(11, 91) above Beta(6, 96), by quadrature."""
    grid = np.linspace(0, 1, 20_001)
    better = np.trapezoid(stats.beta.pdf(grid, 11, 91) * stats.beta.cdf(grid, 6, 96), grid)
    found = weights_of_rates(np.array([5, 10]), np.array([100, 100]), seed=0)
    assert found[1] == pytest.approx(better, abs=0.015)
    assert found.sum() == pytest.approx(1)


def test_the_weight_of_a_mean_is_the_probability_that_it_is_the_best() -> None:
    arms = Moments(np.array([100, 400]), np.array([1.0, 1.2]), np.array([4.0, 4.0]))
    expected = stats.norm.cdf(0.2 / np.sqrt(4 / 100 + 4 / 400))
    assert weights_of_means(arms, seed=0)[1] == pytest.approx(expected, abs=0.015)


def test_the_same_sums_and_seed_give_the_same_weights() -> None:
    one, again, other = (weights_of_rates(np.array([5, 9]), np.array([90, 90]), seed=seed) for seed in (1, 1, 2))
    assert one.tolist() == again.tolist() != other.tolist()


def test_nothing_known_prefers_no_arm() -> None:
    assert weights_of_rates(np.zeros(3), np.zeros(3), seed=0) == pytest.approx(np.full(3, 1 / 3), abs=0.02)
    assert weights_of_means(Sums(np.array([1, 900]), np.zeros(2), np.zeros(2)).moments(), seed=0).tolist() == [0.5, 0.5]
    equal = Moments(np.array([50, 50]), np.array([1.0, 1.0]), np.zeros(2))
    assert weights_of_means(equal, seed=0).tolist() == [0.5, 0.5]


@given(WEIGHTS, st.floats(0.001, 1))
def test_the_floor_is_kept_and_the_shares_sum_to_1(weights: np.ndarray, exploration: float) -> None:
    shares = floored(weights, exploration)
    assert shares.sum() == pytest.approx(1)
    assert (shares >= exploration / len(weights) - 1e-12).all()
    assert np.argmax(shares) == np.argmax(weights) or shares.max() == pytest.approx(shares[np.argmax(weights)])


def test_with_one_propensity_the_weighted_moments_are_the_plain_ones() -> None:
    values = np.random.default_rng(0).normal(3, 2, 500)
    found = by_propensity(Sums(np.array([500]), np.array([values.sum()]), np.array([values @ values])), np.array([0.3]))
    assert (found.units, found.mean) == (500, pytest.approx(values.mean()))
    assert found.variance == pytest.approx(values.var())


def test_units_count_by_the_inverse_of_their_propensity() -> None:
    """By hand: 10 units of value 1 at 0.1 stand for 100, 90 units of value 0 at 0.9 for 100."""
    found = by_propensity(Sums(np.array([10, 90]), np.array([10, 0]), np.array([10, 0])), np.array([0.1, 0.9]))
    assert found.mean == pytest.approx(0.5)
    assert found.variance / found.units == pytest.approx((10 * 0.25 / 0.01 + 90 * 0.25 / 0.81) / 200**2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: weights_of_rates(np.array([3]), np.array([2]), seed=0), "successes"),
        (lambda: floored(np.array([0.5, 0.5]), 0), "exploration rate is 0"),
        (lambda: floored(np.array([0.5, 0.5]), 1.1), r"exploration rate is 1\.1"),
        (lambda: by_propensity(Sums(np.array([1]), np.array([1]), np.array([1])), np.array([0])), "propensity"),
    ],
)
def test_what_is_out_of_its_range_is_refused(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
