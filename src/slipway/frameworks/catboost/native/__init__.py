"""Prediction of a native model by CatBoost itself, with which the converted model is compared."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from catboost import CatBoost, CatBoostError

from slipway.core.errors import ModelError

FILE = "model.cbm"
TWO_CLASSES = ("Logloss", "CrossEntropy")
"""Losses of classifiers whose output is the probability of the positive class."""
SEVERAL_CLASSES = ("MultiClass",)
"""Losses of classifiers whose output is the probability of each class."""
THREADED = True
"""Whether one process can predict on several numbers of threads."""


def load(folder: Path, threads: int = 1) -> Callable[[np.ndarray], np.ndarray]:
    """Return a callable from encoded inputs [n, features] float32 to raw outputs [n, k] float32.

    The outputs are those of the TFLite model: the values of a regressor, the probability of the positive of two
    classes, or the probability of each of several classes.

    Raises:
        ModelError: the folder does not contain a CatBoost model.
    """
    path = folder / FILE
    booster = CatBoost()
    try:
        booster.load_model(str(path))
    except CatBoostError as error:
        raise ModelError(f"{path}: no CatBoost model ({error}); run the train stage")

    loss = booster.get_all_params().get("loss_function")
    kind = "Probability" if loss in TWO_CLASSES + SEVERAL_CLASSES else "RawFormulaVal"
    first = 1 if loss in TWO_CLASSES else 0  # of two classes, the second is the positive one

    def predict(inputs: np.ndarray) -> np.ndarray:
        outputs: np.ndarray = booster.predict(np.ascontiguousarray(inputs), prediction_type=kind, thread_count=threads)
        return outputs.reshape(len(inputs), -1)[:, first:].astype(np.float32)

    return predict
