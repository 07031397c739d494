"""Log-mel spectrograms: the power of a sound by pitch and time, in decibels, as bytes.

The power of a short-time Fourier transform with a Hann window, scaled so that a full-scale sine has 0 dB, is summed by
triangular filters with a peak of 1 that are equally wide in mel = 2595 log10(1 + f / 700) (Davis and Mermelstein,
"Comparison of parametric representations for monosyllabic word recognition", IEEE ASSP 28, 1980; the formula is from
O'Shaughnessy, "Speech Communication", 1987, as in the HTK book). The sums are converted to decibels, and the range from
`floor` to `ceiling` is scaled to 0 to 255.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.fft import rfft
from scipy.signal import get_window

BLOCK = 2048
"""Number of frames transformed at a time, which bounds the memory for long sounds."""


@dataclass(frozen=True)
class LogMel:
    """A spectrogram's settings: `rate`, `fmin` and `fmax` in Hz, `n_fft` and `hop` in samples, `floor` and `ceiling` in
    dB; `mels` filters."""

    rate: int
    n_fft: int
    hop: int
    mels: int
    fmin: float
    fmax: float
    floor: float
    ceiling: float

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Return the spectrogram of samples [n], n >= `n_fft`, as uint8 [mels, 1 + (n - n_fft) // hop]."""
        frames = np.lib.stride_tricks.sliding_window_view(samples, self.n_fft)[:: self.hop]
        blocks = [self._block(frames[start : start + BLOCK]) for start in range(0, len(frames), BLOCK)]
        return np.concatenate(blocks, axis=1)

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> "LogMel":
        """Return the settings of a variant's `data` section."""
        settings = ("sample_rate", "n_fft", "hop", "mels", "fmin", "fmax", "floor", "ceiling")
        return cls(*(data[name] for name in settings))

    def frames(self, seconds: float) -> int:
        """Return how many frames a window of `seconds` has."""
        return 1 + (round(seconds * self.rate) - self.n_fft) // self.hop

    def samples(self, frames: int) -> int:
        """Return how many samples `frames` frames cover."""
        return (frames - 1) * self.hop + self.n_fft

    def _block(self, frames: np.ndarray) -> np.ndarray:
        spectrum = rfft(frames * self._window, axis=1)
        # Not a product by BLAS, whose last bits depend on the processor and its settings.
        power = np.einsum("mb,tb->mt", self.filters, spectrum.real**2 + spectrum.imag**2)
        decibels = 10 * np.log10(np.maximum(power, 1e-20))
        steps = (decibels - self.floor) * (255 / (self.ceiling - self.floor))
        written: np.ndarray = np.rint(steps).clip(0, 255).astype(np.uint8)
        return written

    @cached_property
    def _window(self) -> np.ndarray:
        window = get_window("hann", self.n_fft)
        scaled: np.ndarray = (window * (2 / window.sum())).astype(np.float32)
        return scaled

    @cached_property
    def filters(self) -> np.ndarray:
        """Weights of the filters, float32 [mels, n_fft // 2 + 1]."""
        edges = _hertz(np.linspace(_mel(self.fmin), _mel(self.fmax), self.mels + 2))
        bins = np.arange(self.n_fft // 2 + 1) * self.rate / self.n_fft
        rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
        falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
        weights: np.ndarray = np.minimum(rising, falling).clip(0).astype(np.float32)
        return weights


def _mel(hertz: float) -> float:
    return float(2595 * np.log10(1 + hertz / 700))


def _hertz(mel: np.ndarray) -> np.ndarray:
    hertz: np.ndarray = 700 * (10 ** (mel / 2595) - 1)
    return hertz
