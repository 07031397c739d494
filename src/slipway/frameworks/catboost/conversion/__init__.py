"""CatBoost to TFLite: the trees as builtin operators, so that one runtime serves every variant.

`oblivious` reads a saved model into arrays, `trees` maps them to operators, `graph` writes the file. TensorFlow is not
needed: the file is a flatbuffer of about ten operators, and writing it takes milliseconds.
"""

from pathlib import Path
from typing import Literal

import numpy as np

from slipway.core.errors import ModelError
from slipway.frameworks.catboost.conversion.oblivious import read
from slipway.frameworks.catboost.conversion.trees import write
from slipway.frameworks.catboost.native import FILE


def convert(native: Path, calibration: np.ndarray, precision: Literal["int8", "float32"]) -> bytes:
    """Convert the model in the folder `native` (`model.cbm`) to TFLite; equal models give equal bytes.

    Of `calibration` [n, features], only the width is used. The TFLite model takes float32 [batch, features] for any
    batch size and returns float32 [batch, k], the output of CatBoost's own predict: for a regressor the values (after
    the exponent for Poisson and Tweedie), for two classes the probability of the positive class (k = 1), for more
    classes the probability of each class in order.

    Raises:
        ModelError: `precision` is int8, or the model does not consist of symmetric trees over `features` numbers.
    """
    if precision != "float32":
        raise ModelError(
            f"convert.precision is {precision}, but trees ship as float32: they compare features with borders, "
            "and rounding would move the borders; set convert.precision to float32"
        )
    path = native / FILE
    ensemble = read(path)
    width = int(np.prod(calibration.shape[1:]))
    if ensemble.features != width:
        raise ModelError(
            f"{path}: takes {ensemble.features} features, but the prepared data has {width}; train the model again"
        )
    return write(ensemble)
