"""Networks that find keypoints: for each keypoint they learn a heatmap with a Gaussian at its position.

The loss of a keypoint is the cross-entropy of each cell of its heatmap, summed over the cells. It is minimal if the
heatmap equals the Gaussian. A keypoint that is not annotated (v of 0) is left out. A keypoint outside the crop, with or
without augmentation, is learnt as an empty heatmap.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from slipway.core.spec import Spec
from slipway.frameworks.keras.native.runtime import keras, tf
from slipway.frameworks.keras.objectives.keypoint_detection import heatmaps, network
from slipway.frameworks.keras.objectives.keypoint_detection.augmentation import augment
from slipway.frameworks.keras.schema.keypoint_detection import Model, Train

SMALLEST = 1e-7


class Objective:
    """See `slipway.frameworks.keras.training.objective.Objective`."""

    def __init__(self, spec: Spec, model: Model, config: Train, targets: np.ndarray) -> None:
        self._spec, self._model, self._config = spec, model, config

    def network(self) -> Any:
        """The network of `model`."""
        return network.build(self._model, self._spec)

    def loss(self) -> Any:
        """Cross-entropy [n] of heatmaps [n, rows, columns, keypoints], with points [n, keypoints, 3] as targets."""

        def cross_entropy(points: Any, predicted: Any) -> Any:
            rows, columns = predicted.shape[1:3]
            expected = heatmaps.render(points, rows, columns, self._config.sigma)
            predicted = tf.clip_by_value(predicted, SMALLEST, 1 - SMALLEST)
            losses = -(expected * tf.math.log(predicted) + (1 - expected) * tf.math.log(1 - predicted))
            return _over_annotated(points, tf.reduce_sum(losses, axis=[1, 2]))

        return cross_entropy

    def metrics(self) -> Sequence[Any]:
        """The mean distance from the highest cell of a heatmap to its keypoint, as a share of the crop's sides."""

        def error(points: Any, predicted: Any) -> Any:
            return _over_annotated(points, tf.norm(heatmaps.peaks(predicted) - points[..., :2], axis=-1))

        return [keras.metrics.MeanMetricWrapper(error, name="mean_error")]

    def augment(self, inputs: Any, targets: Any, seed: int, step: Any) -> tuple[Any, ...]:
        """Augmented crops, and their keypoints moved with them."""
        return augment(inputs, targets, self._spec["mirrored"], self._config.augmentation, seed, step)

    def plain(self, inputs: Any, targets: Any) -> tuple[Any, ...]:
        """Crops and keypoints."""
        return tf.cast(inputs, tf.float32), targets


def _over_annotated(points: Any, values: Any) -> Any:
    """The mean of values [n, keypoints] over each example's annotated keypoints, [n]."""
    return tf.math.divide_no_nan(
        tf.reduce_sum(tf.where(points[..., 2] > 0, values, 0.0), axis=1),
        tf.reduce_sum(tf.cast(points[..., 2] > 0, tf.float32), axis=1),
    )
