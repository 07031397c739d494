"""The bytes of a version: what dvc.lock says they are, and whether they can be fetched.

A tag promises that a machine anywhere can have the model. So the bytes are read from the DVC remote, by the hash in the
dvc.lock of the version's commit, and their SHA-256 is compared with that of the release record; what lies in the cache
of this machine does not count. The remotes are those of the working folder's configuration.
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from slipway import atomic
from slipway.errors import RegistryError
from slipway.gitops import git, releases
from slipway.gitops.releases import Release

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Locked:
    """A file as DVC locked it: the hash by which it is found."""

    md5: str


def problems(variant: str, commit: str, release: Release) -> list[str]:
    """Why the release at a commit cannot be relied on: nothing, when all of it agrees and can be fetched."""
    record = release.record
    if record is None:
        return [f"{releases.record_path(variant)} is not there"]
    lock = _lock(commit)
    wrong = _disagreements(variant, lock, release)
    outs = _outs(lock, f"convert-tflite@{variant}")
    wanted = {name: f"models/{variant}/{name}" for name in sorted(record["artifacts"])}
    if missing := [path for path in wanted.values() if path not in outs]:
        return [*wrong, f"dvc.lock has no {', '.join(missing)}"]
    for name, path in wanted.items():
        sha256 = str(record["artifacts"][name]["sha256"])
        found = _digest(outs[path])
        if found is None:
            wrong.append(f"{path} is not in the DVC remote; run `dvc push` where it was built")
        elif found != sha256:
            wrong.append(f"{path} in the remote has SHA-256 {found[:12]}…, and the record says {sha256[:12]}…")
    return wrong


def fetch(variant: str, commit: str, record: Mapping[str, Any], folder: Path) -> dict[str, Path]:
    """The files of a release that can be had, from the cache or the remote, by name; each is checked by its SHA-256."""
    outs = _outs(_lock(commit), f"convert-tflite@{variant}")
    got = {}
    for name in sorted(record["artifacts"]):
        locked = outs.get(f"models/{variant}/{name}")
        content = _content(locked) if locked is not None else None
        if content is not None and hashlib.sha256(content).hexdigest() == record["artifacts"][name]["sha256"]:
            got[name] = folder / name
            atomic.write_bytes(got[name], content)
    return got


def _lock(commit: str) -> dict[str, Any]:
    (content,) = git.contents([f"{commit}:dvc.lock"])
    parsed = yaml.load(content or b"", Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    stages = parsed.get("stages") if isinstance(parsed, dict) else None
    return stages or {}


def _outs(stages: Mapping[str, Any], stage: str, kind: str = "outs") -> dict[str, Locked]:
    return {one["path"]: Locked(str(one.get("md5"))) for one in (stages.get(stage) or {}).get(kind) or []}


def _disagreements(variant: str, stages: Mapping[str, Any], release: Release) -> list[str]:
    """Where record, benchmark and model are not of one build."""
    wrong = []
    written = {
        releases.record_path(variant): (release.record_bytes, "register"),
        releases.benchmark_path(variant): (release.benchmark_bytes, "benchmark"),
    }
    model = f"models/{variant}/model.tflite"
    shipped = _outs(stages, f"convert-tflite@{variant}").get(model)
    for path, (content, stage) in written.items():
        locked = _outs(stages, f"{stage}@{variant}").get(path)
        if content is None or locked is None:
            wrong.append(f"{path} is not there, or not in dvc.lock")
        elif hashlib.md5(content, usedforsecurity=False).hexdigest() != locked.md5:
            wrong.append(f"{path} is not what the {stage} stage of dvc.lock wrote")
        used = _outs(stages, f"{stage}@{variant}", "deps").get(model)
        if shipped is not None and (used is None or used.md5 != shipped.md5):
            wrong.append(f"{path} was made of another {model} than the one of dvc.lock")
    return wrong


@contextmanager
def _remote() -> Iterator[Any]:
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo() as repo:
            yield repo.cloud.get_remote_odb(None, "fetch", hash_name="md5")
    except DvcException as error:
        said = " ".join(str(error).split())
        raise RegistryError(f"DVC cannot say what can be fetched: {said}")
    except OSError as error:
        raise RegistryError(f"the DVC remote cannot be reached: {error}")


def _digest(locked: Locked) -> str | None:
    """SHA-256 of what the remote has under a hash; None where it has nothing."""
    with _remote() as remote:
        try:
            with remote.fs.open(remote.oid_to_path(locked.md5), "rb") as file:
                found = hashlib.sha256()
                while part := file.read(_CHUNK):
                    found.update(part)
        except FileNotFoundError:
            return None
    return found.hexdigest()


def _content(locked: Locked) -> bytes | None:
    from dvc.repo import Repo

    with Repo() as repo:
        cache = Path(repo.cache.local.oid_to_path(locked.md5))
        if cache.exists():
            return cache.read_bytes()
    try:
        with _remote() as remote, remote.fs.open(remote.oid_to_path(locked.md5), "rb") as file:
            content: bytes = file.read()
    except (FileNotFoundError, RegistryError):
        return None
    return content
