"""The sections `model` and `train` of a regression with CatBoost."""

from typing import Annotated, Literal

from pydantic import Field

from slipway.frameworks.catboost import schema
from slipway.frameworks.catboost.schema import Model

__all__ = ["Model", "Train"]


class Train(schema.Train):
    """How a regression is trained.

    `loss` is what a tree lowers and what early stopping watches on the validation split. `weight` names an input
    feature by which each row counts (with targets that are ratios to it, errors then count in the target's unit).
    """

    loss: Literal["RMSE", "MAE", "Huber"] = "RMSE"
    huber_delta: Annotated[float, Field(gt=0)] = 1.0
    weight: str | None = None
