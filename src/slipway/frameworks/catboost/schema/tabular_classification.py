"""The sections `model` and `train` of a binary classification with CatBoost."""

from typing import Annotated, Literal

from pydantic import Field

from slipway.frameworks.catboost import schema
from slipway.frameworks.catboost.schema import Model

__all__ = ["Model", "Train"]


class Train(schema.Train):
    """How a binary classification is trained, on the log loss.

    `class_weights`: `balanced` gives both classes the same total weight, `sqrt_balanced` takes the square root of those
    weights, and a number is the weight of a positive row if a negative row has weight 1. With any weights, the
    probabilities are calibrated on the validation split afterwards.
    """

    class_weights: Literal["none", "balanced", "sqrt_balanced"] | Annotated[float, Field(gt=0)] = "none"
