"""A convolutional network over log-mel spectrograms with layers for integer hardware: convolutions, ReLU6, pooling.

Blocks of two 3 x 3 convolutions with batch normalisation, the first of stride 2. Then the mean over pitch, and over
time the sum of mean and maximum, so that both short calls and steady sounds count. It is the CNN of Kong et al.,
"PANNs: large-scale pretrained audio neural networks", IEEE/ACM TASLP 28, 2020, with strides instead of pooling, which
costs a quarter of the computation, and without its second dense layer.
"""

from typing import Any

from slipway.core.errors import ConfigError
from slipway.core.spec import Spec
from slipway.frameworks.keras.native.runtime import keras
from slipway.frameworks.keras.schema.audio_classification import Model


def build(model: Model, spec: Spec, activation: str = "softmax") -> Any:
    """Build the network of `model` with random weights, from float32 [n, mels, frames, 1] in 0..255 to probabilities.

    Layer names depend only on the architecture, so that weights can be transferred by name.

    Raises:
        ConfigError: the spectrograms are too small for the number of blocks.
    """
    shape = tuple(spec["input"]["shape"])
    least = 2 ** len(model.filters)
    if len(shape) != 3 or min(shape[:2]) < least:
        raise ConfigError(
            f"model.filters: {len(model.filters)} blocks need spectrograms of at least {least} x {least}, and the data "
            f"is encoded as {list(shape)}; use fewer blocks, or raise data.mels or data.window_seconds"
        )
    layers = keras.layers
    inputs = layers.Input(shape, name="input")
    x = layers.Rescaling(1 / 64, -127 / 64, name="rescaling")(inputs)
    for number, filters in enumerate(model.filters, 1):
        x = _convolution(x, filters, 2, model, f"block{number}a")
        x = _convolution(x, filters, 1, model, f"block{number}b")
    x = layers.AveragePooling2D((x.shape[1], 1), name="over_pitch")(x)
    mean = layers.GlobalAveragePooling2D(name="mean_over_time")(x)
    peak = layers.GlobalMaxPooling2D(name="peak_over_time")(x)
    x = layers.Add(name="over_time")([mean, peak])
    x = layers.Dropout(model.dropout, name="dropout")(x)
    outputs = layers.Dense(
        len(spec["outputs"]),
        activation=activation,
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
        name="predictions",
    )(x)
    return keras.Model(inputs, outputs, name="log_mel_cnn")


def _convolution(x: Any, filters: int, stride: int, model: Model, name: str) -> Any:
    layers = keras.layers
    x = layers.Conv2D(
        filters, 3, stride, "same", use_bias=False, kernel_initializer="he_normal", name=f"{name}_convolution"
    )(x)
    x = layers.BatchNormalization(momentum=model.batch_norm_momentum, name=f"{name}_normalization")(x)
    return layers.ReLU(6, name=f"{name}_relu")(x)
