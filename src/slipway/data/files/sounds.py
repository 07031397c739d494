"""Sounds as examples: WAV, FLAC, Ogg, MP3 or M4A, recognised by content, of any rate, mono or stereo.

Encoded: digital silence at both ends of a clip is removed, and a clip shorter than one window is repeated to fill it. A
clip is covered by as many windows as needed, evenly spread, that overlap by at least `overlap`. A window is a log-mel
spectrogram (`slipway_edge.log_mel`), uint8 [mels, frames, 1], low pitches first. Each window also has a 64-bit hash of
its spectrogram (`fingerprint`), by which near-duplicates are found.
"""

from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from PIL import Image
from pydantic import Field, model_validator

from slipway.core.protocol import Usage
from slipway.core.spec import Spec
from slipway.data import files, usage
from slipway_edge.log_mel import LogMel
from slipway_edge.sound import recognise
from slipway_edge.windows import Windows


class Data(files.Labels):
    """The `data` section: how clips are encoded, and what their classes and groups are.

    `sample_rate` in Hz; `window_seconds`: the length of one input; `overlap`: the smallest share of a window that
    overlaps with the next. The spectrogram: `n_fft` and `hop` in samples, `mels` filters from `fmin` to `fmax` Hz,
    `floor` to `ceiling` in dB relative to a full-scale sine.
    """

    sample_rate: Annotated[int, Field(ge=1000)] = 22050
    window_seconds: Annotated[float, Field(gt=0, le=60)] = 2.5
    overlap: Annotated[float, Field(ge=0, lt=1)] = 0.5
    n_fft: Annotated[int, Field(ge=64)] = 1024
    hop: Annotated[int, Field(ge=16)] = 512
    mels: Annotated[int, Field(ge=8)] = 64
    fmin: Annotated[float, Field(ge=0)] = 50.0
    fmax: Annotated[float, Field(gt=0)] = 11025.0
    floor: float = -90.0
    ceiling: float = 0.0

    @model_validator(mode="after")
    def _audible(self) -> Self:
        if not self.fmin < self.fmax <= self.sample_rate / 2:
            raise ValueError(
                f"fmin {self.fmin:g} Hz must be below fmax {self.fmax:g} Hz, which may be up to half of sample_rate, "
                f"{self.sample_rate / 2:g} Hz"
            )
        if self.floor >= self.ceiling:
            raise ValueError(f"floor {self.floor:g} dB must be below ceiling {self.ceiling:g} dB")
        if self.frames < 1:
            raise ValueError(f"window_seconds {self.window_seconds:g} is shorter than n_fft, {self.n_fft} samples")
        if empty := int((self.log_mel.filters.max(axis=1) == 0).sum()):
            raise ValueError(f"mels {self.mels} is too many for n_fft {self.n_fft}: {empty} filters would be empty")
        return self

    @property
    def frames(self) -> int:
        """The number of frames of a window."""
        return self.log_mel.frames(self.window_seconds)

    @property
    def log_mel(self) -> LogMel:
        """The settings of the spectrogram."""
        return LogMel.of(self.model_dump())


class Sounds(files.Files, Windows):
    """A task whose examples are sounds; see `slipway.core.protocol.Task`."""

    noun: ClassVar[str] = "clips"
    recognise = staticmethod(recognise)

    def input(self) -> dict[str, Any]:
        """Return the spec's `input`, with the meaning of its bytes."""
        data = self.data
        return {
            "shape": [data.mels, data.frames, 1],
            "dtype": "uint8",
            "sample_rate": data.sample_rate,
            "seconds": round(data.log_mel.samples(data.frames) / data.sample_rate, 6),
            "decibels": [data.floor, data.ceiling],
        }

    def inputs(self, path: Path) -> np.ndarray:
        """Return the windows of a clip, uint8 [n, mels, frames, 1].

        Raises:
            SoundError: it cannot be decoded.
        """
        return self.windows(path)

    def usage(self, spec: Spec, shown: int, golden: np.ndarray | None) -> Usage:
        """Return how the model is called: with sounds."""
        return usage.sounds(self.data.model_dump(), spec)

    @staticmethod
    def hash(one: np.ndarray) -> int:
        """Return the hash of a window [mels, frames, 1]."""
        return fingerprint(one[..., 0])


def fingerprint(spectrogram: np.ndarray) -> int:
    """Return a 64-bit hash of a spectrogram uint8 [mels, frames] that changes little when a sound is compressed.

    On a 9 x 9 thumbnail of the spectrogram, each bit is whether the difference between neighbouring pitches grows from
    one time to the next, after Haitsma and Kalker, "A highly robust audio fingerprinting system", ISMIR 2002.
    Differences in time alone would be the same for most sounds that fade out, such as a bark and a sneeze.
    """
    thumbnail = Image.fromarray(spectrogram.astype(np.float32)).resize((9, 9), Image.Resampling.BOX)
    growing = np.diff(np.diff(np.asarray(thumbnail), axis=0), axis=1) > 0
    return int.from_bytes(np.packbits(growing).tobytes(), "big")
