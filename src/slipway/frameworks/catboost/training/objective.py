"""What a task asks of the trees: what they lower, how rows count, and what is done once they are grown."""

from typing import Any, Protocol

import numpy as np
from catboost import CatBoost

from slipway.core.spec import Spec
from slipway.data.shards import PackedSplit


class Objective(Protocol):
    """One task's side of training; `slipway.frameworks.catboost.objectives.<task>.Objective`.

    Raises:
        ConfigError: the configuration does not fit the spec.
    """

    loss: str
    """The name of the loss that is reported, as CatBoost has it."""

    def __init__(self, spec: Spec, config: Any) -> None: ...

    def parameters(self) -> dict[str, Any]:
        """CatBoost's parameters beside those that all tasks have."""

    def weights(self, split: PackedSplit, inputs: np.ndarray) -> np.ndarray | None:
        """The weight of each row [n] of `inputs` [n, features], or None where all count the same.

        Raises:
            DataError: a weight is not positive.
        """

    def finish(self, booster: CatBoost, val: PackedSplit) -> None:
        """Change the grown trees' scale and bias, by what the validation split says."""
