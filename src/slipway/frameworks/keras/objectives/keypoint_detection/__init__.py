"""Networks that find keypoints: for each they learn a Gaussian over the crop's columns, and one over its rows.

The loss of a keypoint is the cross-entropy of the two; its least is where they are the Gaussians themselves. A keypoint
that is not annotated (v of 0), or is outside the crop by nature or by augmentation, is left out.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from slipway.frameworks.keras.native.runtime import keras, tf
from slipway.frameworks.keras.objectives.keypoint_detection import axes, network
from slipway.frameworks.keras.objectives.keypoint_detection.augmentation import augment
from slipway.frameworks.keras.schema.keypoint_detection import Model, Train
from slipway.protocol import Spec

SMALLEST = 1e-7


class Objective:
    """See `slipway.frameworks.keras.training.objective.Objective`."""

    def __init__(self, spec: Spec, model: Model, config: Train, targets: np.ndarray) -> None:
        self._spec, self._model, self._config = spec, model, config

    def network(self) -> Any:
        """The network of `model`."""
        return network.build(self._model, self._spec)

    def loss(self) -> Any:
        """Cross-entropy [n] of distributions [n, keypoints, columns + rows], for targets [n, keypoints, 3]."""

        def cross_entropy(points: Any, given: Any) -> Any:
            surprise = -axes.drawn(points, self._spec) * tf.math.log(tf.maximum(given, SMALLEST))
            return _over_known(points, tf.reduce_sum(surprise, axis=-1))

        return cross_entropy

    def metrics(self) -> Sequence[Any]:
        """The mean distance of the likeliest place from its keypoint, in shares of the crop's sides."""

        def error(points: Any, given: Any) -> Any:
            return _over_known(points, tf.norm(axes.likeliest(given, self._spec) - points[..., :2], axis=-1))

        return [keras.metrics.MeanMetricWrapper(error, name="error")]

    def vary(self, inputs: Any, targets: Any, seed: int, step: Any) -> tuple[Any, ...]:
        """Varied crops, and their keypoints where they then are."""
        return augment(inputs, targets, self._spec["mirrored"], self._config.augmentation, seed, step)

    def plain(self, inputs: Any, targets: Any) -> tuple[Any, ...]:
        """Crops and keypoints."""
        return tf.cast(inputs, tf.float32), targets


def _over_known(points: Any, values: Any) -> Any:
    """The mean of values [n, keypoints] over each example's keypoints that are annotated and in the crop, [n]."""
    inside = tf.reduce_all((points[..., :2] >= 0) & (points[..., :2] <= 1), axis=-1)
    known = (points[..., 2] > 0) & inside
    return tf.math.divide_no_nan(
        tf.reduce_sum(tf.where(known, values, 0.0), axis=1), tf.reduce_sum(tf.cast(known, tf.float32), axis=1)
    )
