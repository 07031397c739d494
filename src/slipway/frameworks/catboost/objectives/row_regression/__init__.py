"""Regression: the loss, and row weights from one of the features."""

from typing import Any

import numpy as np
from catboost import CatBoost

from slipway.core.errors import ConfigError, DataError
from slipway.core.spec import Spec
from slipway.data.shards import PackedSplit
from slipway.frameworks.catboost.schema.row_regression import Train


class Objective:
    """See `slipway.frameworks.catboost.training.objective.Objective`."""

    refit = False

    def __init__(self, spec: Spec, config: Train) -> None:
        names = spec["input"]["names"]
        if config.weight is not None and config.weight not in names:
            raise ConfigError(f"train.weight: {config.weight} is not a feature; the features are {', '.join(names)}")
        self._weight = None if config.weight is None else names.index(config.weight)
        self._config = config
        self.loss: str = config.loss

    def parameters(self) -> dict[str, Any]:
        """The loss."""
        config = self._config
        return {"loss_function": f"Huber:delta={config.huber_delta!r}" if config.loss == "Huber" else config.loss}

    def weights(self, split: PackedSplit, inputs: np.ndarray) -> np.ndarray | None:
        """The feature that `weight` names.

        Raises:
            DataError: a weight is not positive.
        """
        if self._weight is None:
            return None
        weights: np.ndarray = inputs[:, self._weight]
        if not (weights > 0).all():
            raise DataError(f"train.weight: {self._config.weight} is not above 0 in every row of {split.folder}")
        return weights

    def finish(self, booster: CatBoost, val: PackedSplit) -> None:
        """Do nothing: regression values need no calibration."""
