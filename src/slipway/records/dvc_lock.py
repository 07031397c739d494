"""What is read of dvc.lock, here or in a commit.

Whoever can push can write it, so it is held to its form before anything is made of it.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from slipway.core import documents
from slipway.core.errors import MalformedError

_MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")


@lru_cache(maxsize=8)
def stages(lock: bytes | None, path: str = "dvc.lock") -> Mapping[str, Any]:
    """The stages of dvc.lock, by name; none where there is no such file.

    Raises:
        MalformedError: it is no lock file.
    """
    if not (lock or b"").strip():
        return {}
    found = documents.strict_yaml(lock or b"", path).get("stages")
    if not isinstance(found, dict):
        raise MalformedError(f"{path}: stages is no mapping")
    return found


def hashes(stages: Mapping[str, Any], stage: str, kind: str = "outs") -> dict[str, str]:
    """The hashes by which DVC finds what a stage wrote, or read, by path; none where there is no such stage.

    Raises:
        MalformedError: the stage is not in the form that DVC writes.
    """
    entry = stages.get(stage, {})
    listed = (entry.get(kind) or []) if isinstance(entry, dict) else None
    if not isinstance(listed, list):
        raise MalformedError(f"dvc.lock: {stage}: its {kind} are no list")
    found: dict[str, str] = {}
    for one in listed:
        path, md5 = (one.get("path"), one.get("md5")) if isinstance(one, dict) else (None, None)
        if not isinstance(path, str) or not isinstance(md5, str | None) or path in found:
            raise MalformedError(f"dvc.lock: {stage}: {kind}: no path with its hash, or one twice")
        if md5 is not None:  # a dependency on a URL has another
            if not _MD5.fullmatch(md5):
                raise MalformedError(f"dvc.lock: {stage}: {path}: {md5[:40]!r} is no MD5")
            found[path] = md5
    return found


def parameters(stages: Mapping[str, Any], stage: str, path: str) -> dict[str, str]:
    """The texts among the parameters that a stage read of a file, by name; none where there is no such stage.

    Raises:
        MalformedError: the stage is not in the form that DVC writes.
    """
    entry = stages.get(stage, {})
    listed = (entry.get("params") or {}) if isinstance(entry, dict) else None
    read = listed.get(path, {}) if isinstance(listed, dict) else None
    if not isinstance(read, dict):
        raise MalformedError(f"dvc.lock: {stage}: its params are no mapping")
    return {str(name): value for name, value in read.items() if isinstance(value, str)}
