"""The importance of each feature of the trees, and what it adds to an output, for the report."""

from pathlib import Path

import numpy as np
from catboost import CatBoost, CatBoostError, EFstrType, Pool

from slipway.core.errors import ModelError
from slipway.frameworks.catboost.native import FILE


def importance(folder: Path) -> dict[str, float]:
    """Return how much predictions change on average with the value of each feature, in percent of all features.

    It is CatBoost's `PredictionValuesChange`, which needs no data. Features that share information share importance.

    Raises:
        ModelError: the folder does not contain a CatBoost model.
    """
    booster = _loaded(folder)
    values = booster.get_feature_importance(type=EFstrType.PredictionValuesChange)
    return dict(zip(booster.feature_names_, map(float, values), strict=True))


def shap(folder: Path, inputs: np.ndarray) -> np.ndarray:
    """Return what each feature adds to the raw outputs of inputs [n, f]: float64 [n, k, f + 1].

    The last of the f + 1 values is the mean output in training, and all of them add up to the output: log-odds of the
    positive of two classes, a score for each of several classes, or the values of a regressor. These are the SHAP
    values, which are exact for trees (Lundberg et al., "From local explanations to global understanding with
    explainable AI for trees", Nature Machine Intelligence 2, 2020).

    Raises:
        ModelError: the folder does not contain a CatBoost model.
    """
    booster = _loaded(folder)
    scale, bias = booster.get_scale_and_bias()
    booster.set_scale_and_bias(1, [0.0] * np.size(bias))  # CatBoost computes the values of unscaled trees only
    values = booster.get_feature_importance(Pool(np.ascontiguousarray(inputs)), type=EFstrType.ShapValues)
    added: np.ndarray = scale * values.reshape(len(inputs), -1, values.shape[-1])
    added[..., -1] += bias
    return added


def _loaded(folder: Path) -> CatBoost:
    booster = CatBoost()
    try:
        booster.load_model(str(folder / FILE))
    except CatBoostError as error:
        raise ModelError(f"{folder / FILE}: no CatBoost model ({error}); run the train stage")
    return booster
