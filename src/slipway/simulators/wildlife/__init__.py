"""A simulated world of night recordings: clips of calling owls, hawks, sparrows and robins.

It replaces recorders in woods, so that a detector of species can be built and evaluated without them. The output is
clips in the layout of audio classification, `owl/r0003-04.wav` and so on, and `metadata.csv` (path, label, group),
where a group is a recording: one night at one site, with one recorder, one background and one bird of each species.

Recorders differ in rate, channels, file format, frequency response and noise. Each bird has an individual voice
(`voices`). Its calls come from a distance, which dulls them, together with wind, rain, insects and the echoes of the
wood (`scene`). `World` controls what makes classification hard: calls that sound like another species (`confusable`),
birds so far away that they are masked by noise (`far`), and other species in the background (`mixed`). A clip keeps the
label of its nearest bird even if that is hardly audible, so no model can be right about all clips.

Equal worlds and seeds give equal bytes.
"""

import csv
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Annotated, Self

import numpy as np
import soundfile
from pydantic import Field, model_validator

from slipway.core.config import Section, Share
from slipway.simulators.wildlife import scene
from slipway.simulators.wildlife.voices import SPECIES, Voice

FORMATS = (*4 * (("wav", "PCM_16"),), *3 * (("flac", "PCM_16"),), ("mp3", "MPEG_LAYER_III"))
"""Suffix and subtype, repeated by frequency. There is no Ogg, since it contains a random serial number."""
RATES = (22050, 22050, 32000, 44100)
"""Hz."""
PEAK = 0.9
FAINT = 0.35
"""The largest loudness of another species, relative to the clip's own."""


class World(Section):
    """The `simulate` section.

    `clips`: the total number of clips, equal for each species; `clips_per_recording`: the number of clips in a group;
    `shortest` and `longest` are in seconds. `confusable`: the share of clips whose bird sounds like another species;
    `far`: the share whose bird is so distant that noise may mask it; `mixed`: the share in which another species is
    faintly audible. `shift`: simulated data drift, as from other microphones in another season: duller and noisier
    recordings, more insects and rain, slightly higher voices; 0 is none, 1 is clearly audible.
    """

    clips: Annotated[int, Field(ge=4)] = 640
    clips_per_recording: Annotated[int, Field(ge=1)] = 4
    shortest: Annotated[float, Field(ge=0.5)] = 2.0
    longest: Annotated[float, Field(le=60)] = 5.0
    confusable: Share = 0.1
    far: Share = 0.12
    mixed: Share = 0.25
    shift: Annotated[float, Field(ge=0, le=2)] = 0.0

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.shortest > self.longest:
            raise ValueError(f"shortest {self.shortest:g} s is more than longest {self.longest:g} s")
        return self


@dataclass(frozen=True)
class Recorder:
    """A device in the field: `rate` in Hz, one or two `channels`, a file `suffix` and `subtype`, a frequency response
    (`scene.response`), and `noise`, the amplitude of its hiss."""

    rate: int
    channels: int
    suffix: str
    subtype: str
    low: float
    high: float
    noise: float


def simulate(world: World, seed: int, out: Path) -> None:
    """Write the clips of `world` and metadata.csv into the folder `out`, which is created if missing."""
    for label in SPECIES:
        (out / label).mkdir(parents=True, exist_ok=True)
    rows: list[tuple[str, str, str]] = []
    for first in range(0, world.clips, world.clips_per_recording):
        number = first // world.clips_per_recording
        rng = np.random.default_rng((seed, 0, number))
        recorder = _recorder(rng, world.shift)
        place = scene.place(rng, world.shift)
        birds = {label: Voice.drawn(label, rng, world.shift) for label in SPECIES}
        for clip in range(min(world.clips_per_recording, world.clips - first)):
            label = SPECIES[(first + clip) % len(SPECIES)]
            path = f"{label}/r{number:04d}-{clip:02d}.{recorder.suffix}"
            samples = _clip(world, recorder, place, birds, label, np.random.default_rng((seed, 1, number, clip)))
            (out / path).write_bytes(_file(samples, recorder))
            rows.append((path, label, f"r{number:04d}"))
    with (out / "metadata.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("path", "label", "group"))
        writer.writerows(sorted(rows))


def _file(samples: np.ndarray, recorder: Recorder) -> bytes:
    """Encode samples in the recorder's file format."""
    buffer = BytesIO()
    soundfile.write(buffer, samples, recorder.rate, recorder.subtype, format=recorder.suffix)
    return buffer.getvalue()


def _recorder(rng: np.random.Generator, shift: float) -> Recorder:
    suffix, subtype = FORMATS[int(rng.integers(len(FORMATS)))]
    return Recorder(
        rate=RATES[int(rng.integers(len(RATES)))],
        channels=1 + int(rng.uniform() < 0.3),
        suffix=suffix,
        subtype=subtype,
        low=float(rng.uniform(60, 250)),
        high=float(rng.uniform(6000, 10000) * 0.6**shift),
        noise=float(10 ** rng.uniform(-3.6, -2.8) * 2**shift),
    )


def _clip(
    world: World,
    recorder: Recorder,
    place: scene.Place,
    birds: dict[str, Voice],
    label: str,
    rng: np.random.Generator,
) -> np.ndarray:
    """One clip, float32 [n] or [n, 2]."""
    rate = recorder.rate
    count = round(rng.uniform(world.shortest, world.longest) * rate)
    confused, far, mixed = rng.uniform(size=3) < (world.confusable, world.far, world.mixed)
    distance = rng.uniform(0.8, 1.0) if far else rng.uniform(0.1, 0.7)
    calls = scene.heard(birds[label].calls(count, rate, bool(confused), rng), rate, distance, rng)
    sound = calls + scene.background(place, count, rate, rng)
    if mixed:
        other = SPECIES[(SPECIES.index(label) + int(rng.integers(1, len(SPECIES)))) % len(SPECIES)]
        behind = scene.heard(birds[other].calls(count, rate, False, rng), rate, 0.9, rng)
        sound = sound + behind * min(1.0, FAINT * np.abs(calls).max() / max(np.abs(behind).max(), 1e-9))
    sound = scene.response(sound, rate, recorder.low, recorder.high)
    if recorder.channels == 2:
        lag = int(rng.integers(0, 12))
        sound = np.stack([sound, np.roll(sound, lag) * rng.uniform(0.6, 1)], axis=1)
    sound = sound + recorder.noise * rng.standard_normal(sound.shape, np.float32)
    loudest = np.abs(sound).max()
    taken: np.ndarray = (sound * min(1.0, PEAK / loudest)).astype(np.float32)
    return taken
