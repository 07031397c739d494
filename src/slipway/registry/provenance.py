"""The provenance of a version: the code and the environment that built it. It is not part of the version's identity.

A newer package for tests changes the environment, but not the model. So provenance is not in the release record; it is
read from the version's commit.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from slipway.core.config import CODE
from slipway.core.documents import LOCK
from slipway.core.errors import MalformedError
from slipway.records import dvc_lock
from slipway.registry import git

ENVIRONMENTS = ("requirements/build.lock", "requirements.lock")
"""The file that pins the build environment in a commit: its place now, and in older commits."""
STAGES = ("prepare", "train", "transfer", "evaluate", "convert-tflite", "benchmark")


@dataclass(frozen=True)
class Provenance:
    """The code and the environment of a build; None for one that the commit does not have.

    `code` is the SHA-256 of the code digests of the variant's stages in dvc.lock; `environment` is the SHA-256 of the
    pins.
    """

    code: str | None
    environment: str | None


def of(variant: str, commit: str) -> Provenance:
    """The provenance of a variant at a commit."""
    lock, *pins = git.contents([f"{commit}:{path}" for path in (LOCK, *ENVIRONMENTS)])
    environment = next((hashlib.sha256(one).hexdigest() for one in pins if one is not None), None)
    return Provenance(_code(variant, lock), environment)


def _code(variant: str, lock: bytes | None) -> str | None:
    try:
        stages = dvc_lock.stages(lock)
        ran = [one for name in STAGES for one in _ran(stages, f"{name}@{variant}")]
    except MalformedError:
        return None
    lines = [f"{what} {digest}" for what, digest in sorted(dict(ran).items())]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest() if lines else None


def _ran(stages: Mapping[str, Any], stage: str) -> Iterator[tuple[str, str]]:
    """The code of a stage: its digest in params/code.yaml or, in older commits, the hash of each module."""
    yield from dvc_lock.parameters(stages, stage, CODE.as_posix()).items()
    yield from ((path, md5) for path, md5 in dvc_lock.hashes(stages, stage, "deps").items() if path.startswith("src/"))
