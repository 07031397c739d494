"""Ratios of two sums of a user, by the delta method."""

import numpy as np
import pytest

from slipway.statistics.effects import difference
from slipway.statistics.moments import PairedSums
from slipway.statistics.planned_end import welch
from slipway.statistics.ratio_metrics import moments
from slipway.statistics.ratios import ratio, resampled


def users(count: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Errors and requests of users, of whom each has his own rate: requests of one user are alike."""
    requests = random.poisson(20, count) + 1.0
    return random.binomial(requests.astype(int), random.beta(1, 19, count)).astype(float), requests


def test_its_variance_is_that_of_a_bootstrap_of_users() -> None:
    errors, requests = users(800, np.random.default_rng(0))
    found = moments(PairedSums.of_values(errors, requests))
    drawn = ratio(resampled(np.stack([errors, requests]), seed=1))
    assert found.mean == pytest.approx(errors.sum() / requests.sum())
    assert np.sqrt(found.variance / 800) == pytest.approx(drawn.std(), rel=0.05)


def test_a_denominator_of_one_is_a_plain_mean() -> None:
    values = np.random.default_rng(0).normal(1, 2, 60)
    found = moments(PairedSums.of_values(values, np.ones(60)))
    assert (found.mean, found.variance) == pytest.approx((values.mean(), values.var(ddof=1)))


def test_equal_arms_alarm_at_the_nominal_rate_where_requests_counted_as_independent_alarm_four_times_as_often() -> None:
    random, alarms, naive = np.random.default_rng(2), 0, 0
    for _ in range(1_000):
        arms = [users(300, random) for _ in range(2)]
        alarms += float(welch(difference(*(moments(PairedSums.of_values(*one)) for one in arms)), alpha=0.05).p) < 0.05
        rates = [errors.sum() / requests.sum() for errors, requests in arms]
        spread = sum(rate * (1 - rate) / requests.sum() for rate, (_, requests) in zip(rates, arms, strict=True))
        naive += abs(rates[0] - rates[1]) > 1.96 * np.sqrt(spread)
    assert 0.035 <= alarms / 1_000 <= 0.065
    assert naive / 1_000 > 0.1


def test_users_without_requests_are_no_ratio() -> None:
    assert np.isnan(moments(PairedSums.of_values(np.zeros(5), np.zeros(5))).mean)
