"""A plain baseline for keypoints: a small U-Net that draws a bump on each keypoint.

Trained with the mean squared error on the prepared splits of a variant; see `slipway.stages.baseline`.

    python benchmarks/baselines/keypoint_detection.py VARIANT
"""

from typing import Any

import numpy as np
from unet import trained

from slipway.frameworks.keras.native.runtime import tf
from slipway.stages.baseline import Predict, Prepared, run
from slipway_edge.tasks.keypoint_detection.heatmaps import places

SIGMA = 1.5
"""The standard deviation of a bump, in cells of the map."""


def fit(data: Prepared) -> Predict:
    """Train, and return the peak of the map of each keypoint."""
    maps = trained(data, len(data.spec["outputs"]), _bumps, _squared_error)
    return lambda split: places(maps(split))


def _bumps(points: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """The map of each keypoint [rows, columns, keypoints]; -1 for one that is not annotated."""
    right = np.arange(columns)[:, None] + 0.5 - points[:, 0] * columns
    down = np.arange(rows)[:, None] + 0.5 - points[:, 1] * rows
    bumps = np.exp(-(down[:, None] ** 2 + right[None] ** 2) / (2 * SIGMA**2))
    return np.where(points[:, 2] > 0, bumps, -1).astype(np.float32)


def _squared_error(drawn: Any, found: Any) -> Any:
    return tf.reduce_mean(tf.where(drawn < 0, 0.0, (drawn - found) ** 2))


if __name__ == "__main__":
    run(fit)
