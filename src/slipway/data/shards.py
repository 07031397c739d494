"""Packed splits: encoded examples in a few large NumPy files that are memory-mapped for reading.

A split is a folder with `examples.parquet` (the rows of the index, in order) and, for each shard, `inputs-00000.npy`
([n, *shape]) and `targets-00000.npy` ([n]). A batch is gathered from the page cache: nothing is decoded twice, and
memory use is one batch whatever the size of the split.
"""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

SHARD_BYTES = 128 * 2**20


class PackedSplit:
    """A read-only split: inputs and targets by position, and the matching rows of the index (`examples`)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._inputs: list[np.ndarray] = [np.load(path, mmap_mode="r") for path in sorted(folder.glob("inputs-*.npy"))]
        self._targets: np.ndarray = np.concatenate([np.load(path) for path in sorted(folder.glob("targets-*.npy"))])
        self._starts = np.cumsum([0, *(len(shard) for shard in self._inputs)])

    def __len__(self) -> int:
        return int(self._starts[-1])

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one input."""
        return tuple(self._inputs[0].shape[1:])

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the inputs."""
        dtype: np.dtype[Any] = self._inputs[0].dtype
        return dtype

    @property
    def targets(self) -> np.ndarray:
        """All targets, [n]."""
        return self._targets

    @cached_property
    def examples(self) -> pd.DataFrame:
        """The rows of the index, one per input."""
        return pd.read_parquet(self.folder / "examples.parquet")

    def gather(self, positions: np.ndarray) -> np.ndarray:
        """Return the inputs at `positions` [n], in that order, as a new array [n, *shape]."""
        if len(self._inputs) == 1:
            taken: np.ndarray = self._inputs[0].take(positions, axis=0)
            return taken
        out = np.empty((len(positions), *self.shape), self.dtype)
        shards = np.searchsorted(self._starts, positions, side="right") - 1
        for shard in np.unique(shards):
            here = shards == shard
            out[here] = self._inputs[shard][positions[here] - self._starts[shard]]
        return out

    def batches(self, size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Iterate over inputs and targets in order, `size` at a time."""
        for start in range(0, len(self), size):
            stop = min(start + size, len(self))
            yield self.gather(np.arange(start, stop)), self._targets[start:stop]


class ShardWriter:
    """Writes one split batch by batch; holds at most one shard in memory."""

    def __init__(self, folder: Path, shard_bytes: int = SHARD_BYTES) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self._limit = shard_bytes
        self._pending: list[tuple[np.ndarray, np.ndarray]] = []
        self._bytes = 0
        self._shards = 0

    def append(self, inputs: np.ndarray, targets: np.ndarray) -> None:
        """Add a batch."""
        self._pending.append((inputs, targets))
        self._bytes += inputs.nbytes
        if self._bytes >= self._limit:
            self._flush()

    def close(self, examples: pd.DataFrame) -> None:
        """Write the last shard and `examples`, which must have one row per appended input."""
        self._flush()
        examples.to_parquet(self.folder / "examples.parquet", index=False)

    def _flush(self) -> None:
        if not self._pending:
            return
        np.save(self.folder / f"inputs-{self._shards:05d}.npy", np.concatenate([i for i, _ in self._pending]))
        np.save(self.folder / f"targets-{self._shards:05d}.npy", np.concatenate([t for _, t in self._pending]))
        self._pending, self._bytes = [], 0
        self._shards += 1
