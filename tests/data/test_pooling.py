"""Pooling of a packed split: one row per example."""

import numpy as np
import pandas as pd

from slipway.data.pooling import by_example


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
