"""A run in progress: the metrics of its epochs, the weights of its best epoch, and early stopping."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from slipway.core.errors import ModelError
from slipway.frameworks.keras.native.runtime import keras
from slipway.frameworks.keras.schema import EarlyStopping
from slipway.frameworks.keras.training import checkpoint
from slipway.frameworks.keras.training.checkpoint import Checkpoint, History


class Run(keras.callbacks.Callback):  # type: ignore[misc]
    """Follows the training of a network epoch by epoch and saves it in a checkpoint.

    `best` are the weights to ship: those of the epoch with the best metric that `early` monitors, or of the last epoch
    if `early` is None.
    """

    def __init__(
        self,
        network: Any,
        optimizers: Sequence[Any],
        early: EarlyStopping | None,
        checkpoints: Path,
        fingerprint: str,
        track: Callable[[int, dict[str, float]], None],
    ) -> None:
        super().__init__()
        self.best: list[Any] = network.get_weights()
        self._network, self._early = network, early
        self._variables = [*network.variables, *(variable for one in optimizers for variable in one.variables)]
        self._checkpoints, self._fingerprint, self._track = checkpoints, fingerprint, track
        self._history: History = []

    def resume(self) -> int:
        """Restore the checkpoint of this run, if there is one, and return the number of completed epochs."""
        found = checkpoint.load(self._checkpoints, self._fingerprint)
        if found is not None:
            for variable, value in zip(self._variables, found.variables, strict=True):
                variable.assign(value)
            self._history, self.best = found.history, found.best
        return len(self._history)

    @property
    def best_epoch(self) -> int | None:
        """The number, from 1, of the epoch with the weights to ship; None if that is the last by configuration."""
        return None if self._early is None else _best(self._history, self._early)

    @property
    def stopped(self) -> bool:
        """Whether the last `patience` epochs brought no improvement."""
        if self._early is None or self._early.patience is None:
            return False
        return len(self._history) - _best(self._history, self._early) >= self._early.patience

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Evaluate the epoch, report its metrics, then write the checkpoint.

        Metrics are reported first, since a resumed run does not report the epochs of its checkpoint again.

        Raises:
            ModelError: the loss is not finite.
        """
        metrics = _named(logs or {}) | {"learning_rate": float(self._network.optimizer.learning_rate)}
        if not math.isfinite(metrics["train/loss"]):
            raise ModelError(
                f"training diverged: the loss is {metrics['train/loss']} in epoch {epoch + 1}; "
                "lower train.learning_rate or lengthen train.warmup_epochs"
            )
        self._history.append(metrics)
        if self._early is None or _best(self._history, self._early) == len(self._history):
            self.best = self._network.get_weights()
        state = Checkpoint(self._history, [variable.numpy() for variable in self._variables], self.best)
        self._track(epoch + 1, metrics)
        checkpoint.save(state, self._checkpoints, self._fingerprint)
        if self.stopped:
            self.model.stop_training = True


def _best(history: History, early: EarlyStopping) -> int:
    """The number, from 1, of the first epoch with the best metric; 0 if there is no epoch."""
    sign = -1 if early.monitor == "val/accuracy" else 1
    values = [sign * metrics[early.monitor] for metrics in history]
    return values.index(min(values)) + 1 if values else 0


def _named(logs: dict[str, float]) -> dict[str, float]:
    """Rename Keras' `loss` and `val_loss` to train/loss and val/loss."""
    split = {name: name.removeprefix("val_") for name in logs}
    return {f"{'val' if name != short else 'train'}/{short}": float(logs[name]) for name, short in split.items()}
