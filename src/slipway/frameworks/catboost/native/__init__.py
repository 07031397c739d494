"""CatBoost's own prediction of a native model, against which the converted one is compared."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from catboost import CatBoost, CatBoostError

from slipway.errors import ModelError

FILE = "model.cbm"


def load(folder: Path) -> Callable[[np.ndarray], np.ndarray]:
    """A callable from encoded inputs [n, features] float32 to raw outputs [n, 1] float32.

    Raises:
        ModelError: the folder holds no CatBoost model.
    """
    path = folder / FILE
    booster = CatBoost()
    try:
        booster.load_model(str(path))
    except CatBoostError as error:
        raise ModelError(f"{path}: no CatBoost model ({error}); run the train stage")

    def predict(inputs: np.ndarray) -> np.ndarray:
        outputs: np.ndarray = booster.predict(
            np.ascontiguousarray(inputs), prediction_type="RawFormulaVal", thread_count=1
        )
        return outputs.reshape(len(inputs), -1).astype(np.float32)

    return predict
