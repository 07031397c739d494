"""A plain baseline for objects: centre heat maps, with the position and the size of a box around each centre.

After Zhou et al., "Objects as Points", 2019, on a small U-Net and the prepared splits; see `slipway.stages.baseline`.

    python benchmarks/baselines/object_detection.py VARIANT
"""

from functools import partial
from typing import Any

import numpy as np
from unet import trained

from slipway.frameworks.keras.native.runtime import tf
from slipway.stages.baseline import Predict, Prepared, run
from slipway_edge.tasks.object_detection.heatmap import PLACE, boxes


def fit(data: Prepared) -> Predict:
    """Train, and return the boxes at the peaks of the maps."""
    classes, smallest = len(data.spec["outputs"]), data.spec["heatmap"]["smallest"]
    draw = partial(_centres, classes=classes, smallest=smallest)
    maps = trained(data, classes + PLACE, draw, _focal_and_l1)
    return lambda split: boxes(maps(split), data.spec)


def _centres(targets: np.ndarray, rows: int, columns: int, classes: int, smallest: float) -> np.ndarray:
    """The heat of each class, the box of the nearest centre, and 1 next to a centre [rows, columns, classes + 5]."""
    maps = np.zeros((rows, columns, classes + PLACE + 1), np.float32)
    for x, y, width, height, *kind in targets[~np.isnan(targets[:, 0])]:
        cells = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1)
        away, heat = cells - np.floor([x * columns, y * rows]), maps[..., int(kind[0]) if kind else 0]
        np.maximum(heat, np.exp(-(away**2).sum(axis=-1)), out=heat)
        next_to = np.abs(away).max(axis=-1) <= 1
        maps[next_to, classes : classes + 2] = ([x * columns, y * rows] - cells[next_to] + 1) / 3
        maps[next_to, classes + 2 : -1] = 1 - np.log(np.clip([width, height], smallest, 1)) / np.log(smallest)
        maps[next_to, -1] = 1
    return maps


def _focal_and_l1(drawn: Any, found: Any) -> Any:
    heat, seen = drawn[..., : -PLACE - 1], tf.clip_by_value(found[..., :-PLACE], 1e-6, 1 - 1e-6)
    missed, false = (1 - seen) ** 2 * tf.math.log(seen), (1 - heat) ** 4 * seen**2 * tf.math.log(1 - seen)
    apart = tf.abs(drawn[..., -PLACE - 1 : -1] - found[..., -PLACE:]) * drawn[..., -1:]
    return tf.reduce_sum(apart) - tf.reduce_sum(tf.where(heat == 1, missed, false))


if __name__ == "__main__":
    run(fit)
