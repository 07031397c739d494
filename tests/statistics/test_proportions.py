"""Shares of events that never occurred."""

import pytest

from slipway.statistics.proportions import unseen


def test_an_event_that_never_occurred_in_100_has_a_share_of_at_most_about_3_percent() -> None:
    assert unseen(0.05, 100) == pytest.approx(0.0295, abs=1e-4)
    assert (1 - unseen(0.025, 40)) ** 40 == pytest.approx(0.025)
