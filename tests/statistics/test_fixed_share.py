"""A share against a fixed limit, looked at after every outcome."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate

from slipway.statistics.fixed_share import log_e_value_above, log_e_value_below
from slipway.statistics.sample_ratio import CONCENTRATIONS

LIMITS = st.floats(0.02, 0.98)


def test_the_evidence_is_the_mean_likelihood_ratio_over_the_shares_below_the_limit() -> None:
    """The integral, by quadrature, of 3 events of 10 against a limit of 0.6."""

    def prior(share: float, k: float) -> float:
        return share ** (k * 0.6 - 1) * (1 - share) ** (k * 0.4 - 1)

    def ratio(share: float) -> float:
        return (share / 0.6) ** 3 * ((1 - share) / 0.4) ** 7

    means = []
    for k in CONCENTRATIONS[:2]:
        weight, _ = integrate.quad(prior, 0, 0.6, args=(k,))
        sum_, _ = integrate.quad(lambda share, k=k: prior(share, k) * ratio(share), 0, 0.6)
        means.append(sum_ / weight)
    means.append(1.0)  # with k = 10,000, ten outcomes say little
    assert math.exp(float(log_e_value_below(3, 10, 0.6))) == pytest.approx(np.mean(means), rel=0.01)


@given(st.integers(1, 15), LIMITS, st.floats(0, 1))
def test_its_mean_is_1_at_the_limit_and_at_most_1_on_the_allowed_side(units: int, limit: float, above: float) -> None:
    def mean(share: float) -> float:
        events = np.arange(units + 1)
        weights = [math.comb(units, one) * share**one * (1 - share) ** (units - one) for one in events]
        return float(np.array(weights) @ np.exp(log_e_value_below(events, units, limit)))

    assert mean(limit) == pytest.approx(1, rel=1e-6)
    assert mean(limit + above * (1 - limit)) <= 1 + 1e-6


@given(st.integers(1, 3_000), st.integers(0, 3_000), LIMITS)
def test_fewer_events_are_more_evidence_of_a_share_below_the_limit(units: int, count: int, limit: float) -> None:
    events = count % units
    assert log_e_value_below(events + 1, units, limit) <= log_e_value_below(events, units, limit) + 1e-9


@given(st.integers(0, 500), st.integers(0, 500), LIMITS)
def test_above_and_below_are_mirror_images(events: int, others: int, limit: float) -> None:
    units = events + others
    assert log_e_value_above(events, units, limit) == log_e_value_below(others, units, 1 - limit)


def test_a_success_of_99_percent_raises_no_alarm_against_at_least_95_and_one_of_90_does() -> None:
    assert log_e_value_below(9_900, 10_000, 0.95) < 0
    assert log_e_value_below(900, 1_000, 0.95) > math.log(1_000)
    assert log_e_value_above(120, 1_000, 0.1) < math.log(20) < log_e_value_above(150, 1_000, 0.1)


def test_overwhelming_evidence_is_finite_and_its_absence_is_minus_infinity_or_less_than_0() -> None:
    assert math.log(1e100) < log_e_value_below(0, 10_000_000, 0.5) < math.inf
    assert log_e_value_below(10_000_000, 10_000_000, 0.5) < -math.log(1e100)


@pytest.mark.parametrize(
    ("events", "units", "limit", "message"),
    [
        (1, 2, 0, "the limit is 0"),
        (1, 2, 1, "the limit is 1"),
        (3, 2, 0.5, "above the number"),
        (-1, 2, 0.5, "below 0"),
    ],
)
def test_what_is_no_share_is_refused(events: int, units: int, limit: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        log_e_value_below(events, units, limit)
