"""The sections `model` and `train` of a classification into several classes with CatBoost."""

from typing import Literal

from slipway.frameworks.catboost import schema
from slipway.frameworks.catboost.schema import Model

__all__ = ["Model", "Train"]


class Train(schema.Train):
    """How a classification is trained, on the log loss.

    `class_weights`: `balanced` gives all classes the same total weight, `sqrt_balanced` takes the square root of those
    weights. The probabilities are calibrated on the validation split afterwards, whatever the weights.
    """

    class_weights: Literal["none", "balanced", "sqrt_balanced"] = "none"
