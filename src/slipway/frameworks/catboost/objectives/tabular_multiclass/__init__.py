"""Classification into several classes: the log loss, class weights, and calibration after training.

Calibration is temperature scaling (Guo et al., "On Calibration of Modern Neural Networks", ICML 2017) with an offset
for each class (Alexandari et al., "Maximum Likelihood with Bias-Corrected Calibration is Hard-To-Beat at Label Shift
Adaptation", ICML 2020), fitted on the validation split. As in Platt's method for two classes, the target of an example
of a class with n examples is (n + 1) / (n + 2) instead of 1, and the other classes share the rest. Slope and offsets
become the scale and bias of the trees, so the model contains its calibration.
"""

from typing import Any

import numpy as np
from catboost import CatBoost
from scipy.optimize import minimize
from scipy.special import log_softmax

from slipway.core.errors import ConfigError, ModelError
from slipway.core.spec import Spec
from slipway.data.shards import PackedSplit
from slipway.frameworks.catboost.schema.tabular_multiclass import Train

POWER = {"balanced": 1.0, "sqrt_balanced": 0.5}
DECIMALS = 6
"""Decimals of slope and offsets. The last digits of a fit depend on the processor."""


class Objective:
    """See `slipway.frameworks.catboost.training.objective.Objective`."""

    loss = "MultiClass"
    refit = False

    def __init__(self, spec: Spec, config: Train) -> None:
        if spec["objective"] != "multiclass":
            raise ConfigError(f"training needs an output for each class, but the data is {spec['objective']}")
        self._classes = len(spec["outputs"])
        self._weights = config.class_weights

    def parameters(self) -> dict[str, Any]:
        """The loss, and the number of classes."""
        return {"loss_function": self.loss, "classes_count": self._classes}

    def weights(self, split: PackedSplit, inputs: np.ndarray) -> np.ndarray | None:
        """The weight of each row by its class; weights use this split's class shares and average 1."""
        if self._weights == "none":
            return None
        shares = np.bincount(split.targets, minlength=self._classes) / len(split)
        weights: np.ndarray = (1 / shares[split.targets]) ** POWER[self._weights]
        weights /= weights.mean()
        return weights

    def finish(self, booster: CatBoost, val: PackedSplit) -> None:
        """Calibrate on the validation split.

        Raises:
            ModelError: the trees rank the validation split no better than chance.
        """
        values = booster.predict(val.gather(np.arange(len(val))), prediction_type="RawFormulaVal")
        slope, offsets = scaling(values, val.targets)
        if not slope > 0:
            raise ModelError(
                f"the trees separate the classes of {val.folder} no better than chance: the features there do not "
                "predict the target; check data and split in the variant's conf/ file"
            )
        scale, bias = booster.get_scale_and_bias()
        booster.set_scale_and_bias(slope * scale, (slope * np.asarray(bias) + offsets).tolist())


def scaling(values: np.ndarray, targets: np.ndarray) -> tuple[float, np.ndarray]:
    """Slope and offsets [classes] of calibration: probabilities are softmax(slope * values + offsets).

    `values` [n, classes] are raw outputs, and `targets` [n] the classes. If all values of each class are equal, the
    slope is 0.
    """
    classes = values.shape[1]
    count = np.bincount(targets, minlength=classes)[targets]
    wanted = np.repeat(1 / (count + 2) / (classes - 1), classes).reshape(values.shape)
    wanted[np.arange(len(targets)), targets] = (count + 1) / (count + 2)

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        logarithms = log_softmax(parameters[0] * values + parameters[1:], axis=1)
        excess = (np.exp(logarithms) - wanted) / len(values)
        gradient = np.concatenate([[(excess * values).sum()], excess.sum(axis=0)])
        return -float((wanted * logarithms).sum()) / len(values), gradient

    fitted = minimize(
        loss, np.eye(1, classes + 1)[0], jac=True, method="L-BFGS-B", options={"ftol": 1e-14, "gtol": 1e-9}
    )
    varies = np.ptp(values, axis=0).any()
    return round(float(fitted.x[0]), DECIMALS) if varies else 0.0, fitted.x[1:].round(DECIMALS)
