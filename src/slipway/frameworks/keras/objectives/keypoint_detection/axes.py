"""Distributions over columns and rows as TensorFlow makes and reads them; their form is that of the task."""

from typing import Any

from slipway.frameworks.keras.native.runtime import tf
from slipway.protocol import Spec


def drawn(points: Any, spec: Spec) -> Any:
    """Gaussians about `points` [n, keypoints, 3] (x and y in shares, v) as [n, keypoints, columns + rows]."""
    axes = spec["axes"]
    parts = []
    for axis, bins in enumerate((axes["columns"], axes["rows"])):
        away = tf.range(bins, dtype=tf.float32) + 0.5 - points[..., axis, None] * bins
        parts.append(tf.nn.softmax(-tf.square(away / axes["sigma"]) / 2))
    return tf.concat(parts, axis=-1)


def likeliest(given: Any, spec: Spec) -> Any:
    """The middles of the likeliest column and row of [n, keypoints, columns + rows], as shares: [n, keypoints, 2]."""
    sizes = [spec["axes"]["columns"], spec["axes"]["rows"]]
    bins = [tf.argmax(part, axis=-1, output_type=tf.int32) for part in tf.split(given, sizes, axis=-1)]
    return (tf.cast(tf.stack(bins, axis=-1), tf.float32) + 0.5) / tf.constant(sizes, tf.float32)
