"""Binary classification: the log loss, class weights, and calibration of the probabilities after training.

Calibration is Platt scaling ("Probabilistic Outputs for Support Vector Machines", 1999): a logistic regression of the
class on the raw value of the trees, on the validation split, with Platt's targets of (n + 1) / (n + 2) and 1 / (n + 2)
instead of 1 and 0. Its slope and offset become the scale and bias of the trees, so the model contains its calibration.
"""

from typing import Any

import numpy as np
import statsmodels.api as sm
from catboost import CatBoost

from slipway.core.errors import ConfigError, ModelError
from slipway.core.spec import Spec
from slipway.data.shards import PackedSplit
from slipway.frameworks.catboost.schema.tabular_classification import Train

POWER = {"balanced": 1.0, "sqrt_balanced": 0.5}


class Objective:
    """See `slipway.frameworks.catboost.training.objective.Objective`."""

    loss = "Logloss"
    refit = False

    def __init__(self, spec: Spec, config: Train) -> None:
        if spec["objective"] != "binary":
            raise ConfigError(f"training needs two classes with one output, but the data is {spec['objective']}")
        self._weights = config.class_weights

    def parameters(self) -> dict[str, Any]:
        """The loss."""
        return {"loss_function": self.loss}

    def weights(self, split: PackedSplit, inputs: np.ndarray) -> np.ndarray | None:
        """The weight of each row by its class; `balanced` weights use this split's class shares and average 1."""
        if self._weights == "none":
            return None
        positive = split.targets == 1
        if isinstance(self._weights, float):
            return np.where(positive, self._weights, 1.0)
        share = positive.mean()
        weights: np.ndarray = np.where(positive, 0.5 / share, 0.5 / (1 - share)) ** POWER[self._weights]
        return weights

    def finish(self, booster: CatBoost, val: PackedSplit) -> None:
        """Calibrate on the validation split.

        Raises:
            ModelError: the trees rank the validation split no better than chance.
        """
        inputs = val.gather(np.arange(len(val)))
        slope, offset = platt(booster.predict(inputs, prediction_type="RawFormulaVal"), val.targets == 1)
        if not slope > 0:
            raise ModelError(
                f"the trees separate the classes of {val.folder} no better than chance: the features there do not "
                "predict the target; check data and split in the variant's conf/ file"
            )
        scale, bias = booster.get_scale_and_bias()
        booster.set_scale_and_bias(slope * scale, slope * bias + offset)


def platt(values: np.ndarray, positive: np.ndarray) -> tuple[float, float]:
    """Slope and offset of Platt scaling: the probability of the positive class is sigmoid(slope * value + offset).

    `values` [n] are raw outputs; `positive` [n] marks the rows of the positive class. If all values are equal, the
    slope is 0.
    """
    count = int(positive.sum())
    targets = np.where(positive, (count + 1) / (count + 2), 1 / (len(positive) - count + 2))
    if np.ptp(values) == 0:
        return 0.0, float(np.log(targets.mean() / (1 - targets.mean())))
    fitted = sm.GLM(targets, sm.add_constant(values), family=sm.families.Binomial()).fit()
    offset, slope = fitted.params
    return float(slope), float(offset)
