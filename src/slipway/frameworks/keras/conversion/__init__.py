"""Conversion of a native model to TFLite, in full-integer INT8 or in float32.

INT8 is post-training quantization of weights (one scale per channel) and activations (one scale per tensor, taken from
calibration inputs). The input is uint8: unchanged pixels. The output is float32, and so is a final softmax or a final
sigmoid of labels. Layers that XNNPACK does not support are replaced by other operators (`lowering`).
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np

from slipway.core.errors import DataError
from slipway.frameworks.keras import native
from slipway.frameworks.keras.conversion.lowering import lowered, with_float_probabilities
from slipway.frameworks.keras.native.runtime import quiet_stderr, tf


def convert(folder: Path, calibration: np.ndarray, precision: Literal["int8", "float32"]) -> bytes:
    """Convert the native model in `folder` to TFLite.

    Args:
        folder: the native model.
        calibration: encoded inputs [n, *shape] that determine the INT8 scales; float32 uses only their shape.
        precision: `int8` for INT8 with uint8 (pictures) or float32 inputs, `float32` for float.

    Raises:
        DataError: there is no calibration input for INT8.
        ModelError: the folder does not contain a readable network.
    """
    if precision == "int8" and not len(calibration):
        raise DataError("there is no calibration input for the INT8 scales; raise split.calibration")
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
        with quiet_stderr():
            model: bytes = converter.convert()
    return with_float_probabilities(model) if precision == "int8" else model


def _export(network: Any, shape: tuple[int, ...], folder: str) -> None:
    """Write the inference function of `network` on inputs [n, *shape] as a SavedModel.

    `network.export` does the same but takes more than twice as long.
    """
    module = tf.Module()
    module.variables_of_network = [variable.value for variable in network.variables]
    module.infer = tf.function(
        lambda inputs: network(inputs, training=False),
        input_signature=[tf.TensorSpec((None, *shape), tf.float32, name="inputs")],
    )
    tf.saved_model.save(module, folder, signatures=module.infer)


def _representative(calibration: np.ndarray) -> Iterator[list[np.ndarray]]:
    """Yield the inputs one by one; the first picture gets a black and a white value, so that the scale is 0..255."""
    for number, example in enumerate(calibration):
        batch = example[None].astype(np.float32)
        if number == 0 and calibration.dtype == np.uint8:
            batch.flat[:2] = 0, 255
        yield [batch]
