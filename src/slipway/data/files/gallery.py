"""How a page shows files: pictures, and sounds with their spectrograms as the model sees them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from slipway.core.shown import Shown, readable
from slipway.core.spec import Spec
from slipway.data.files.sounds import Data
from slipway_edge.classes import decide
from slipway_edge.pictures import decode_picture
from slipway_edge.sound import decode, trimmed

SECONDS = 10
"""Of a longer clip, only the beginning is shown."""


def pictures(
    task: Any, raw: Path, examples: pd.DataFrame, targets: np.ndarray, predictions: np.ndarray, spec: Spec
) -> Iterator[Shown]:
    """Yield the whole pictures, upright."""
    for name in examples["example"]:
        yield readable(_picture, raw / name)


def sounds(
    task: Any, raw: Path, examples: pd.DataFrame, targets: np.ndarray, predictions: np.ndarray, spec: Spec
) -> Iterator[Shown]:
    """Yield log-mel spectrograms, with high pitches at the top and loud parts dark, and the sounds."""
    for name in examples["example"]:
        yield readable(_clip, raw / name, task.data)


def confidence_of_labels(targets: np.ndarray, predictions: np.ndarray, spec: Spec) -> np.ndarray:
    """Return how sure the model is of its worst mistake about a label of each file, [n]; 0 if it makes none.

    Args:
        targets: [n, labels], 1 for each label of a file.
        predictions: [n, labels], the probabilities.
        spec: with the threshold of each label.
    """
    decided = decide(predictions, spec["threshold"])
    sure = np.where(decided, predictions, 1 - predictions)
    return np.asarray(np.where(decided != (targets == 1), sure, 0).max(axis=1))


def _picture(path: Path) -> Shown:
    return Shown(decode_picture(path))


def _clip(path: Path, data: Data) -> Shown:
    samples = trimmed(decode(path, data.sample_rate))[: SECONDS * data.sample_rate]
    loudness = data.log_mel(np.resize(samples, max(len(samples), data.log_mel.samples(data.frames))))
    return Shown(255 - loudness[::-1], (samples, data.sample_rate))
