"""From two distributions a keypoint, over the crop's columns and over its rows, to a place and a score.

Li et al., "SimCC: a Simple Coordinate Classification Perspective for Human Pose Estimation", ECCV 2022: an axis is cut
into more bins than it has pixels, and a keypoint's coordinate is a class. What is learnt is a Gaussian about it, so
what is read is the mean of the densest stretch of bins rather than the highest one, which INT8 rounds; a stretch
reaches two standard deviations each way.
"""

from typing import Any

import numpy as np

from slipway.protocol import Spec

BINS_PER_PIXEL = 2
SPREAD = 1 / 64
"""Standard deviation of the Gaussian, as a share of the crop's longer side."""


def settings(height: int, width: int) -> dict[str, Any]:
    """The entry `axes` of a spec: numbers of bins, and the Gaussian's standard deviation in bins."""
    return {
        "columns": width * BINS_PER_PIXEL,
        "rows": height * BINS_PER_PIXEL,
        "sigma": max(height, width) * BINS_PER_PIXEL * SPREAD,
    }


def places(outputs: np.ndarray, spec: Spec) -> np.ndarray:
    """Where each keypoint is.

    Args:
        outputs: [n, keypoints, columns + rows], each part a distribution.
        spec: with `axes`, see `settings`.

    Returns:
        [n, keypoints, 3] float32: x and y as shares of width and height, and how likely the keypoint is within two
        standard deviations of there, along both axes.
    """
    axes = spec["axes"]
    (x, likely_x), (y, likely_y) = (
        _densest(part, round(2 * axes["sigma"])) for part in np.split(outputs, [axes["columns"]], axis=-1)
    )
    return np.stack([x, y, (likely_x * likely_y).clip(0, 1)], axis=-1).astype(np.float32)


def _densest(distribution: np.ndarray, reach: int) -> tuple[np.ndarray, np.ndarray]:
    """The mean, in shares of the axis, and the mass of the densest 2 * reach + 1 bins of [..., bins]."""
    bins = distribution.shape[-1]
    middles = (np.arange(bins) + 0.5) / bins
    mass, moment = (_sums(values.astype(np.float64), reach) for values in (distribution, distribution * middles))
    densest = mass.argmax(axis=-1)[..., None]
    mass, moment = (np.take_along_axis(values, densest, axis=-1)[..., 0] for values in (mass, moment))
    return np.where(mass > 0, moment / np.maximum(mass, np.finfo(float).tiny), 0.5), mass


def _sums(values: np.ndarray, reach: int) -> np.ndarray:
    """The sum of each bin of [..., bins] and `reach` more on either side, where there are."""
    padded = np.pad(values, [(0, 0)] * (values.ndim - 1) + [(reach + 1, reach)])
    summed = padded.cumsum(axis=-1)
    around: np.ndarray = summed[..., 2 * reach + 1 :] - summed[..., : -2 * reach - 1]
    return around
