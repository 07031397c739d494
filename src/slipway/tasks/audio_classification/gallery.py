"""How a page shows a clip of this task: its spectrogram, as the model sees it, and the sound."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from slipway.core.shown import Shown, readable
from slipway.core.spec import Spec
from slipway.tasks.audio_classification import Data
from slipway_edge.sound import decode, trimmed

SECONDS = 10
"""Of a longer clip, only the beginning is shown."""


def shown(
    task: Any, raw: Path, examples: pd.DataFrame, targets: np.ndarray, predictions: np.ndarray, spec: Spec
) -> Iterator[Shown]:
    """Yield log-mel spectrograms, with high pitches at the top and loud parts dark, and the sounds."""
    for name in examples["example"]:
        yield readable(_clip, raw / name, task._data)


def _clip(path: Path, data: Data) -> Shown:
    samples = trimmed(decode(path, data.sample_rate))[: SECONDS * data.sample_rate]
    loudness = data.log_mel(np.resize(samples, max(len(samples), data.log_mel.samples(data.frames))))
    return Shown(255 - loudness[::-1], (samples, data.sample_rate))
