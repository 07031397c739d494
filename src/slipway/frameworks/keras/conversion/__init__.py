"""Conversion of a native model to TFLite, in full-integer INT8 or in float32.

INT8 is post-training quantization of weights (a scale a channel) and activations (a scale a tensor), the scales of
the latter taken from calibration inputs. The input is uint8: pixels as they come. The output is float32, and so is a
softmax that it comes from. What XNNPACK does not take is written in other operators (`lowering`).
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np

from slipway.core.errors import DataError
from slipway.frameworks.keras import native
from slipway.frameworks.keras.conversion.lowering import lowered, with_float_softmax
from slipway.frameworks.keras.native.runtime import hushed, tf


def convert(folder: Path, calibration: np.ndarray, precision: Literal["int8", "float32"]) -> bytes:
    """The native model in `folder` as TFLite.

    Args:
        folder: the native model.
        calibration: encoded inputs [n, *shape] to take INT8 scales from; of these, float32 takes the shape only.
        precision: `int8` for INT8 from uint8 (of pictures) or float32 inputs, `float32` for plain float.

    Raises:
        DataError: there is no calibration input for INT8.
        ModelError: the folder holds no network that can be read.
    """
    if precision == "int8" and not len(calibration):
        raise DataError("there is no calibration input to take INT8 scales from; raise split.calibration")
    network = lowered(native.read(folder / native.FILE))
    with tempfile.TemporaryDirectory() as temporary:
        _export(network, calibration.shape[1:], temporary)
        converter = tf.lite.TFLiteConverter.from_saved_model(temporary)
        if precision == "int8":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda: _representative(calibration)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = tf.uint8 if calibration.dtype == np.uint8 else tf.float32
            converter.inference_output_type = tf.float32
        with hushed():
            model: bytes = converter.convert()
    return with_float_softmax(model) if precision == "int8" else model


def _export(network: Any, shape: tuple[int, ...], folder: str) -> None:
    """Write inference of `network` on inputs [n, *shape] as a SavedModel.

    `network.export` does the same in more than twice the time.
    """
    module = tf.Module()
    module.variables_of_network = [variable.value for variable in network.variables]
    module.infer = tf.function(
        lambda inputs: network(inputs, training=False),
        input_signature=[tf.TensorSpec((None, *shape), tf.float32, name="inputs")],
    )
    tf.saved_model.save(module, folder, signatures=module.infer)


def _representative(calibration: np.ndarray) -> Iterator[list[np.ndarray]]:
    """Inputs one by one; the first picture is given a black and a white value, so that input scales are 0..255."""
    for number, example in enumerate(calibration):
        batch = example[None].astype(np.float32)
        if number == 0 and calibration.dtype == np.uint8:
            batch.flat[:2] = 0, 255
        yield [batch]
