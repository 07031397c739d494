"""Render and read heatmaps in TensorFlow: the cell in row i, column j has its centre at ((j + 0.5), (i + 0.5))."""

from typing import Any

from slipway.frameworks.keras.native.runtime import tf


def render(points: Any, rows: int, columns: int, sigma: float) -> Any:
    """Render Gaussians of height 1 around `points`.

    Args:
        points: [n, keypoints, 3], x and y as shares of the crop; the third value is not used. For a point outside the
            crop, the heatmap contains the part of the Gaussian inside the crop.
        rows: of the heatmaps.
        columns: of the heatmaps.
        sigma: the standard deviation, in cells.

    Returns:
        [n, rows, columns, keypoints].
    """
    right = (tf.range(columns, dtype=tf.float32) + 0.5)[:, None] - points[:, None, :, 0] * columns
    down = (tf.range(rows, dtype=tf.float32) + 0.5)[:, None] - points[:, None, :, 1] * rows
    across, along = (tf.exp(-tf.square(distance) / (2 * sigma**2)) for distance in (right, down))
    return along[:, :, None, :] * across[:, None, :, :]


def peaks(heatmaps: Any) -> Any:
    """The middle of the highest cell of each heatmap [n, rows, columns, keypoints], as shares: [n, keypoints, 2]."""
    rows, columns, keypoints = heatmaps.shape[1:]
    highest = tf.argmax(tf.reshape(heatmaps, [-1, rows * columns, keypoints]), axis=1, output_type=tf.int32)
    places = tf.stack([highest % columns, highest // columns], axis=-1)
    return (tf.cast(places, tf.float32) + 0.5) / tf.constant([columns, rows], tf.float32)
