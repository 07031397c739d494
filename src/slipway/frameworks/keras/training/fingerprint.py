"""What defines a training run, as one hash: equal hashes mean that one run may go on where the other stopped."""

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
    """SHA-256 over data, configuration, start weights, this package's code and the versions of the libraries."""
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
