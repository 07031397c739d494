"""A hash of everything that defines a training run: a run can resume the checkpoint of a run with the same hash."""

import hashlib
import json
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from slipway.core.config import Section
from slipway.core.spec import Spec
from slipway.data.shards import PackedSplit
from slipway.frameworks import keras
from slipway.frameworks.keras.schema import Train

LIBRARIES = ("keras", "numpy", "tensorflow")


def fingerprint(
    train: PackedSplit, val: PackedSplit, spec: Spec, model: Section, config: Train, seed: int, start: Path | None
) -> str:
    """The SHA-256 of data, configuration, start weights, this package's code and the versions of the libraries."""
    parts = {
        "spec": spec,
        "model": model.model_dump(),
        "train": config.model_dump(),
        "seed": seed,
        "data": [_digest(sorted(split.folder.glob("*.npy"))) for split in (train, val)],
        "start": None if start is None else _digest([start]),
        "code": _digest(sorted(Path(keras.__file__).parent.rglob("*.py"))),
        "versions": {name: version(name) for name in LIBRARIES},
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _digest(files: Iterable[Path]) -> list[str]:
    digests = []
    for path in files:
        with path.open("rb") as file:
            digests.append(hashlib.file_digest(file, "sha256").hexdigest())
    return digests
