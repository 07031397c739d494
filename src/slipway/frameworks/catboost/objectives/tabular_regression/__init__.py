"""Forecasts: the loss of any regression, or that of several quantiles at once, and a second fit.

The ends of the interval are then shifted by the quantiles of their errors on the validation split, so that its share
of values is within the interval (see `slipway.statistics.conformal`). The shifts become the bias of the trees, so
the model contains them.
"""

from typing import Any

import numpy as np
from catboost import CatBoost

from slipway.core.errors import ConfigError
from slipway.core.spec import Spec
from slipway.data.shards import PackedSplit
from slipway.frameworks.catboost.objectives import row_regression
from slipway.frameworks.catboost.schema.tabular_regression import Train
from slipway.statistics.conformal import shift

DECIMALS = 6
"""Decimals of the shifts. The last digits of a fit depend on the processor."""
MEDIAN = 0.5


class Objective(row_regression.Objective):
    """See `slipway.frameworks.catboost.training.objective.Objective`."""

    def __init__(self, spec: Spec, config: Train) -> None:
        super().__init__(spec, config)
        self.refit = config.refit
        self._levels: tuple[float, ...] = tuple(spec.get("quantiles", ()))
        if self._levels:
            if config.loss != "MAE":
                raise ConfigError(
                    f"train.loss is {config.loss}, and data.quantiles asks for quantiles, of which the middle one has "
                    "the least absolute error: set train.loss to MAE"
                )
            self.loss = "MultiQuantile"

    def parameters(self) -> dict[str, Any]:
        """The loss."""
        if not self._levels:
            return super().parameters()
        return {"loss_function": f"{self.loss}:alpha={','.join(f'{level:g}' for level in self._levels)}"}

    def finish(self, booster: CatBoost, val: PackedSplit) -> None:
        """Shift the ends of the interval by their errors on the validation split."""
        if not self._levels:
            return
        errors = val.targets[:, None] - booster.predict(val.gather(np.arange(len(val))))
        shifts = [
            0.0 if level == MEDIAN else round(shift(errors[:, at], level), DECIMALS)
            for at, level in enumerate(self._levels)
        ]
        scale, bias = booster.get_scale_and_bias()
        booster.set_scale_and_bias(scale, (np.asarray(bias) + shifts).tolist())
