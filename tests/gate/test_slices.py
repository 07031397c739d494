"""Slices of the test examples, and draws of their groups."""

import numpy as np
import pandas as pd
import pytest

from slipway.gate.slices import LEAST_EXAMPLES, MOST_KEPT, OTHERS, ratio, resampled, slices, units_of
from slipway.statistics.intervals import tail, unseen


def test_rare_groups_are_judged_together() -> None:
    values = pd.Series(["long"] * LEAST_EXAMPLES + ["short", "shorter", None])
    assert {name: int(inside.sum()) for name, inside in slices(values).items()} == {"long": LEAST_EXAMPLES, OTHERS: 3}


def test_the_tails_are_wider_for_few_groups() -> None:
    assert tail(0.025, 5) < tail(0.025, 50) < 0.025
    assert tail(0.025, 100_000) == pytest.approx(0.025, rel=1e-3)


def test_what_was_never_seen_in_a_hundred_is_at_most_some_three_in_a_hundred() -> None:
    assert unseen(0.05, 100) == pytest.approx(0.0295, abs=1e-4)
    assert (1 - unseen(0.025, 40)) ** 40 == pytest.approx(0.025)


def test_groups_are_the_units_and_in_a_single_group_its_examples() -> None:
    groups = pd.Series(["a", "a", "b", "b", "c"])
    units, count = units_of(np.array([True, True, True, True, False]), groups)
    assert (units.tolist(), count) == ([0, 0, 1, 1, 0], 2)
    units, count = units_of(groups.eq("b").to_numpy(), groups)
    assert (units.tolist(), count) == ([0, 0, 0, 1, 0], 2)


@pytest.mark.parametrize("units", [MOST_KEPT, MOST_KEPT + 1])
def test_draws_keep_the_mean_and_repeat_by_their_seed(units: int) -> None:
    sums = np.stack([np.arange(units) % 5 == 0, np.ones(units)]).astype(float)
    drawn = resampled(sums, seed=3)
    assert np.array_equal(drawn, resampled(sums, seed=3))
    assert np.all(drawn[1] == units)
    assert ratio(drawn).mean() == pytest.approx(0.2, abs=0.002)
    assert ratio(drawn).std() == pytest.approx(np.sqrt(0.2 * 0.8 / units), rel=0.1)
