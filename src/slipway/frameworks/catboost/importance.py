"""The importance of each feature of the trees, for the report."""

from pathlib import Path

from catboost import CatBoost, CatBoostError, EFstrType

from slipway.core.errors import ModelError
from slipway.frameworks.catboost.native import FILE


def importance(folder: Path) -> dict[str, float]:
    """Return how much predictions change on average with the value of each feature, in percent of all features.

    It is CatBoost's `PredictionValuesChange`, which needs no data. Features that share information share importance.

    Raises:
        ModelError: the folder does not contain a CatBoost model.
    """
    booster = CatBoost()
    try:
        booster.load_model(str(folder / FILE))
    except CatBoostError as error:
        raise ModelError(f"{folder / FILE}: no CatBoost model ({error}); run the train stage")
    values = booster.get_feature_importance(type=EFstrType.PredictionValuesChange)
    return dict(zip(booster.feature_names_, map(float, values), strict=True))
