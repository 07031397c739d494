"""The trunk of a ResNet-18, which networks of several tasks share: from pictures to features at a 32nd of their size.

He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, table 1, with ReLU6 in place of ReLU, for INT8.
Plain 3 x 3 convolutions learn from random weights in far fewer steps than depthwise ones, which is what counts where
there are some thousands of pictures and two cores.
"""

from typing import Any

from slipway.frameworks.keras.native.runtime import keras

STEM = 64
STAGES = ((64, 1), (128, 2), (256, 2), (512, 2))
"""Filters and first stride of each stage of two blocks."""


def trunk(pictures: Any, width: float, batch_norm_momentum: float) -> Any:
    """Features [n, height / 32, width / 32, 512 * width] of `pictures` float32 [n, height, width, channels] in 0..255.

    `width` multiplies the numbers of filters.
    """
    layers = keras.layers
    x = layers.Rescaling(1 / 128, -127 / 128, name="rescaling")(pictures)
    x = _convolution(x, round(STEM * width), 7, 2, "stem", batch_norm_momentum)
    x = layers.ReLU(6, name="stem_relu6")(x)
    x = layers.MaxPooling2D(3, 2, "same", name="stem_pool")(x)
    for number, (filters, stride) in enumerate(STAGES, 1):
        for block in range(2):
            name = f"stage{number}{'ab'[block]}"
            x = _block(x, round(filters * width), stride if block == 0 else 1, name, batch_norm_momentum)
    return x


def _block(x: Any, filters: int, stride: int, name: str, momentum: float) -> Any:
    """Two convolutions, added to their input, which is projected where the shapes differ."""
    layers = keras.layers
    before = x
    if stride > 1 or x.shape[-1] != filters:
        before = _convolution(x, filters, 1, stride, f"{name}_project", momentum)
    x = layers.ReLU(6, name=f"{name}_inner_relu6")(
        _convolution(x, filters, 3, stride, f"{name}_inner", momentum),
    )
    x = _convolution(x, filters, 3, 1, f"{name}_outer", momentum)
    return layers.ReLU(6, name=f"{name}_relu6")(layers.Add(name=f"{name}_add")([before, x]))


def _convolution(x: Any, filters: int, kernel: int, stride: int, name: str, momentum: float) -> Any:
    """A convolution, normalised and without activation."""
    layers = keras.layers
    x = layers.Conv2D(
        filters, kernel, stride, "same", use_bias=False, kernel_initializer="he_normal", name=f"{name}_conv"
    )(x)
    return layers.BatchNormalization(momentum=momentum, name=f"{name}_norm")(x)
