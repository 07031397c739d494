"""Did the arms get their shares? Looked at after every unit."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.statistics.e_values import p_value
from slipway.statistics.sample_ratio import ALARM, concentrated_log_e_value, log_e_value, periods_log_e_value

HALVES = np.array([0.5, 0.5])
COUNTS = st.lists(st.integers(0, 10_000), min_size=2, max_size=2).map(np.array)


def test_the_first_unit_is_no_evidence() -> None:
    """Each arm has its share under the mixture too, before anything is seen."""
    for shares in (HALVES, np.array([0.9, 0.1])):
        assert log_e_value(np.array([0, 1]), shares) == pytest.approx(0, abs=1e-9)
        assert log_e_value(np.array([0, 0]), shares) == pytest.approx(0, abs=1e-9)


def test_the_evidence_of_two_units_by_hand() -> None:
    """Two units in one of two equal arms: with k = 1, (0.5 × 1.5) / (1 × 2) against 0.25; so for k = 100, 10,000."""
    of_k = [(k / 2) * (k / 2 + 1) / (k * (k + 1)) / 0.25 for k in (1, 100, 10_000)]
    assert log_e_value(np.array([2, 0]), HALVES) == pytest.approx(math.log(sum(of_k) / 3))
    assert concentrated_log_e_value(np.array([2, 0]), HALVES, 1) == pytest.approx(math.log(1.5))


@given(st.integers(1, 12), st.floats(0.05, 0.95))
def test_its_mean_is_1_under_the_planned_shares(units: int, share: float) -> None:
    """Over all outcomes of so many units, each with its probability."""
    shares = np.array([share, 1 - share])
    outcomes = np.array([[count, units - count] for count in range(units + 1)])
    weights = np.array(
        [math.comb(units, count) * share**count * (1 - share) ** (units - count) for count, _ in outcomes]
    )
    assert weights @ np.exp(log_e_value(outcomes, shares)) == pytest.approx(1)


@given(COUNTS, st.floats(0.01, 0.99))
def test_the_order_of_the_arms_does_not_matter(counts: np.ndarray, share: float) -> None:
    shares = np.array([share, 1 - share])
    assert log_e_value(counts, shares) == pytest.approx(log_e_value(counts[::-1], shares[::-1]), rel=1e-7, abs=1e-7)


@given(st.integers(1, 5_000), st.integers(0, 2_000), st.integers(1, 2_000))
def test_counts_further_from_their_shares_are_more_evidence(units: int, off: int, further: int) -> None:
    near, far = (np.array([units + by, units - by]) for by in sorted((off % units, (off + further) % units)))
    assert log_e_value(near, HALVES) <= log_e_value(far, HALVES) + 1e-9


def test_a_broken_split_alarms_within_twenty_units_and_a_sound_one_never_does() -> None:
    assert p_value(log_e_value(np.array([20, 0]), HALVES)) < ALARM
    assert p_value(log_e_value(np.array([50_000, 50_000]), HALVES)) == 1


def test_shares_that_changed_are_periods_whose_evidence_is_multiplied() -> None:
    """Together, 1,000 of 2,000 units look as if half had been meant; by period they are as planned."""
    periods = [(np.array([100, 900]), np.array([0.1, 0.9])), (np.array([900, 100]), np.array([0.9, 0.1]))]
    assert periods_log_e_value(periods) == pytest.approx(sum(log_e_value(*one) for one in periods))
    assert p_value(periods_log_e_value(periods)) == 1
    assert p_value(log_e_value(np.array([1_000, 1_000]), np.array([0.1, 0.9]))) < 1e-100
    assert periods_log_e_value([]) == 0


def test_arrays_give_the_evidence_of_each_run() -> None:
    runs = np.array([[20, 0], [10, 10]])
    assert np.asarray(log_e_value(runs, HALVES)).tolist() == [log_e_value(one, HALVES) for one in runs]


@pytest.mark.parametrize(
    ("counts", "shares", "message"),
    [
        ([1, 2, 3], [0.5, 0.5], "3 counts for 2 shares"),
        ([1, -2], [0.5, 0.5], "a count is negative"),
        ([1, float("nan")], [0.5, 0.5], "a count is negative or not a number"),
        ([1, 2], [0.5, 0.6], "sum 1"),
        ([1, 2], [1.0, 0.0], "not positive"),
    ],
)
def test_what_are_no_counts_or_no_shares_is_refused(counts: list[float], shares: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        log_e_value(np.array(counts), np.array(shares))
