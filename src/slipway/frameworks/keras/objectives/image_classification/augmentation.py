"""Random augmentation of a batch of training inputs, drawn from (seed, step) only.

All random numbers of a batch are drawn at once, one column for each variation, so that turning a variation on or off
does not change the others. Flip, translation, zoom and rotation are one affine resampling; the area outside the picture
is filled with its mirror image.
"""

import math
from typing import Any

from slipway.frameworks.keras.native.runtime import tf
from slipway.frameworks.keras.schema.image_classification import Augmentation
from slipway.frameworks.keras.training.colour import recolour, signed

DRAWS = (
    "flip",
    "right",
    "down",
    "zoom",
    "rotation",
    "brightness",
    "contrast",
    "saturation",
    "erase",
    "erase_top",
    "erase_left",
    "erase_height",
    "erase_width",
)
GREY = 127.0
LARGEST_ERASED = 0.5
"""Largest side of an erased rectangle, as a share of the picture's side."""


def augment(inputs: Any, config: Augmentation, seed: int, step: Any) -> Any:
    """Augment `inputs` [n, height, width, channels]; returns float32 of the same shape, pictures (uint8) in 0..255."""
    pictures = inputs.dtype == tf.uint8
    numbers = tf.random.stateless_uniform([tf.shape(inputs)[0], len(DRAWS)], [tf.cast(seed, tf.int64), step])
    draws = dict(zip(DRAWS, tf.unstack(numbers, axis=1), strict=True))
    if any((config.horizontal_flip, config.translation, config.zoom, config.rotation)):
        inputs = _resample(inputs, config, draws)
    inputs = tf.cast(inputs, tf.float32)
    if pictures:
        inputs = recolour(inputs, config, draws)
    if config.erasing:
        inputs = _erase(inputs, config, draws, GREY if pictures else 0.0)
    return inputs


def _resample(inputs: Any, config: Augmentation, draws: dict[str, Any]) -> Any:
    height, width = inputs.shape[1:3]
    mirror = tf.where(draws["flip"] < config.horizontal_flip, -1.0, 1.0)
    scale = tf.exp(signed(draws["zoom"]) * -math.log(1 - config.zoom))
    angle = signed(draws["rotation"]) * math.radians(config.rotation)
    cosine, sine = tf.cos(angle) * scale, tf.sin(angle) * scale
    right = signed(draws["right"]) * config.translation * width
    down = signed(draws["down"]) * config.translation * height
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    # The operation maps each output point to its input point: first about the fixed middle, then the translation.
    rows = [
        cosine * mirror,
        -sine,
        middle_x - cosine * mirror * middle_x + sine * middle_y + right,
        sine * mirror,
        cosine,
        middle_y - sine * mirror * middle_x - cosine * middle_y + down,
        tf.zeros_like(angle),
        tf.zeros_like(angle),
    ]
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=inputs,
        transforms=tf.stack(rows, axis=1),
        output_shape=[height, width],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="REFLECT",
    )


def _erase(inputs: Any, config: Augmentation, draws: dict[str, Any], value: float) -> Any:
    inside = [
        _within(draws[f"erase_{start}"], draws[f"erase_{side}"], size)
        for start, side, size in (("top", "height", inputs.shape[1]), ("left", "width", inputs.shape[2]))
    ]
    chosen = (draws["erase"] < config.erasing)[:, None, None]
    return tf.where((chosen & inside[0][:, :, None] & inside[1][:, None, :])[..., None], value, inputs)


def _within(start: Any, side: Any, size: int) -> Any:
    """A mask [n, size] of the positions in an interval of at most `LARGEST_ERASED` that does not cross the edges."""
    side = side * LARGEST_ERASED
    start = start * (1 - side)
    positions = (tf.range(size, dtype=tf.float32)[None] + 0.5) / size
    return (positions >= start[:, None]) & (positions < (start + side)[:, None])
