"""Compute places from heatmaps with sub-cell accuracy.

The place is the maximum of a Gaussian fitted at the highest cell: one Newton step on the logarithm of the heatmap, with
first and second derivatives by central differences (DARK: Zhang et al., "Distribution-Aware Coordinate Representation
for Human Pose Estimation", CVPR 2020, equation 9). The maps are not smoothed first.
"""

import numpy as np

FLOOR = 1e-6
"""Lower heatmap values are raised to this, so that their logarithm is finite."""


def places(heatmaps: np.ndarray) -> np.ndarray:
    """Return the maximum of each heatmap.

    Args:
        heatmaps: [n, height, width, keypoints], values 0 to 1.

    Returns:
        [n, keypoints, 3] float32: x and y as shares of width and height, and the highest cell's value.
    """
    count, height, width, keypoints = heatmaps.shape
    maps = np.moveaxis(heatmaps, -1, 1).reshape(count * keypoints, height, width)
    each = np.arange(len(maps))
    highest = maps.reshape(len(maps), -1).argmax(axis=1)
    row, column = np.divmod(highest, width)
    logarithm = np.log(np.maximum(np.pad(maps, ((0, 0), (1, 1), (1, 1)), mode="edge").astype(np.float64), FLOOR))

    def at(down: int, right: int) -> np.ndarray:
        values: np.ndarray = logarithm[each, row + 1 + down, column + 1 + right]
        return values

    middle = at(0, 0)
    dx, dy = (at(0, 1) - at(0, -1)) / 2, (at(1, 0) - at(-1, 0)) / 2
    dxx, dyy = at(0, 1) - 2 * middle + at(0, -1), at(1, 0) - 2 * middle + at(-1, 0)
    dxy = (at(1, 1) - at(1, -1) - at(-1, 1) + at(-1, -1)) / 4
    determinant = dxx * dyy - dxy**2
    topped = (determinant > FLOOR) & (dxx < 0)
    safe = np.where(topped, determinant, 1)
    right = np.where(topped, -(dyy * dx - dxy * dy) / safe, 0).clip(-0.5, 0.5)
    down = np.where(topped, -(dxx * dy - dxy * dx) / safe, 0).clip(-0.5, 0.5)
    found = np.stack([(column + 0.5 + right) / width, (row + 0.5 + down) / height, maps[each, row, column]], axis=-1)
    return found.reshape(count, keypoints, 3).astype(np.float32)
