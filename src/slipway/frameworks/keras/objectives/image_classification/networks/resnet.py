"""ResNet-18: He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, table 1, with ReLU6 for INT8.

From random weights, 3 x 3 convolutions learn in far fewer steps than depthwise ones, which matters with a few thousand
pictures and two cores.
"""

from typing import Any

from slipway.frameworks.keras.native.runtime import keras

STEM = 64
STAGES = ((64, 1), (128, 2), (256, 2), (512, 2))
"""Filters and first stride of each stage of two blocks."""


def resnet18(shape: tuple[int, ...], classes: int, activation: str, width: float, dropout: float) -> Any:
    """Build the network for inputs [height, width, channels], with outputs [n, classes] that are probabilities.

    `width` multiplies the numbers of filters.
    """
    layers = keras.layers
    inputs = layers.Input(shape, name="input")
    x = layers.Rescaling(1 / 128, -127 / 128, name="rescaling")(inputs)
    x = _convolution(x, round(STEM * width), 7, 2, "stem")
    x = layers.ReLU(6, name="stem_relu6")(x)
    x = layers.MaxPooling2D(3, 2, "same", name="stem_pool")(x)
    for number, (filters, stride) in enumerate(STAGES, 1):
        for block in range(2):
            name = f"stage{number}{'ab'[block]}"
            x = _block(x, round(filters * width), stride if block == 0 else 1, name)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    outputs = layers.Dense(
        classes,
        activation=activation,
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
        name="predictions",
    )(x)
    return keras.Model(inputs, outputs, name="resnet18")


def _block(x: Any, filters: int, stride: int, name: str) -> Any:
    """Two convolutions, added to their input, which is projected if the shapes differ."""
    layers = keras.layers
    before = x
    if stride > 1 or x.shape[-1] != filters:
        before = _convolution(x, filters, 1, stride, f"{name}_project")
    x = layers.ReLU(6, name=f"{name}_inner_relu6")(_convolution(x, filters, 3, stride, f"{name}_inner"))
    x = _convolution(x, filters, 3, 1, f"{name}_outer")
    return layers.ReLU(6, name=f"{name}_relu6")(layers.Add(name=f"{name}_add")([before, x]))


def _convolution(x: Any, filters: int, kernel: int, stride: int, name: str) -> Any:
    """A convolution, normalised and without activation."""
    layers = keras.layers
    x = layers.Conv2D(
        filters, kernel, stride, "same", use_bias=False, kernel_initializer="he_normal", name=f"{name}_conv"
    )(x)
    return layers.BatchNormalization(name=f"{name}_norm")(x)
