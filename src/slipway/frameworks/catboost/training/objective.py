"""The training objective of a task for trees: the loss, the row weights, and a step after training."""

from typing import Any, Protocol

import numpy as np
from catboost import CatBoost

from slipway.core.spec import Spec
from slipway.data.shards import PackedSplit


class Objective(Protocol):
    """The part of training that depends on the task; `slipway.frameworks.catboost.objectives.<task>.Objective`.

    Raises:
        ConfigError: the configuration does not fit the spec.
    """

    loss: str
    """The name of the reported loss in CatBoost."""
    refit: bool
    """Whether the model that ships is fitted again on train and validation, with as many trees as validation chose."""

    def __init__(self, spec: Spec, config: Any) -> None: ...

    def parameters(self) -> dict[str, Any]:
        """The CatBoost parameters of this task, in addition to those of all tasks."""

    def weights(self, split: PackedSplit, inputs: np.ndarray) -> np.ndarray | None:
        """The weight of each row [n] of `inputs` [n, features], or None if all rows count the same.

        Raises:
            DataError: a weight is not positive.
        """

    def finish(self, booster: CatBoost, val: PackedSplit) -> None:
        """Adjust the scale and bias of the trained trees on the validation split."""
