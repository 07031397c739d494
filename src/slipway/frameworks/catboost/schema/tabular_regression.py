"""The sections `model` and `train` of a forecast with CatBoost: those of a regression, and a second fit."""

from slipway.core.config import unwritten
from slipway.frameworks.catboost.schema import Model, row_regression

__all__ = ["Model", "Train"]


class Train(row_regression.Train):
    """How a forecast is trained.

    With `refit`, the model that ships is fitted again on train and validation together, with as many trees as the
    validation split chose, so that it has learnt the newest values before the test split.
    """

    refit: bool = unwritten(False)
