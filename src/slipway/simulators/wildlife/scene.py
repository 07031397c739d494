"""The path from a bird to a recording: distance, echoes, wind, rain, insects, and a microphone."""

from dataclasses import dataclass

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft, rfftfreq
from scipy.signal import fftconvolve

Rng = np.random.Generator


@dataclass(frozen=True)
class Place:
    """A site in one night: amplitudes of `wind`, `rain` and `insects`, and the insects' `pitch` and `pulse` in Hz."""

    wind: float
    rain: float
    insects: float
    pitch: float
    pulse: float


def place(rng: Rng, shift: float) -> Place:
    """A site; `shift` brings insects and rain."""
    wind, rain, insects = 10 ** rng.uniform((-2.6, -3.2, -3.2), (-1.2, -1.7, -1.6))
    rains, sings = rng.uniform(size=2) < (0.35 + 0.2 * shift, 0.45 + 0.3 * shift)
    return Place(
        wind=float(wind),
        rain=float(rain * rains * 1.5**shift),
        insects=float(insects * sings * 1.8**shift),
        pitch=float(rng.uniform(3200, 7500)),
        pulse=float(rng.uniform(4, 40)),
    )


def heard(calls: np.ndarray, rate: int, distance: float, rng: Rng) -> np.ndarray:
    """Calls [n] heard from a `distance` between 0 and 1: 6 to 46 dB quieter, with fewer high frequencies and echoes."""
    n = round(0.35 * rate)
    tail = rng.standard_normal(n) * np.exp(-np.arange(n) / (rng.uniform(0.03, 0.12) * rate)) * 0.04 * distance
    tail[0] = 1
    far = fftconvolve(calls, tail)[: len(calls)]
    return response(far, rate, 0, 12000 * 0.22**distance) * np.float32(10 ** (-(6 + 40 * distance) / 20))


def background(site: Place, count: int, rate: int, rng: Rng) -> np.ndarray:
    """The noises of a site, float32 [count]."""
    gusts = 1 + 0.8 * np.interp(np.arange(count) / rate, np.arange(0, 70, 0.7), rng.uniform(-1, 1, 100))
    sound = site.wind * gusts * _noise(count, rate, 40, 300, -1.5, rng)
    if site.rain:
        drops = (rng.uniform(size=count) < 25 / rate) * rng.exponential(6, count)
        sound = sound + site.rain * (_noise(count, rate, 400, 9000, -0.5, rng) + response(drops, rate, 800, 5000))
    if site.insects:
        t = np.arange(count) / rate
        pulses = (np.sin(2 * np.pi * site.pulse * t + rng.uniform(0, 6)) > rng.uniform(-0.5, 0.5)) * 1.0
        wander = np.cumsum(rng.standard_normal(count)) * 0.02
        trill = np.sin(2 * np.pi * site.pitch * t + wander) * response(pulses, rate, 0, 200)
        sound = sound + site.insects * trill
    sounds: np.ndarray = sound.astype(np.float32)
    return sounds


def response(sound: np.ndarray, rate: int, low: float, high: float) -> np.ndarray:
    """Filter sound [n] to a band from `low` to `high` Hz with slopes of 12 dB per octave and zero phase."""
    size = next_fast_len(len(sound) + rate // 20, real=True)
    hertz = rfftfreq(size, 1 / rate)
    gain = 1 / (1 + (hertz / high) ** 2)
    if low:
        gain = gain * (1 - 1 / (1 + (hertz / low) ** 2))
    passed: np.ndarray = irfft(rfft(sound, size) * gain, size)[: len(sound)]
    return passed.astype(np.float32)


def _noise(count: int, rate: int, low: float, high: float, slope: float, rng: Rng) -> np.ndarray:
    """Noise of unit variance whose spectrum falls as f^slope within a band."""
    size = next_fast_len(count, real=True)
    hertz = rfftfreq(size, 1 / rate)
    shape = np.where(hertz > low, np.maximum(hertz, 1) ** slope, 0) / (1 + (hertz / high) ** 2)
    spectrum = shape * np.exp(2j * np.pi * rng.uniform(size=len(hertz)))
    noise = irfft(spectrum, size)[:count]
    scaled: np.ndarray = noise / noise.std()
    return scaled
