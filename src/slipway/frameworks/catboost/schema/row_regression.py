"""The sections `model` and `train` of a regression on the rows of a table with CatBoost."""

from typing import Annotated, Literal

from pydantic import Field

from slipway.frameworks.catboost import schema
from slipway.frameworks.catboost.schema import Model

__all__ = ["Model", "Train"]


class Train(schema.Train):
    """How a regression is trained.

    `loss` is what training minimises and what early stopping monitors on the validation split. `weight` names an input
    feature that weights each row (if targets are ratios to this feature, errors then count in the unit of the target).
    """

    loss: Literal["RMSE", "MAE", "Huber"] = "RMSE"
    huber_delta: Annotated[float, Field(gt=0)] = 1.0
    weight: str | None = None
