"""Shares of which nothing was seen."""

import pytest

from slipway.statistics.proportions import unseen


def test_what_was_never_seen_in_a_hundred_is_at_most_some_three_in_a_hundred() -> None:
    assert unseen(0.05, 100) == pytest.approx(0.0295, abs=1e-4)
    assert (1 - unseen(0.025, 40)) ** 40 == pytest.approx(0.025)
