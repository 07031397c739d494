"""A small fully convolutional detector: a feature pyramid that ends in a heat map.

Strided convolutions halve the picture at each level, and a residual block refines each level but the first (He et al.,
2016). On the way back, coarse levels, which have a large receptive field, are added to fine levels, which show small
objects (Lin et al., "Feature Pyramid Networks for Object Detection", CVPR 2017). All convolutions are plain 3 x 3 with
ReLU6 and outputs are bounded, so the network is fast on two cores and loses little in INT8.
"""

import math
from typing import Any

from slipway.core.errors import ConfigError
from slipway.core.spec import Spec
from slipway.frameworks.keras.native.runtime import keras
from slipway.frameworks.keras.schema.object_detection import Model

RARE = 0.005
"""The probability with which an untrained network predicts an object's centre in a cell."""


def build(model: Model, spec: Spec) -> Any:
    """Build the network, from float32 [n, height, width, 3] in 0..255 to heat maps in 0..1.

    The maps are [n, rows, columns, classes + 4]: the heat of each class, and place and size of a box of any class. It
    takes pictures of any size that can be halved once for each level, so that it can learn from windows.

    Raises:
        ConfigError: the picture cannot be halved once for each level.
    """
    shape, stride = tuple(spec["input"]["shape"]), spec["heatmap"]["stride"]
    if any(side % coarsest(model) for side in shape[:2]):
        raise ConfigError(
            f"model.filters has {len(model.filters)} levels, each half the size of the one before, but "
            f"{shape[0]} x {shape[1]} cannot be divided by {coarsest(model)}; change data.height and data.width, or "
            "use fewer levels"
        )
    layers = keras.layers
    inputs = layers.Input((None, None, shape[-1]), name="input")
    x = layers.Rescaling(1 / 128, -127 / 128, name="rescaling")(inputs)
    levels = []
    for level, filters in enumerate(model.filters, 1):
        x = _convolution(x, filters, 3, 2, f"down{level}", model)
        if level > 1:
            x = _residual(x, f"refine{level}", model)
        levels.append(x)
    last = int(math.log2(stride)) - 1
    for level in range(len(levels) - 2, last - 1, -1):
        filters = model.filters[level]
        coarse = _convolution(x, filters, 1, 1, f"narrow{level + 1}", model)
        coarse = layers.UpSampling2D(2, name=f"up{level + 1}")(coarse)
        x = layers.Add(name=f"join{level + 1}")([coarse, levels[level]])
        x = _convolution(x, filters, 3, 1, f"merge{level + 1}", model)
    x = _convolution(x, 2 * model.filters[last], 3, 1, "head", model)
    heat = layers.Conv2D(
        len(spec["outputs"]),
        1,
        activation="sigmoid",
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
        bias_initializer=keras.initializers.Constant(math.log(RARE / (1 - RARE))),
        name="heat",
    )(x)
    place = layers.Conv2D(
        4, 1, activation="sigmoid", kernel_initializer=keras.initializers.RandomNormal(stddev=0.01), name="place"
    )(x)
    return keras.Model(inputs, layers.Concatenate(name="map")([heat, place]), name="detector")


def coarsest(model: Model) -> int:
    """The side of a cell of the last level, in pixels."""
    return int(2 ** len(model.filters))


def _residual(x: Any, name: str, model: Model) -> Any:
    """Two convolutions, added to their input."""
    layers = keras.layers
    inner = _convolution(x, x.shape[-1], 3, 1, f"{name}a", model)
    inner = _convolution(inner, x.shape[-1], 3, 1, f"{name}b", model, active=False)
    x = layers.Add(name=f"{name}_add")([x, inner])
    return layers.ReLU(6, name=f"{name}_relu6")(x)


def _convolution(x: Any, filters: int, kernel: int, stride: int, name: str, model: Model, active: bool = True) -> Any:
    layers = keras.layers
    x = layers.Conv2D(
        filters, kernel, stride, "same", use_bias=False, kernel_initializer="he_normal", name=f"{name}_conv"
    )(x)
    x = layers.BatchNormalization(momentum=model.batch_norm_momentum, name=f"{name}_norm")(x)
    return layers.ReLU(6, name=f"{name}_relu6")(x) if active else x
