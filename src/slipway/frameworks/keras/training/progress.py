"""The progress display of a run: a bar in a terminal, and one line for each epoch."""

from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from slipway.core.terminal import Console
from slipway.frameworks.keras.native.runtime import keras


class Bar(keras.callbacks.Callback):  # type: ignore[misc]
    """Shows the steps of a run and prints the metrics of each epoch; `name` identifies the run."""

    def __init__(self, name: str, epochs: int, steps: int, done: int) -> None:
        super().__init__()
        self._name = name
        self._epochs = epochs
        self._console = Console()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task = self._progress.add_task(name, total=epochs * steps, completed=done * steps)

    def on_train_begin(self, logs: Any = None) -> None:
        """Show the bar."""
        self._progress.start()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Move the bar by a step."""
        self._progress.advance(self._task)

    def close(self) -> None:
        """Restore the terminal, also after an error."""
        self._progress.stop()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Print the metrics of the epoch."""
        line = "  ".join(f"{name} {value:.4g}" for name, value in (logs or {}).items())
        self._console.print(f"{self._name}  epoch {epoch + 1}/{self._epochs}  {line}", highlight=False, soft_wrap=True)
