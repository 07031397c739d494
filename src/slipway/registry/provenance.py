"""What ran to make a version: notes on it, and no part of what it is.

A comment in a module or a newer tool for tests changes them, and not the model. So they do not stand in its record: the
version's commit has them.
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
"""Where a commit has the pins of the environment that its models are built in: now, and in older commits."""
_STAGES = ("prepare", "train", "transfer", "evaluate", "convert-tflite", "benchmark")


@dataclass(frozen=True)
class Provenance:
    """`code`: SHA-256 over the digests of the code that the variant's stages ran, as dvc.lock has them.

    `environment`: SHA-256 of the pins. None for what the commit does not have.
    """

    code: str | None
    environment: str | None


def of(variant: str, commit: str) -> Provenance:
    """What ran to make a variant as it is in a commit."""
    lock, *pins = git.contents([f"{commit}:{path}" for path in (LOCK, *ENVIRONMENTS)])
    environment = next((hashlib.sha256(one).hexdigest() for one in pins if one is not None), None)
    return Provenance(_code(variant, lock), environment)


def _code(variant: str, lock: bytes | None) -> str | None:
    try:
        stages = dvc_lock.stages(lock)
        ran = [one for name in _STAGES for one in _ran(stages, f"{name}@{variant}")]
    except MalformedError:
        return None
    lines = [f"{what} {digest}" for what, digest in sorted(dict(ran).items())]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest() if lines else None


def _ran(stages: Mapping[str, Any], stage: str) -> Iterator[tuple[str, str]]:
    """What a stage ran: its digest in params/code.yaml or, in older commits, the hash of each module."""
    yield from dvc_lock.parameters(stages, stage, CODE.as_posix()).items()
    yield from ((path, md5) for path, md5 in dvc_lock.hashes(stages, stage, "deps").items() if path.startswith("src/"))
