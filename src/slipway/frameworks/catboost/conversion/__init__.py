"""CatBoost to TFLite: the trees as plain builtin operators, so that one runtime serves every variant.

`oblivious` reads a saved model into arrays, `trees` says which operators they become, `graph` writes the file. No
TensorFlow is involved: the file is a flatbuffer of some ten operators, and writing it takes milliseconds.
"""

from pathlib import Path
from typing import Literal

import numpy as np

from slipway.core.errors import ModelError
from slipway.frameworks.catboost.conversion.oblivious import read
from slipway.frameworks.catboost.conversion.trees import write
from slipway.frameworks.catboost.native import FILE


def convert(native: Path, calibration: np.ndarray, precision: Literal["int8", "float32"]) -> bytes:
    """TFLite of the model in the folder `native` (`model.cbm`); equal models give equal bytes.

    `calibration` [n, features] is looked at for its width only. The result takes float32 [batch, features], any batch,
    and gives float32 [batch, k], what CatBoost's own predict gives: values for a regressor (after the exponent for
    Poisson and Tweedie), for a classifier the probability of the positive class (k = 1), or with more than two classes
    those of all in order.

    Raises:
        ModelError: `precision` is int8, or the model is not one of symmetric trees over `features` numbers.
    """
    if precision != "float32":
        raise ModelError(
            f"convert.precision is {precision}, but trees ship as float32: they are compared with borders, "
            "which rounding would move; set convert.precision to float32"
        )
    path = native / FILE
    ensemble = read(path)
    width = int(np.prod(calibration.shape[1:]))
    if ensemble.features != width:
        raise ModelError(
            f"{path}: takes {ensemble.features} features, but the prepared data has {width}; train the model again"
        )
    return write(ensemble)
