"""Load a version: fetch its files, check them, and show on this machine that the model computes what it must.

The files come from DVC's cache or remote by `slipway registry fetch`, in a process of its own: DVC takes a second of
CPU and 100 MB, which would be missing in the server. They are kept in a folder named by the SHA-256 of the record, so
a server that starts without a network finds what it served before. Nothing in the folder is trusted: the record must
have that hash, and each file the hash in the record.
"""

import hashlib
import json
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from filelock import FileLock

from slipway.core.errors import ModelError, RegistryError
from slipway.records.release import Record
from slipway.records.release import digest as sha256_of
from slipway.registry import releases
from slipway.registry.state import Version
from slipway_edge.predictor import GOLDEN, RECORD, Predictor, read_golden
from slipway_edge.rows import Rows

SECONDS = 600.0
"""The time limit for fetching a release."""
QUICK = 0.001
"""A model that takes less than so many seconds for a row runs on the event loop."""
TRIES = 5


Key = tuple[str, str]


def key(version: Version) -> Key:
    """Return what identifies a version: its full name and its commit. Its roles change."""
    return version.name, version.commit


@dataclass(eq=False)
class Loaded:
    """A version that is ready: its model with its task.

    `bytes` is the size of its files, `seconds` the time of the model alone for one input on this machine, and `output`
    the shape and the type of the prediction of one example.
    """

    version: Version
    predictor: Predictor
    bytes: int
    seconds: float
    output: tuple[tuple[int, ...], np.dtype[Any]]
    difference: float | None = field(default=None)
    """The largest difference of an output for a golden input, on this machine, from that of the build: relative to the
    larger of the output and 1."""
    busy: int = field(default=0)
    """The number of its jobs on the thread of models."""
    grid: tuple[int, Any] | None = field(default=None)
    """For a forecast, what is kept of the history (`slipway.serving.forecasts`), with the number of its last change."""

    @property
    def model(self) -> str:
        """The name of the model, as answers and logs have it."""
        return self.version.variant

    @property
    def model_version(self) -> str:
        """The name of the version, as answers and logs have it."""
        return self.version.version

    @property
    def takes_rows(self) -> bool:
        """Whether examples are rows of a table; otherwise each is a file, such as a picture or a sound."""
        return "names" in self.predictor.spec["input"]

    @property
    def by_row(self) -> bool:
        """Whether the prediction of a row does not depend on the other rows of its table."""
        return isinstance(self.predictor.task, Rows)

    @property
    def quick(self) -> bool:
        """Whether a few rows may run on the event loop."""
        return self.by_row and self.seconds < QUICK


def load(version: Version, folder: Path, threads: int = 1) -> Loaded:
    """Load a version for kernels with `threads` threads, fetching its files into `folder` unless they are there.

    Raises:
        ModelError: a file differs from the record, or the model fails on its golden examples.
        RegistryError: the version has no record, or its files cannot be fetched.
    """
    place, record = files(version, folder)
    if GOLDEN not in record.artifacts:
        raise ModelError(
            f"{version.name} has no {GOLDEN}, so nothing shows that this machine computes what the build did; build it "
            "again with this version of slipway"
        )
    try:
        predictor = Predictor.load(place, threads)
        predictor.check_golden()
    except ModelError as error:
        raise ModelError(f"{version.name}: {error}")
    golden, expected = read_golden((place / GOLDEN).read_bytes())
    difference = float((np.abs(predictor.interpreter(golden) - expected) / np.maximum(1, np.abs(expected))).max())
    inputs = golden[:1]
    predicted = predictor.task.postprocess(predictor.interpreter(inputs), inputs, predictor.spec)
    size = sum(one.bytes for one in record.artifacts.values())
    output = predicted.shape[1:], predicted.dtype
    return Loaded(version, predictor, size, _seconds(predictor, inputs), output, difference)


def files(version: Version, folder: Path) -> tuple[Path, Record]:
    """Return the folder with the files of a version, and its record; they are fetched unless they are there.

    Raises:
        ModelError: the record is malformed, or a file differs from it.
        RegistryError: the version has no record, or its files cannot be fetched.
    """
    release = releases.of(version)
    if release.malformed:
        raise ModelError(release.malformed[0])
    if release.record is None or release.record_bytes is None:
        raise RegistryError(f"{version.name} has no release record")
    digest = hashlib.sha256(release.record_bytes).hexdigest()
    place = folder / version.variant / digest
    place.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{place}.lock"):  # one worker fetches, the others wait
        if not _is_intact(place, digest, release.record):
            _fetch(version, place)
        if not _is_intact(place, digest, release.record):
            raise ModelError(f"{version.name}: the fetched files are not those of its record")
    return place, release.record


def _is_intact(place: Path, digest: str, record: Record) -> bool:
    """Whether a folder holds the record with this SHA-256, and the files with those in the record."""
    expected = {RECORD: digest, **{name: one.sha256 for name, one in record.artifacts.items()}}
    return all((place / name).is_file() and sha256_of(place / name) == one for name, one in expected.items())


def _fetch(version: Version, place: Path) -> None:
    """Fetch the files of a version in a process of its own."""
    temporary = place.with_name(f"{place.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    command = [sys.executable, "-m", "slipway", "registry", "fetch", version.name, "--json", "--out", str(temporary)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise RegistryError(f"{version.name}: its files did not come within {SECONDS:g} s")
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"`slipway registry fetch` ended with {done.returncode}"]
        raise RegistryError(lines[-1].removeprefix("error: "))
    if json.loads(done.stdout)["version"] != version.name:
        raise RegistryError(f"{version.name}: another version was fetched")
    shutil.rmtree(place, ignore_errors=True)
    temporary.replace(place)


def _seconds(predictor: Predictor, inputs: np.ndarray) -> float:
    """The median time of the model for the inputs [1, *shape] of one example."""
    times = []
    for _ in range(TRIES):
        start = time.perf_counter()
        predictor.interpreter(inputs)
        times.append(time.perf_counter() - start)
    return median(times)
