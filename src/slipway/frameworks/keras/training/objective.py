"""The training objective of a task for networks: the network, the loss, and the augmentation of examples."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from slipway.core.spec import Spec


class Objective(Protocol):
    """The part of training that depends on the task; `slipway.frameworks.keras.objectives.<task>.Objective`.

    `targets` [n, *target] are those of the train split.

    Raises:
        ConfigError: the configuration does not fit the spec or the targets.
    """

    def __init__(self, spec: Spec, model: Any, config: Any, targets: np.ndarray) -> None: ...

    def network(self) -> Any:
        """The network with random weights, from inputs float32 [n, *shape]; layer names depend only on `model`."""

    def loss(self) -> Any:
        """The loss, for the targets that `augment` and `plain` return."""

    def metrics(self) -> Sequence[Any]:
        """Keras metrics to report in addition to the loss."""

    def augment(self, inputs: Any, targets: Any, seed: int, step: Any) -> tuple[Any, ...]:
        """A training batch from a batch of the split: float32 inputs, targets and optional weights [n], as tensors.

        All randomness depends only on (seed, step).
        """

    def plain(self, inputs: Any, targets: Any) -> tuple[Any, ...]:
        """A validation batch from a batch of the split: float32 inputs, targets and optional weights [n]."""
