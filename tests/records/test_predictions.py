"""Reading a table of predictions returns what was written, whatever the shape."""

import numpy as np
import pandas as pd
import pytest

from slipway.records.predictions import read, table


@pytest.mark.parametrize(
    ("targets", "predictions", "names"),
    [
        (np.array([0, 1, 1]), np.float32([[0.2, 0.8], [0.1, 0.9], [0.5, 0.5]]), ["ad", "content"]),
        (np.array([0, 1, 1]), np.float32([[0.2], [0.1], [0.5]]), ["hand_ball"]),
        (np.float32([1.5, 2, 3]), np.float32([[0.2], [0.1], [0.5]]), ["visitors"]),
        (np.ones((3, 17, 3), np.float32), np.zeros((3, 17, 3), np.float32), ["nose"] * 17),
        (np.full((3, 2, 4), np.nan, np.float32), np.ones((3, 5, 5), np.float32), ["ball"]),
    ],
    ids=["classes", "probability", "values", "keypoints", "boxes"],
)
def test_reading_returns_what_was_written(targets: np.ndarray, predictions: np.ndarray, names: list[str]) -> None:
    examples = pd.DataFrame({"example": ["a", "b", "c"], "label": ["x", "y", "z"], "group": ["g", "g", "h"]})
    back, truth, predicted = read(table(examples, targets, predictions, names))
    pd.testing.assert_frame_equal(back, examples, check_dtype=False)
    np.testing.assert_array_equal(truth, targets)
    np.testing.assert_array_equal(predicted, predictions)
    assert predicted.shape == predictions.shape
    assert predicted.dtype == predictions.dtype
