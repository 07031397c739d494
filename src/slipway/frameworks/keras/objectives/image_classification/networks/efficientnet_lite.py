"""EfficientNet-Lite0: EfficientNet-B0 adapted to integer hardware.

The block table is that of EfficientNet-B0 (Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional
Neural Networks", ICML 2019, table 1). The Lite variants, published with the paper's reference code, leave out
squeeze-and-excite, replace swish by ReLU6 and keep stem and head at their base width. Inputs are scaled by
(x - 127) / 128. One difference: the reference draws the last layer's weights from +-1/sqrt(classes), so that with few
classes training starts at a loss of 3 to 8; here the weights are small, so that training starts near ln(classes).
"""

from typing import Any

from slipway.frameworks.keras.native.runtime import keras

BLOCKS = (  # kernel, stride of the first, expansion, filters, repeats
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)
STEM, HEAD = 32, 1280


def efficientnet_lite0(shape: tuple[int, ...], classes: int, activation: str, dropout: float, drop_path: float) -> Any:
    """Build the network for inputs [height, width, channels], with outputs [n, classes] that are probabilities."""
    layers = keras.layers
    inputs = layers.Input(shape, name="input")
    x = layers.Rescaling(1 / 128, -127 / 128, name="rescaling")(inputs)
    x = _convolution(x, STEM, 3, 2, "stem")
    depth, blocks = 0, sum(repeats for *_, repeats in BLOCKS)
    for number, (kernel, stride, expansion, filters, repeats) in enumerate(BLOCKS, 1):
        for repeat in range(repeats):
            name = f"block{number}{chr(ord('a') + repeat)}"
            x = _block(x, kernel, stride if repeat == 0 else 1, expansion, filters, drop_path * depth / blocks, name)
            depth += 1
    x = _convolution(x, HEAD, 1, 1, "head")
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    outputs = layers.Dense(
        classes,
        activation=activation,
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
        name="predictions",
    )(x)
    return keras.Model(inputs, outputs, name="efficientnet_lite0")


def _block(x: Any, kernel: int, stride: int, expansion: int, filters: int, drop: float, name: str) -> Any:
    """An inverted residual: expand, convolve each channel, project; added to its input if the shapes agree."""
    layers = keras.layers
    before, channels = x, x.shape[-1]
    if expansion > 1:
        x = _convolution(x, channels * expansion, 1, 1, f"{name}_expand")
    x = layers.DepthwiseConv2D(
        kernel, stride, "same", use_bias=False, depthwise_initializer=_he_normal(), name=f"{name}_depthwise"
    )(x)
    x = layers.BatchNormalization(name=f"{name}_depthwise_norm")(x)
    x = layers.ReLU(6, name=f"{name}_depthwise_relu6")(x)
    x = layers.Conv2D(filters, 1, use_bias=False, kernel_initializer=_he_normal(), name=f"{name}_project")(x)
    x = layers.BatchNormalization(name=f"{name}_project_norm")(x)
    if stride == 1 and channels == filters:
        if drop > 0:
            x = layers.Dropout(drop, noise_shape=(None, 1, 1, 1), name=f"{name}_drop_path")(x)
        x = layers.Add(name=f"{name}_add")([before, x])
    return x


def _convolution(x: Any, filters: int, kernel: int, stride: int, name: str) -> Any:
    layers = keras.layers
    x = layers.Conv2D(
        filters, kernel, stride, "same", use_bias=False, kernel_initializer=_he_normal(), name=f"{name}_conv"
    )(x)
    x = layers.BatchNormalization(name=f"{name}_norm")(x)
    return layers.ReLU(6, name=f"{name}_relu6")(x)


def _he_normal() -> Any:
    return keras.initializers.VarianceScaling(2, "fan_out", "untruncated_normal")
