"""The calls of the birds: sums of harmonics whose pitch and loudness follow short curves.

An owl hoots low and slowly, a hawk screams with falling pitch, a sparrow repeats one chirp, a robin warbles phrases of
many notes. Each bird has an individual pitch, pace and timbre. A confusable owl shrieks, a hawk yelps repeatedly, a
sparrow strings different chirps together, a robin ticks.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np

Rng = np.random.Generator

SPECIES = ("owl", "hawk", "sparrow", "robin")
PITCHES = {"owl": (280, 560), "hawk": (2300, 3600), "sparrow": (2600, 4800), "robin": (2400, 4600)}
"""The lowest and the highest voice of each species in Hz."""


@dataclass(frozen=True)
class Voice:
    """One bird: its `pitch` in Hz, its `pace` (1 is the species' usual), and the strength of each harmonic."""

    species: str
    pitch: float
    pace: float
    harmonics: tuple[float, ...]

    @classmethod
    def drawn(cls, species: str, rng: Rng, shift: float) -> Self:
        """A random bird of a species; `shift` raises its pitch."""
        low, high = PITCHES[species]
        pitch = np.exp(rng.uniform(np.log(low), np.log(high))) * 1.12**shift
        fall = rng.uniform(0.05, 0.35) if species in ("owl", "robin") else rng.uniform(0.25, 0.7)
        return cls(species, float(pitch), float(rng.uniform(0.75, 1.3)), tuple(float(fall**k) for k in range(4)))

    def calls(self, count: int, rate: int, confusable: bool, rng: Rng) -> np.ndarray:
        """The bird's calls in `count` samples at `rate` Hz, float32 [count], with a peak near 1."""
        out = np.zeros(count, np.float32)
        sing = (_CONFUSABLE if confusable else _USUAL)[self.species]
        sing(self, _Buffer(out, rate), rng)
        return out


class _Buffer:
    """A buffer to which a song is written, note by note."""

    def __init__(self, out: np.ndarray, rate: int) -> None:
        self._out, self._rate = out, rate
        self.seconds = len(out) / rate

    def note(
        self,
        start: float,
        seconds: float,
        pitch: tuple[float, ...],
        voice: Voice,
        *,
        loud: float = 1.0,
        vibrato: tuple[float, float] = (0.0, 0.0),
        rough: float = 0.0,
        rise: float = 0.2,
        rng: Rng,
    ) -> None:
        """Add a note from `start` whose pitch passes through `pitch` (Hz, evenly spaced), with vibrato (share, Hz) and
        roughness (share of the loudness that fluctuates); it is loudest after the share `rise` of its duration."""
        first = round(start * self._rate)
        n = min(round(seconds * self._rate), len(self._out) - first)
        if n < 16 or first < 0:
            return
        t = np.arange(n) / self._rate
        along = t / seconds
        hertz = np.interp(along, np.linspace(0, 1, len(pitch)), pitch)
        hertz = hertz * (1 + vibrato[0] * np.sin(2 * np.pi * vibrato[1] * t + rng.uniform(0, 6)))
        phase = 2 * np.pi * np.cumsum(hertz) / self._rate
        envelope = np.minimum(along / rise, 1) * np.minimum((1 - along).clip(0) / 0.35, 1) ** 1.5
        if rough:
            envelope = envelope * (1 - rough * (0.5 + 0.5 * np.sin(2 * np.pi * rng.uniform(50, 110) * t)))
        for number, strength in enumerate(voice.harmonics, 1):
            audible = number * hertz < 0.45 * self._rate
            self._out[first : first + n] += loud * strength * envelope * audible * np.sin(number * phase)


def _hoots(voice: Voice, buffer: _Buffer, rng: Rng) -> None:
    at = rng.uniform(0, 0.4)
    while at < buffer.seconds - 0.3:
        for length in rng.permutation([0.18, 0.22, 0.55])[: int(rng.integers(1, 4))]:
            seconds = float(length) * voice.pace * rng.uniform(0.9, 1.1)
            pitch = (0.94 * voice.pitch, voice.pitch, 0.98 * voice.pitch, 0.9 * voice.pitch)
            buffer.note(at, seconds, pitch, voice, loud=rng.uniform(0.6, 1), vibrato=(0.01, 7), rng=rng)
            at += seconds + rng.uniform(0.08, 0.3)
        at += rng.uniform(0.5, 1.4)


def _shrieks(voice: Voice, buffer: _Buffer, rng: Rng) -> None:
    at = rng.uniform(0, 0.6)
    while at < buffer.seconds - 0.3:
        seconds, high = rng.uniform(0.5, 1.0), voice.pitch * rng.uniform(4.5, 6.5)
        pitch = (0.8 * high, high, 0.75 * high)
        buffer.note(at, seconds, pitch, voice, rough=0.6, vibrato=(0.03, rng.uniform(20, 40)), rng=rng)
        at += seconds + rng.uniform(0.5, 1.5)


def _screams(voice: Voice, buffer: _Buffer, rng: Rng) -> None:
    at = rng.uniform(0, 0.6)
    while at < buffer.seconds - 0.4:
        seconds = rng.uniform(0.7, 1.5) * voice.pace
        bend = rng.uniform(0.5, 0.7)
        pitch = (0.85 * voice.pitch, voice.pitch, 0.5 * (1 + bend) * voice.pitch, bend * voice.pitch)
        buffer.note(at, seconds, pitch, voice, rough=rng.uniform(0.2, 0.7), vibrato=(0.02, 35), rise=0.1, rng=rng)
        at += seconds + rng.uniform(0.4, 1.6)


def _yelps(voice: Voice, buffer: _Buffer, rng: Rng) -> None:
    at = rng.uniform(0, 0.6)
    while at < buffer.seconds - 0.2:
        for _ in range(int(rng.integers(3, 8))):
            pitch = (voice.pitch, 1.1 * voice.pitch, 0.85 * voice.pitch)
            buffer.note(at, 0.11 * voice.pace, pitch, voice, loud=rng.uniform(0.7, 1), rough=0.4, rng=rng)
            at += rng.uniform(0.2, 0.28) * voice.pace
        at += rng.uniform(0.4, 1.2)


def _chirps(voice: Voice, buffer: _Buffer, rng: Rng) -> None:
    shape = tuple(voice.pitch * rng.uniform(0.8, 1.25, 3))
    seconds = rng.uniform(0.05, 0.13)
    at = rng.uniform(0, 0.4)
    while at < buffer.seconds:
        pitch = tuple(one * rng.uniform(0.97, 1.03) for one in shape)
        buffer.note(at, seconds * rng.uniform(0.9, 1.1), pitch, voice, loud=rng.uniform(0.5, 1), rng=rng)
        at += voice.pace * rng.uniform(0.22, 0.6)


def _medley(voice: Voice, buffer: _Buffer, rng: Rng) -> None:
    at = rng.uniform(0, 0.4)
    while at < buffer.seconds:
        for _ in range(int(rng.integers(2, 6))):
            pitch = tuple(voice.pitch * rng.uniform(0.75, 1.3, 3))
            buffer.note(at, rng.uniform(0.05, 0.14), pitch, voice, loud=rng.uniform(0.5, 1), rng=rng)
            at += voice.pace * rng.uniform(0.1, 0.22)
        at += rng.uniform(0.3, 0.8)


def _warbles(voice: Voice, buffer: _Buffer, rng: Rng) -> None:
    at = rng.uniform(0, 0.5)
    while at < buffer.seconds - 0.2:
        around = voice.pitch * rng.uniform(0.9, 1.3)
        for _ in range(int(rng.integers(5, 12))):
            seconds = rng.uniform(0.06, 0.2) * voice.pace
            pitch = tuple(around * rng.uniform(0.75, 1.3, 3))
            vibrato = (rng.uniform(0, 0.06), rng.uniform(15, 40))
            buffer.note(at, seconds, pitch, voice, loud=rng.uniform(0.4, 1), vibrato=vibrato, rng=rng)
            at += seconds + rng.uniform(0.01, 0.05)
            around *= rng.uniform(0.88, 1.08)
        at += rng.uniform(0.5, 1.3)


def _ticks(voice: Voice, buffer: _Buffer, rng: Rng) -> None:
    at = rng.uniform(0, 0.5)
    while at < buffer.seconds:
        for _ in range(int(rng.integers(1, 4))):
            pitch = (1.25 * voice.pitch, 0.9 * voice.pitch)
            buffer.note(at, rng.uniform(0.03, 0.05), pitch, voice, loud=rng.uniform(0.6, 1), rise=0.05, rng=rng)
            at += voice.pace * rng.uniform(0.1, 0.2)
        at += rng.uniform(0.2, 0.7)


_Song = Callable[[Voice, _Buffer, Rng], None]
_USUAL: dict[str, _Song] = {"owl": _hoots, "hawk": _screams, "sparrow": _chirps, "robin": _warbles}
_CONFUSABLE: dict[str, _Song] = {"owl": _shrieks, "hawk": _yelps, "sparrow": _medley, "robin": _ticks}
