"""Pooling: one prediction an example."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from slipway.tflite.pooling import by_example, pool


@given(st.lists(st.integers(1, 5), min_size=1, max_size=8), st.integers(1, 4))
def test_each_example_gets_the_mean_of_its_inputs(windows: list[int], width: int) -> None:
    rows = np.repeat(np.arange(len(windows)), windows)
    predictions = np.random.default_rng(0).uniform(size=(len(rows), width))
    order = np.random.default_rng(1).permutation(len(rows))
    expected = np.array([predictions[rows == row].mean(axis=0) for row in range(len(windows))])
    np.testing.assert_allclose(pool(predictions[order], rows[order]), expected)


def test_a_split_of_single_inputs_is_left_as_it_is() -> None:
    examples = pd.DataFrame({"example": ["b", "a"]})
    predictions = np.array([[0.1, 0.9], [0.4, 0.6]])
    kept, targets, pooled = by_example(examples, np.array([1, 0]), predictions)
    assert kept is examples
    assert targets.tolist() == [1, 0]
    assert pooled is predictions


def test_windows_of_a_clip_become_one_row_with_its_target() -> None:
    examples = pd.DataFrame({"example": ["b", "b", "a"], "group": ["x", "x", "y"]})
    kept, targets, pooled = by_example(examples, np.array([1, 1, 0]), np.array([[0.0], [1.0], [0.25]]))
    assert kept["example"].tolist() == ["b", "a"]
    assert targets.tolist() == [1, 0]
    assert pooled.tolist() == [[0.5], [0.25]]
