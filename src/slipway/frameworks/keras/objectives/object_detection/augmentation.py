"""Random augmentation of pictures together with their boxes, drawn from (seed, step) only.

All random numbers of a batch are drawn at once, one column for each variation, so that turning a variation on or off
does not change the others. Window, flip, translation and zoom are one affine resampling. The area outside the picture
is grey and not its mirror image, which would show objects without boxes.
"""

import math
from typing import Any

from slipway.frameworks.keras.native.runtime import tf
from slipway.frameworks.keras.schema.object_detection import Augmentation
from slipway.frameworks.keras.training.colour import recolour, signed

DRAWS = ("flip", "right", "down", "zoom", "brightness", "contrast", "saturation", "around", "which", "x", "y")
GREY = 127.0


def augment(inputs: Any, boxes: Any, config: Augmentation, seed: int, step: Any) -> tuple[Any, Any]:
    """Augment `inputs` uint8 [n, height, width, 3] and `boxes` [n, m, 4 or more] in shares of the picture.

    Values of a box after the fourth, such as its class, stay as they are.

    Returns:
        Pictures float32 [n, height, width, 3] or windows [n, crop, crop, 3], and boxes in shares of these, cut off at
        the edges. A box with too small a visible part is NaN, like an absent box.
    """
    numbers = tf.random.stateless_uniform([tf.shape(inputs)[0], len(DRAWS)], [tf.cast(seed, tf.int64), step])
    draws = dict(zip(DRAWS, tf.unstack(numbers, axis=1), strict=True))
    if any((config.horizontal_flip, config.translation, config.zoom, config.crop)):
        height, width = inputs.shape[1:3]
        picture = tf.constant([width, height], tf.float32)
        window = picture if config.crop is None else tf.fill([2], float(config.crop))
        mirror = tf.where(draws["flip"] < config.horizontal_flip, -1.0, 1.0)
        zoom = tf.exp(signed(draws["zoom"]) * -math.log(1 - config.zoom))
        scale = tf.stack([mirror * zoom, zoom], axis=1)
        shift = tf.stack([signed(draws["right"]), signed(draws["down"])], axis=1) * config.translation * window
        middle = _middle(boxes, picture, window, config.around, draws) + shift
        size = (height, width) if config.crop is None else (config.crop, config.crop)
        inputs = _resample(inputs, scale, middle, size)
        boxes = _moved(boxes, picture, window, scale, middle, config.visible)
    return recolour(tf.cast(inputs, tf.float32), config, draws), boxes


def _middle(boxes: Any, picture: Any, window: Any, around: float, draws: dict[str, Any]) -> Any:
    """The middles [n, 2] of windows within the picture, in pixels; `picture` and `window` are [2], width and height."""
    place = tf.stack([draws["x"], draws["y"]], axis=1)
    anywhere = window / 2 + place * (picture - window)
    count = tf.reduce_sum(tf.cast(tf.logical_not(tf.math.is_nan(boxes[..., 0])), tf.float32), axis=1)
    which = tf.cast(tf.floor(draws["which"] * count), tf.int32)
    centre = tf.gather(boxes[..., :2], which, batch_dims=1) * picture
    near = tf.clip_by_value(centre + (place - 0.5) * window, window / 2, picture - window / 2)
    chosen = (count > 0) & (draws["around"] < around)
    return tf.where(chosen[:, None], near, anywhere)


def _resample(inputs: Any, scale: Any, middle: Any, size: tuple[int, int]) -> Any:
    """Resample: the offset of an output point from the middle of the result, times `scale` [n, 2], is the offset of its
    input point from `middle` [n, 2]."""
    height, width = size
    start = scale * (1 - tf.constant([width, height], tf.float32)) / 2 + middle - 0.5
    zero = tf.zeros_like(start[:, 0])
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=inputs,
        transforms=tf.stack([scale[:, 0], zero, start[:, 0], zero, scale[:, 1], start[:, 1], zero, zero], axis=1),
        output_shape=[height, width],
        fill_value=GREY,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )


def _moved(boxes: Any, picture: Any, window: Any, scale: Any, middle: Any, visible: float) -> Any:
    centre = 0.5 + (boxes[..., :2] * picture - middle[:, None]) / (scale[:, None] * window)
    size = boxes[..., 2:4] * picture / (tf.abs(scale[:, None]) * window)
    low, high = (tf.clip_by_value(edge, 0.0, 1.0) for edge in (centre - size / 2, centre + size / 2))
    left = tf.reduce_prod(high - low, axis=-1) >= visible * tf.reduce_prod(size, axis=-1)
    moved = tf.concat([(low + high) / 2, high - low, boxes[..., 4:]], axis=-1)
    return tf.where(left[..., None], moved, tf.fill(tf.shape(moved), float("nan")))
