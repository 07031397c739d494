"""More errors in the canary than in production, while its share changes."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.statistics.e_values import p_value
from slipway.statistics.rare_events import RATIOS, log_e_value, share_of_rest

SHARES = st.floats(0.01, 0.99)


def one_cell(canary: int, production: int, share: float, tolerated: float = 1.0) -> float:
    return float(log_e_value(np.array([canary]), np.array([production]), np.array([share]), tolerated))


def test_one_event_by_hand() -> None:
    """At a share of 20 %, the likelihood ratio is r / (0.2 r + 0.8) for the canary and 1 / (0.2 r + 0.8) for others."""
    assert one_cell(1, 0, 0.2) == pytest.approx(math.log(np.mean(RATIOS / (0.2 * RATIOS + 0.8))))
    assert one_cell(0, 1, 0.2) == pytest.approx(math.log(np.mean(1 / (0.2 * RATIOS + 0.8))))


@given(st.integers(1, 12), SHARES, st.floats(0.05, 1))
def test_its_mean_is_1_under_equal_rates_and_less_where_the_canary_is_better(
    events: int, share: float, rate_ratio: float
) -> None:
    def mean(ratio: float) -> float:
        q = share * ratio / (share * ratio + 1 - share)
        weights = [math.comb(events, one) * q**one * (1 - q) ** (events - one) for one in range(events + 1)]
        return float(np.array(weights) @ np.exp([one_cell(one, events - one, share) for one in range(events + 1)]))

    assert mean(1) == pytest.approx(1)
    assert mean(rate_ratio) <= 1 + 1e-9


@given(st.integers(1, 12), SHARES, st.floats(0.2, 5))
def test_its_mean_is_1_at_the_tolerated_rate_ratio(events: int, share: float, tolerated: float) -> None:
    q = share * tolerated / (share * tolerated + 1 - share)
    weights = [math.comb(events, one) * q**one * (1 - q) ** (events - one) for one in range(events + 1)]
    values = np.exp([one_cell(one, events - one, share, tolerated) for one in range(events + 1)])
    assert np.array(weights) @ values == pytest.approx(1)


@given(st.integers(0, 500), st.integers(0, 500), SHARES)
def test_more_events_of_the_canary_are_more_evidence_and_of_production_less(
    canary: int, production: int, share: float
) -> None:
    now = one_cell(canary, production, share)
    assert one_cell(canary + 1, production, share) > now > one_cell(canary, production + 1, share)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50), SHARES), min_size=2, max_size=8), st.randoms())
def test_the_order_of_the_steps_does_not_matter_and_an_empty_step_adds_nothing(steps, random) -> None:
    shuffled = random.sample(steps, len(steps))
    first, second, empty = (
        float(log_e_value(*(np.array(column) for column in zip(*cells, strict=True))))
        for cells in (steps, shuffled, [*steps, (0, 0, 0.5)])
    )
    assert first == pytest.approx(second) == pytest.approx(empty)


def test_a_rate_that_drifts_while_the_share_grows_is_no_evidence() -> None:
    """Errors are ten times as frequent in the second step. Over both, the canary has 42.5 % of the units, 73 % of the
    errors."""
    canary, production, shares = np.array([5, 800]), np.array([95, 200]), np.array([0.05, 0.8])
    assert p_value(log_e_value(canary, production, shares)) == 1
    assert p_value(one_cell(805, 295, (0.05 + 0.8) / 2)) < 1e-9


def test_no_events_are_no_evidence() -> None:
    assert one_cell(0, 0, 0.3) == pytest.approx(0)
    assert log_e_value(np.zeros(0), np.zeros(0), np.zeros(0)) == pytest.approx(0)


def test_arrays_give_the_evidence_of_each_run() -> None:
    runs = np.array([[5, 20], [1, 2]])
    other, shares = np.array([[40, 30], [40, 30]]), np.array([0.05, 0.2])
    found = np.asarray(log_e_value(runs, other, shares))
    assert found.tolist() == pytest.approx(
        [float(log_e_value(*pair, shares)) for pair in zip(runs, other, strict=True)]
    )


def test_a_unit_of_production_is_drawn_again_with_the_share_of_the_rest() -> None:
    """Of 95 % in production at the first step, those from 5 to 20 % move at the second."""
    assert share_of_rest(0.2, 0.05) == pytest.approx(0.15 / 0.95)
    assert share_of_rest(0.2, 0) == 0.2
    for share, before in ((0.2, 0.2), (0.1, 0.2), (1.1, 0.2)):
        with pytest.raises(ValueError, match="does not follow"):
            share_of_rest(share, before)


@pytest.mark.parametrize(
    ("canary", "production", "share", "tolerated", "message"),
    [
        (-1, 2, 0.5, 1, "negative"),
        (1, 2, 0, 1, "a share is not between 0 and 1"),
        (1, 2, 1, 1, "a share is not between 0 and 1"),
        (1, 2, 0.5, 0, "tolerated rate ratio is 0"),
    ],
)
def test_what_are_no_events_or_no_shares_is_refused(
    canary: int, production: int, share: float, tolerated: float, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        one_cell(canary, production, share, tolerated)
