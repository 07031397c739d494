"""Random variations of pictures together with their boxes, each drawn from (seed, step) alone.

All of a batch's random numbers are drawn at once, a column a variation, so that turning one on or off leaves the
others as they were. Flip, translation and zoom are one affine resampling; what comes in from outside the picture is
grey, not its mirror image, which would show objects that no box is around.
"""

import math
from typing import Any

from slipway.frameworks.keras.native.runtime import tf
from slipway.frameworks.keras.schema.object_detection import Augmentation
from slipway.frameworks.keras.training.colour import recolour, signed

DRAWS = ("flip", "right", "down", "zoom", "brightness", "contrast", "saturation")
GREY = 127.0


def augment(inputs: Any, boxes: Any, config: Augmentation, seed: int, step: Any) -> tuple[Any, Any]:
    """Vary `inputs` uint8 [n, height, width, 3] and `boxes` [n, m, 4] in shares; float32 of the same shapes.

    Boxes are cut off at the picture's edges; those of which too little is left are NaN, as those that never were.
    """
    numbers = tf.random.stateless_uniform([tf.shape(inputs)[0], len(DRAWS)], [tf.cast(seed, tf.int64), step])
    draws = dict(zip(DRAWS, tf.unstack(numbers, axis=1), strict=True))
    if any((config.horizontal_flip, config.translation, config.zoom)):
        mirror = tf.where(draws["flip"] < config.horizontal_flip, -1.0, 1.0)
        zoom = tf.exp(signed(draws["zoom"]) * -math.log(1 - config.zoom))
        scale = tf.stack([mirror * zoom, zoom], axis=1)
        shift = tf.stack([signed(draws["right"]), signed(draws["down"])], axis=1) * config.translation
        inputs, boxes = _resample(inputs, scale, shift), _moved(boxes, scale, shift, config.visible)
    return recolour(tf.cast(inputs, tf.float32), config, draws), boxes


def _resample(inputs: Any, scale: Any, shift: Any) -> Any:
    """Each place of the result comes from its distance from the middle times `scale` [n, 2], moved by `shift`."""
    height, width = inputs.shape[1:3]
    sides = tf.constant([width, height], tf.float32)
    start = scale * (1 - sides) / 2 + (sides - 1) / 2 + shift * sides
    zero = tf.zeros_like(start[:, 0])
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=inputs,
        transforms=tf.stack([scale[:, 0], zero, start[:, 0], zero, scale[:, 1], start[:, 1], zero, zero], axis=1),
        output_shape=[height, width],
        fill_value=GREY,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )


def _moved(boxes: Any, scale: Any, shift: Any, visible: float) -> Any:
    scale, shift = scale[:, None], shift[:, None]
    centre = 0.5 + (boxes[..., :2] - 0.5 - shift) / scale
    size = boxes[..., 2:] / tf.abs(scale)
    low, high = (tf.clip_by_value(edge, 0.0, 1.0) for edge in (centre - size / 2, centre + size / 2))
    left = tf.reduce_prod(high - low, axis=-1) >= visible * tf.reduce_prod(size, axis=-1)
    moved = tf.concat([(low + high) / 2, high - low], axis=-1)
    return tf.where(left[..., None], moved, tf.fill(tf.shape(moved), float("nan")))
