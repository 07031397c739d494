"""One file with everything that an interrupted run needs to resume.

It contains every variable of the network (weights, statistics of batch normalisation, states of random generators) and
of the optimizer, the weights of the best epoch, and the metrics of the epochs so far. It also contains the fingerprint
of the run; a file with another fingerprint belongs to another run and is ignored.
"""

import json
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

FILE = "epoch.npz"

History = list[dict[str, float]]
"""Metrics by name, one entry for each epoch."""


@dataclass(frozen=True)
class Checkpoint:
    """A run after the epochs of `history`: `variables` to resume from, and the weights of the `best` epoch."""

    history: History
    variables: list[np.ndarray]
    best: list[np.ndarray]


def save(checkpoint: Checkpoint, folder: Path, fingerprint: str) -> None:
    """Replace the checkpoint in `folder` atomically."""
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"{FILE}.partial"
    arrays = {f"variable_{i}": array for i, array in enumerate(checkpoint.variables)}
    arrays |= {f"best_{i}": array for i, array in enumerate(checkpoint.best)}
    about = {"fingerprint": fingerprint, "history": checkpoint.history}
    with partial.open("wb") as file:
        np.savez(file, about=np.array(json.dumps(about)), **arrays)  # type: ignore[arg-type]
        file.flush()
        os.fsync(file.fileno())
    partial.replace(folder / FILE)


def load(folder: Path, fingerprint: str) -> Checkpoint | None:
    """The checkpoint in `folder`, or None if there is no checkpoint of the run with this fingerprint."""
    try:
        with np.load(folder / FILE) as arrays:
            about = json.loads(str(arrays["about"]))
            if about["fingerprint"] != fingerprint:
                return None
            return Checkpoint(about["history"], _numbered(arrays, "variable"), _numbered(arrays, "best"))
    except (FileNotFoundError, zipfile.BadZipFile, ValueError, EOFError, KeyError):
        return None


def _numbered(arrays: np.lib.npyio.NpzFile, name: str) -> list[np.ndarray]:
    count = sum(key.startswith(f"{name}_") for key in arrays.files)
    return [arrays[f"{name}_{i}"] for i in range(count)]
