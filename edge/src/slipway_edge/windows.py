"""Sounds as inputs: the windows of a clip.

Digital silence at both ends of a clip is removed, and a clip shorter than one window is repeated to fill it. A clip is
covered by as many windows as needed, evenly spread, that overlap by at least `overlap`. A window is a log-mel
spectrogram (`slipway_edge.log_mel`), uint8 [mels, frames, 1], low pitches first.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from slipway_edge.errors import DataError
from slipway_edge.fields import NUMBER
from slipway_edge.log_mel import LogMel
from slipway_edge.sound import Sound, SoundError, decode, trimmed


class Windows:
    """A task whose inputs are the windows of sounds; see `slipway_edge.predictor.Task`."""

    data_fields: ClassVar[Mapping[str, Any]] = {
        **dict.fromkeys(("sample_rate", "n_fft", "hop", "mels"), int),
        **dict.fromkeys(("window_seconds", "overlap", "fmin", "fmax", "floor", "ceiling"), NUMBER),
    }
    spec_fields: ClassVar[Mapping[str, Any]] = {"input": {"shape": [int, int, 1]}}

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._rate: int = data["sample_rate"]
        self._overlap: float = data["overlap"]
        self._log_mel = LogMel.of(data)
        self._frames = self._log_mel.frames(data["window_seconds"])

    def preprocess(self, examples: Sequence[Sound], spec: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        """Return the windows [m, mels, frames, 1] of sounds, and for each window the position of its sound [m].

        Sounds are bytes, paths, or samples with their rate.

        Raises:
            DataError: a sound cannot be decoded; the message says which one.
        """
        encoded = [np.empty((0, *spec["input"]["shape"]), np.uint8)]
        for position, sound in enumerate(examples):
            try:
                encoded.append(self.windows(sound))
            except SoundError as error:
                name = f" ({sound})" if isinstance(sound, str | Path) else ""
                raise DataError(f"sound {position}{name}: {error}")
        return np.concatenate(encoded), np.repeat(np.arange(len(examples)), [len(windows) for windows in encoded[1:]])

    def windows(self, sound: Sound) -> np.ndarray:
        """Return the windows of one sound, uint8 [n, mels, frames, 1].

        Raises:
            SoundError: the sound cannot be decoded.
        """
        frames = self._frames
        samples = trimmed(decode(sound, self._rate))
        if len(samples) < (least := self._log_mel.samples(frames)):
            samples = np.resize(samples, least)
        spectrogram = self._log_mel(samples)
        beyond = spectrogram.shape[1] - frames
        count = 1 + int(np.ceil(beyond / (frames * (1 - self._overlap))))
        starts = np.rint(np.linspace(0, beyond, count)).astype(int)
        return np.stack([spectrogram[:, start : start + frames, None] for start in starts])
