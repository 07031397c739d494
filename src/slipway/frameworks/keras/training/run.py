"""A run in progress: the metrics of its epochs, the weights of its best one, and whether it is over."""

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
    """Follows a network's training epoch by epoch and keeps it in a checkpoint.

    `best` are the weights to ship: those of the epoch that did best at what `early` monitors, or without it the last.
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
        """Go back to the checkpoint of this very run, where there is one; the number of epochs it had made."""
        found = checkpoint.load(self._checkpoints, self._fingerprint)
        if found is not None:
            for variable, value in zip(self._variables, found.variables, strict=True):
                variable.assign(value)
            self._history, self.best = found.history, found.best
        return len(self._history)

    @property
    def stopped(self) -> bool:
        """Whether the last epochs brought nothing better."""
        if self._early is None:
            return False
        return len(self._history) - _best(self._history, self._early) >= self._early.patience

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Judge the epoch, tell it, and write the checkpoint: told first, since what it covers is not told again.

        Raises:
            ModelError: the loss is no longer a number.
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
    """The number, from 1, of the first epoch that did best; 0 where there is none."""
    sign = -1 if early.monitor == "val/accuracy" else 1
    values = [sign * metrics[early.monitor] for metrics in history]
    return values.index(min(values)) + 1 if values else 0


def _named(logs: dict[str, float]) -> dict[str, float]:
    """Keras' `loss` and `val_loss` as train/loss and val/loss."""
    split = {name: name.removeprefix("val_") for name in logs}
    return {f"{'val' if name != short else 'train'}/{short}": float(logs[name]) for name, short in split.items()}
