"""Read dvc.lock, from the working folder or from a commit.

Anyone who can push can write it, so its form is checked before it is used.
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
    """Return the stages of dvc.lock, by name; empty if there is no such file.

    Raises:
        MalformedError: it is not a lock file.
    """
    if not (lock or b"").strip():
        return {}
    found = documents.strict_yaml(lock or b"", path).get("stages")
    if not isinstance(found, dict):
        raise MalformedError(f"{path}: stages is not a mapping")
    return found


def hashes(stages: Mapping[str, Any], stage: str, kind: str = "outs") -> dict[str, str]:
    """Return DVC's hashes of a stage's outputs (or `deps`, its dependencies), by path; empty if there is no such stage.

    Raises:
        MalformedError: the stage is not in the form that DVC writes.
    """
    entry = stages.get(stage, {})
    listed = (entry.get(kind) or []) if isinstance(entry, dict) else None
    if not isinstance(listed, list):
        raise MalformedError(f"dvc.lock: {stage}: its {kind} are not a list")
    found: dict[str, str] = {}
    for one in listed:
        path, md5 = (one.get("path"), one.get("md5")) if isinstance(one, dict) else (None, None)
        if not isinstance(path, str) or not isinstance(md5, str | None) or path in found:
            raise MalformedError(f"dvc.lock: {stage}: {kind}: an entry has no path and hash, or a path is there twice")
        if md5 is not None:  # a dependency on a URL has no MD5
            if not _MD5.fullmatch(md5):
                raise MalformedError(f"dvc.lock: {stage}: {path}: {md5[:40]!r} is not an MD5")
            found[path] = md5
    return found


def parameters(stages: Mapping[str, Any], stage: str, path: str) -> dict[str, str]:
    """Return the text parameters that a stage reads from a file, by name; empty if there is no such stage.

    Raises:
        MalformedError: the stage is not in the form that DVC writes.
    """
    entry = stages.get(stage, {})
    listed = (entry.get("params") or {}) if isinstance(entry, dict) else None
    read = listed.get(path, {}) if isinstance(listed, dict) else None
    if not isinstance(read, dict):
        raise MalformedError(f"dvc.lock: {stage}: its params are not a mapping")
    return {str(name): value for name, value in read.items() if isinstance(value, str)}
