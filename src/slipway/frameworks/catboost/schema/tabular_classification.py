"""The sections `model` and `train` of a classification in two classes with CatBoost."""

from typing import Annotated, Literal

from pydantic import Field

from slipway.frameworks.catboost import schema
from slipway.frameworks.catboost.schema import Model

__all__ = ["Model", "Train"]


class Train(schema.Train):
    """How a classification is trained, on the log loss.

    `class_weights`: `balanced` lets both classes count the same in sum, `sqrt_balanced` takes the square root of those
    weights, a number is the weight of a positive row beside 1 for the others. Whatever the weights, the probabilities
    are calibrated on the validation split afterwards.
    """

    class_weights: Literal["none", "balanced", "sqrt_balanced"] | Annotated[float, Field(gt=0)] = "none"
