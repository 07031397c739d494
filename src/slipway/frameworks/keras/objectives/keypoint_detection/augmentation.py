"""Random augmentation of a batch of crops and their keypoints, drawn from (seed, step) only.

All random numbers of a batch are drawn at once, one column for each variation, so that turning a variation on or off
does not change the others. Flip, zoom, rotation and translation are one affine map of the crop about its middle.
"""

import math
from collections.abc import Sequence
from typing import Any

from slipway.frameworks.keras.native.runtime import tf
from slipway.frameworks.keras.schema.keypoint_detection import Augmentation
from slipway.frameworks.keras.training.colour import recolour, signed

DRAWS = ("flip", "right", "down", "zoom", "rotation", "brightness", "contrast", "saturation")
GREY = 127.0


def augment(
    inputs: Any, points: Any, mirrored: Sequence[int], config: Augmentation, seed: int, step: Any
) -> tuple[Any, Any]:
    """Augment crops together with their keypoints.

    Args:
        inputs: uint8 [n, height, width, 3].
        points: float32 [n, keypoints, 3], x and y as shares of the crop, and v.
        mirrored: for each keypoint, the index of its left-right counterpart.
        config: the kinds and strengths of augmentation.
        seed: of the run.
        step: of the run.

    Returns:
        Crops, float32 in 0..255, and points, which may be outside the crop.
    """
    numbers = tf.random.stateless_uniform([tf.shape(inputs)[0], len(DRAWS)], [tf.cast(seed, tf.int64), step])
    draws = dict(zip(DRAWS, tf.unstack(numbers, axis=1), strict=True))
    if any((config.horizontal_flip, config.translation, config.zoom, config.rotation)):
        inputs, points = _moved(inputs, points, mirrored, config, draws)
    return recolour(tf.cast(inputs, tf.float32), config, draws), points


def _moved(
    inputs: Any, points: Any, mirrored: Sequence[int], config: Augmentation, draws: dict[str, Any]
) -> tuple[Any, Any]:
    height, width = inputs.shape[1:3]
    mirror = tf.where(draws["flip"] < config.horizontal_flip, -1.0, 1.0)
    scale = tf.exp(signed(draws["zoom"]) * -math.log(1 - config.zoom))
    angle = signed(draws["rotation"]) * math.radians(config.rotation)
    cosine, sine = tf.cos(angle), tf.sin(angle)
    right = signed(draws["right"]) * config.translation * width
    down = signed(draws["down"]) * config.translation * height
    # The operation maps each output pixel to its input pixel, so it needs the inverse map, about the middle pixel.
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    a, b, c, d = mirror * cosine / scale, mirror * sine / scale, -sine / scale, cosine / scale
    e = middle_x - a * (middle_x + right) - b * (middle_y + down)
    f = middle_y - c * (middle_x + right) - d * (middle_y + down)
    nothing = tf.zeros_like(angle)
    inputs = tf.raw_ops.ImageProjectiveTransformV3(
        images=inputs,
        transforms=tf.stack([a, b, e, c, d, f, nothing, nothing], axis=1),
        output_shape=[height, width],
        fill_value=GREY,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )
    x, y, annotated = tf.unstack(points, axis=-1)
    x, y = (x - 0.5) * width * mirror[:, None], (y - 0.5) * height
    cosine, sine = (cosine * scale)[:, None], (sine * scale)[:, None]
    x, y = cosine * x - sine * y + right[:, None], sine * x + cosine * y + down[:, None]
    points = tf.stack([x / width + 0.5, y / height + 0.5, annotated], axis=-1)
    return inputs, tf.where(mirror[:, None, None] < 0, tf.gather(points, mirrored, axis=1), points)
