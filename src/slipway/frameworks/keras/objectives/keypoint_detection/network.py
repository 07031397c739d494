"""A network from a crop to one heatmap a keypoint, at a quarter of the crop's size.

After "Simple Baselines for Human Pose Estimation and Tracking" (Xiao et al., ECCV 2018): features are brought down to a
sixteenth, up again, and a last convolution gives the heatmaps. To be small and to lose little in INT8, convolutions are
depthwise separable with ReLU6 (MobileNet: Howard et al., 2017), and bilinear resizing and a convolution stand for
transposed ones. As there is no pretrained backbone, blocks are residual (He et al., 2016), what is brought up is added
to the features of its size on the way down, and the coarsest features are told their own mean. Only layers that ship
with Keras are used.
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
"""The last bias: an untrained network gives sigmoid(-4), as most cells of a heatmap are near 0."""


def build(model: Model, spec: Spec) -> Any:
    """From float32 [n, height, width, 3] in 0..255 to [n, height / 4, width / 4, keypoints] in 0..1.

    Raises:
        ConfigError: height or width cannot be halved four times.
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
    x = layers.ReLU(6, name="stem_relu6")(_normal(x, "stem", model))
    passed = []
    for number, (filters, blocks) in enumerate(DOWN, 1):
        for block in range(blocks):
            stride = 2 if number > 1 and block == 0 else 1
            x = _separable(x, _scaled(filters, model), 5, stride, f"down{number}{'abcd'[block]}", model)
        passed.append(x)
    x = _informed(x, model)
    for number, (filters, blocks) in reversed(list(enumerate(UP, 1))):
        x = _pointwise(x, _scaled(filters, model), f"up{number}_project", model)
        x = layers.UpSampling2D(2, interpolation="bilinear", name=f"up{number}_resize")(x)
        beside = _pointwise(passed[number - 1], _scaled(filters, model), f"up{number}_beside", model)
        x = layers.ReLU(6, name=f"up{number}_relu6")(layers.Add(name=f"up{number}_add")([x, beside]))
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


def _informed(x: Any, model: Model) -> Any:
    """Every place told of the whole: which way a person looks decides what is left and right all over the body."""
    layers = keras.layers
    whole = layers.GlobalAveragePooling2D(keepdims=True, name="whole_pool")(x)
    whole = _pointwise(whole, x.shape[-1], "whole", model)
    return layers.ReLU(6, name="whole_relu6")(layers.Add(name="whole_add")([x, whole]))


def _separable(x: Any, filters: int, kernel: int, stride: int, name: str, model: Model) -> Any:
    """A depthwise and a pointwise convolution; added to its input, before the last ReLU6, where the shapes agree."""
    layers = keras.layers
    before = x
    x = layers.DepthwiseConv2D(
        kernel, stride, "same", use_bias=False, depthwise_initializer="he_normal", name=f"{name}_depthwise_conv"
    )(x)
    x = layers.ReLU(6, name=f"{name}_depthwise_relu6")(_normal(x, f"{name}_depthwise", model))
    x = _pointwise(x, filters, name, model)
    if stride == 1 and before.shape[-1] == filters:
        x = layers.Add(name=f"{name}_add")([before, x])
    return layers.ReLU(6, name=f"{name}_relu6")(x)


def _pointwise(x: Any, filters: int, name: str, model: Model) -> Any:
    """A pointwise convolution, normalised and without activation."""
    convolution = keras.layers.Conv2D(filters, 1, use_bias=False, kernel_initializer="he_normal", name=f"{name}_conv")
    return _normal(convolution(x), name, model)


def _normal(x: Any, name: str, model: Model) -> Any:
    return keras.layers.BatchNormalization(momentum=model.batch_norm_momentum, name=f"{name}_norm")(x)


def _scaled(filters: int, model: Model) -> int:
    """The number of filters at the model's width, a multiple of 8."""
    return max(8, round(filters * model.width / 8) * 8)
