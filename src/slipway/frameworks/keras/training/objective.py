"""What a task asks of a network: how it ends, what it loses, and how its examples are varied."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from slipway.core.spec import Spec


class Objective(Protocol):
    """One task's side of training; `slipway.frameworks.keras.objectives.<task>.Objective`.

    `targets` [n, *target] are those of the train split.

    Raises:
        ConfigError: the configuration does not fit the spec or the targets.
    """

    def __init__(self, spec: Spec, model: Any, config: Any, targets: np.ndarray) -> None: ...

    def network(self) -> Any:
        """The network with random weights, from inputs float32 [n, *shape]; its layers' names follow from `model`."""

    def loss(self) -> Any:
        """The loss of what `augment` and `plain` give as targets."""

    def metrics(self) -> Sequence[Any]:
        """Keras metrics to report beside the loss."""

    def augment(self, inputs: Any, targets: Any, seed: int, step: Any) -> tuple[Any, ...]:
        """A training batch from one of the split: float32 inputs, targets and perhaps weights [n], as tensors.

        All that is random in it follows from (seed, step).
        """

    def plain(self, inputs: Any, targets: Any) -> tuple[Any, ...]:
        """A validation batch from one of the split: float32 inputs, targets and perhaps weights [n]."""
