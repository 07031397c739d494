"""Audio classification: which one of a few classes a sound clip belongs to.

Raw layout: one folder per class, with clips in it or in folders below it (WAV, FLAC, Ogg, MP3 or M4A, recognised by
content, of any rate, mono or stereo), and optionally `metadata.csv` with the columns `path` (relative to the raw
folder) and any of `label`, `group`, `split` and `fold`; other columns are not read. If there is a `metadata.csv`, it
must list every clip.

Encoded: digital silence at both ends of a clip is removed, and a clip shorter than one window is repeated to fill it. A
clip is covered by as many windows as needed, evenly spread, that overlap by at least `overlap`. A window is a log-mel
spectrogram (`slipway_edge.tasks.audio_classification`), uint8 [mels, frames, 1], low pitches first. Targets: int64, the
position of the class in the spec's `outputs`. Predictions: probabilities [n, classes]; for a clip the mean over its
windows. Each window also has a 64-bit hash of its spectrogram (`fingerprint`), by which near-duplicates are found.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from slipway.core.config import Section
from slipway.core.protocol import Encoded, Index, Problem, Usage
from slipway.core.spec import Spec
from slipway.data import usage
from slipway.data.readers import folders
from slipway.metrics.classification import Classifier
from slipway.tasks.audio_classification.fingerprint import fingerprint
from slipway_edge.sound import SoundError, recognise
from slipway_edge.tasks import audio_classification as edge
from slipway_edge.tasks.audio_classification.log_mel import LogMel


class Data(Section):
    """The `data` section: how clips are encoded, and what their classes and groups are.

    `sample_rate` in Hz; `window_seconds`: the length of one input; `overlap`: the smallest share of a window that
    overlaps with the next. The spectrogram: `n_fft` and `hop` in samples, `mels` filters from `fmin` to `fmax` Hz,
    `floor` to `ceiling` in dB relative to a full-scale sine.

    `classes`: folder names in the order of the model's outputs, for two classes the positive one first; with null, all
    folders sorted by name. `group`: a regular expression with one group, searched for in a clip's path within its class
    folder without suffix; clips with the same match stay on one side of a split (`^([^/]+)/` for one folder per
    recording). With null, the `group` column of metadata.csv is used, and without that column each clip is a group.
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
    classes: folders.Classes = None
    group: folders.Group = None

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


class Task(Classifier, edge.Task):
    """Audio classification for one variant's `data` section; see `slipway.core.protocol.Task`."""

    Data: ClassVar[type[Section]] = Data
    recognise = staticmethod(recognise)

    def __init__(self, data: Any) -> None:
        super().__init__(data.model_dump())
        self._data: Data = data
        self._group: re.Pattern[str] | None = None if data.group is None else re.compile(data.group)

    @property
    def classes(self) -> tuple[str, ...] | None:
        """The classes of `data.classes`; None if the folders name them."""
        return self._data.classes

    def index(self, raw: Path) -> Index:
        """List the clips by their first bytes, without decoding them; `example` is the path relative to `raw`.

        Raises:
            DataError: there are no class folders, a folder is not a class, a class has no clips, metadata.csv cannot be
                used, or the group expression matches no clip.
        """
        return folders.index(raw, self._data.classes, recognise, self._group, "clips")

    def specify(self, raw: Path, examples: pd.DataFrame) -> Spec:
        """Return the input, the meaning of its bytes, and the class names; `examples` are not used."""
        classes = list(folders.class_folders(raw, self._data.classes))
        return {
            "objective": self.objective,
            "input": {
                "shape": [self._data.mels, self._data.frames, 1],
                "dtype": "uint8",
                "sample_rate": self._data.sample_rate,
                "seconds": round(self._data.log_mel.samples(self._data.frames) / self._data.sample_rate, 6),
                "decibels": [self._data.floor, self._data.ceiling],
            },
            "outputs": classes,
            "classes": classes,
        }

    def encode(self, raw: Path, examples: pd.DataFrame, spec: Spec) -> Iterator[Encoded]:
        """Decode clips in order on a few threads; a clip's row is repeated for each of its windows."""
        classes = {name: position for position, name in enumerate(spec["outputs"])}
        targets = examples["label"].map(classes).to_numpy(np.int64)

        def read(name: str) -> np.ndarray | Problem:
            try:
                return self.windows(raw / name)
            except SoundError as error:
                return Problem(name, error.kind, error.detail)

        for start, results in folders.read_ahead(read, examples["example"].tolist()):
            good = [(start + row, windows) for row, windows in enumerate(results) if not isinstance(windows, Problem)]
            rows = np.repeat([row for row, _ in good], [len(windows) for _, windows in good]).astype(np.int64)
            inputs = np.concatenate([np.empty((0, *spec["input"]["shape"]), np.uint8), *(one for _, one in good)])
            yield Encoded(
                rows=rows,
                inputs=inputs,
                targets=targets[rows],
                hashes=np.array([fingerprint(window[..., 0]) for window in inputs], np.uint64),
                problems=[result for result in results if isinstance(result, Problem)],
            )

    def usage(self, spec: Spec, shown: int, golden: np.ndarray | None) -> Usage:
        """Return how the model is called: with sounds."""
        return usage.sounds(self._data.model_dump(), spec)
