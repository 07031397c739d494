"""Pooling: one prediction for each example."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from slipway_edge.pooling import pool


@given(st.lists(st.integers(1, 5), min_size=1, max_size=8), st.integers(1, 4))
def test_each_example_gets_the_mean_of_its_inputs(windows: list[int], width: int) -> None:
    rows = np.repeat(np.arange(len(windows)), windows)
    predictions = np.random.default_rng(0).uniform(size=(len(rows), width))
    order = np.random.default_rng(1).permutation(len(rows))
    expected = np.array([predictions[rows == row].mean(axis=0) for row in range(len(windows))])
    np.testing.assert_allclose(pool(predictions[order], rows[order]), expected)
