"""Slices of the test examples, and the units that are drawn in them."""

import numpy as np
import pandas as pd

from slipway.gate.slices import LEAST_EXAMPLES, OTHERS, slices, units_of


def test_rare_groups_are_judged_together() -> None:
    values = pd.Series(["long"] * LEAST_EXAMPLES + ["short", "shorter", None])
    assert {name: int(inside.sum()) for name, inside in slices(values).items()} == {"long": LEAST_EXAMPLES, OTHERS: 3}


def test_groups_are_the_units_and_in_a_single_group_its_examples() -> None:
    groups = pd.Series(["a", "a", "b", "b", "c"])
    units, count = units_of(np.array([True, True, True, True, False]), groups)
    assert (units.tolist(), count) == ([0, 0, 1, 1, 0], 2)
    units, count = units_of(groups.eq("b").to_numpy(), groups)
    assert (units.tolist(), count) == ([0, 0, 0, 1, 0], 2)
