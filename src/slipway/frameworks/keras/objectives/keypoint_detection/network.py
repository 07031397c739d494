"""A network from a crop to one heatmap for each keypoint, at a quarter of the crop's size.

After "Simple Baselines for Human Pose Estimation and Tracking" (Xiao et al., ECCV 2018): features are downsampled to a
sixteenth and upsampled again, and a last convolution gives the heatmaps. For a small model that loses little in INT8,
convolutions are depthwise separable with ReLU6 (MobileNet: Howard et al., 2017), and bilinear resizing with a
convolution replaces transposed convolutions. As there is no pretrained backbone, blocks are residual (He et al., 2016),
upsampled features are added to the features of the same size on the way down, and the coarsest features receive their
global mean. The network uses only layers that Keras includes.
"""

from typing import Any

from slipway.core.errors import ConfigError
from slipway.core.spec import Spec
from slipway.frameworks.keras.native.runtime import keras
from slipway.frameworks.keras.schema.keypoint_detection import Model

COARSEST = 16
STRIDE = 4
STEM = 48
DOWN = ((64, 1), (128, 3), (320, 4))
"""Filters and blocks at a quarter, an eighth and a sixteenth of the input's size."""
UP = ((96, 1), (128, 2))
"""The same on the way up, at a quarter and an eighth."""
RARE = -4.0
"""The bias of the last layer: an untrained network gives sigmoid(-4), since most cells of a heatmap are near 0."""


def build(model: Model, spec: Spec) -> Any:
    """Build the network from float32 [n, height, width, 3] in 0..255 to [n, height / 4, width / 4, keypoints] in 0..1.

    Raises:
        ConfigError: height or width is not a multiple of 16.
    """
    shape = tuple(spec["input"]["shape"])
    if any(side % COARSEST for side in shape[:2]):
        raise ConfigError(f"data.height and data.width must be multiples of {COARSEST}, not {shape[0]} and {shape[1]}")
    layers = keras.layers
    inputs = layers.Input(shape, name="input")
    x = layers.Rescaling(1 / 127.5, -1, name="rescaling")(inputs)
    x = layers.Conv2D(
        _scaled(STEM, model), 7, STRIDE, "same", use_bias=False, kernel_initializer="he_normal", name="stem_conv"
    )(x)
    x = layers.ReLU(6, name="stem_relu6")(_batch_norm(x, "stem", model))
    skips = []
    for number, (filters, blocks) in enumerate(DOWN, 1):
        for block in range(blocks):
            stride = 2 if number > 1 and block == 0 else 1
            x = _separable(x, _scaled(filters, model), 5, stride, f"down{number}{'abcd'[block]}", model)
        skips.append(x)
    x = _with_global_mean(x, model)
    for number, (filters, blocks) in reversed(list(enumerate(UP, 1))):
        x = _pointwise(x, _scaled(filters, model), f"up{number}_project", model)
        x = layers.UpSampling2D(2, interpolation="bilinear", name=f"up{number}_resize")(x)
        skip = _pointwise(skips[number - 1], _scaled(filters, model), f"up{number}_beside", model)
        x = layers.ReLU(6, name=f"up{number}_relu6")(layers.Add(name=f"up{number}_add")([x, skip]))
        for block in range(blocks):
            x = _separable(x, _scaled(filters, model), 3, 1, f"up{number}{'ab'[block]}", model)
    outputs = layers.Conv2D(
        len(spec["outputs"]),
        1,
        activation="sigmoid",
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.001),
        bias_initializer=keras.initializers.Constant(RARE),
        name="heatmaps",
    )(x)
    return keras.Model(inputs, outputs, name="separable_baseline")


def _with_global_mean(x: Any, model: Model) -> Any:
    """Add the global mean to every cell, since the direction that a person faces decides left and right everywhere."""
    layers = keras.layers
    whole = layers.GlobalAveragePooling2D(keepdims=True, name="whole_pool")(x)
    whole = _pointwise(whole, x.shape[-1], "whole", model)
    return layers.ReLU(6, name="whole_relu6")(layers.Add(name="whole_add")([x, whole]))


def _separable(x: Any, filters: int, kernel: int, stride: int, name: str, model: Model) -> Any:
    """A depthwise and a pointwise convolution, added to the input before the last ReLU6 if the shapes agree."""
    layers = keras.layers
    before = x
    x = layers.DepthwiseConv2D(
        kernel, stride, "same", use_bias=False, depthwise_initializer="he_normal", name=f"{name}_depthwise_conv"
    )(x)
    x = layers.ReLU(6, name=f"{name}_depthwise_relu6")(_batch_norm(x, f"{name}_depthwise", model))
    x = _pointwise(x, filters, name, model)
    if stride == 1 and before.shape[-1] == filters:
        x = layers.Add(name=f"{name}_add")([before, x])
    return layers.ReLU(6, name=f"{name}_relu6")(x)


def _pointwise(x: Any, filters: int, name: str, model: Model) -> Any:
    """A pointwise convolution with batch normalisation and without activation."""
    convolution = keras.layers.Conv2D(filters, 1, use_bias=False, kernel_initializer="he_normal", name=f"{name}_conv")
    return _batch_norm(convolution(x), name, model)


def _batch_norm(x: Any, name: str, model: Model) -> Any:
    return keras.layers.BatchNormalization(momentum=model.batch_norm_momentum, name=f"{name}_norm")(x)


def _scaled(filters: int, model: Model) -> int:
    """The number of filters scaled by the model's width, rounded to a multiple of 8."""
    return max(8, round(filters * model.width / 8) * 8)
