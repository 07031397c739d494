"""Random augmentation of the colours of a batch of pictures."""

from typing import Any

from slipway.frameworks.keras.native.runtime import tf
from slipway.frameworks.keras.schema import Recolouring


def recolour(inputs: Any, config: Recolouring, draws: dict[str, Any]) -> Any:
    """Augment the colours of `inputs` float32 [n, height, width, channels] in 0..255.

    `draws` contains draws [n] from 0..1 by the name of the variation.
    """
    if not any((config.brightness, config.contrast, config.saturation)):
        return inputs
    if config.saturation and inputs.shape[-1] == 3:
        grey = tf.tensordot(inputs, tf.constant([0.299, 0.587, 0.114]), 1)[..., None]
        inputs = grey + (inputs - grey) * each(1 + signed(draws["saturation"]) * config.saturation)
    mean = tf.reduce_mean(inputs, axis=[1, 2, 3], keepdims=True)
    inputs = mean + (inputs - mean) * each(1 + signed(draws["contrast"]) * config.contrast)
    inputs += each(signed(draws["brightness"]) * config.brightness * 255)
    return tf.clip_by_value(inputs, 0.0, 255.0)


def signed(draw: Any) -> Any:
    """Map a draw from 0..1 to -1..1."""
    return draw * 2 - 1


def each(value: Any) -> Any:
    """Reshape [n] so that it broadcasts over [n, height, width, channels]."""
    return value[:, None, None, None]
