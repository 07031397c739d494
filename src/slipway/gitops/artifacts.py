"""The bytes of a version: what dvc.lock says they are, and whether they can be fetched.

A tag promises that a machine anywhere can have the model. So the bytes are read from the DVC remote, by the hash in the
dvc.lock of the version's commit, and their SHA-256 is compared with that of the release record; what lies in the cache
of this machine does not count. Whoever only wants the bytes takes them from the cache where they are there and whole.
The remotes are those of the working folder's configuration.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from slipway import atomic
from slipway.errors import ModelError, RegistryError
from slipway.gitops import git, releases
from slipway.gitops.releases import Release
from slipway.redaction import plain

LOCK = "dvc.lock"
CACHE = Path(".dvc/cache/files/md5")
"""Where DVC's cache is unless it is configured elsewhere: looked at first, since DVC takes a second to be imported."""
_CHUNK = 1 << 20


def problems(variant: str, commit: str, release: Release) -> list[str]:
    """Why the release at a commit cannot be relied on: nothing, when all of it agrees and can be fetched.

    Raises:
        RegistryError: the remote cannot be reached, or is not there.
    """
    record = release.record
    if record is None:
        return [f"{releases.record_path(variant)} is not there"]
    lock = _lock(commit)
    wrong = disagreements(variant, commit, release)
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
            said = f"{path} in the remote has SHA-256 {found[:12]}…, and the record says {sha256[:12]}…"
            wrong.append(f"{said}: {_again(outs[path])}")
    return wrong


def hashes(variant: str, commit: str, release: Release) -> set[str]:
    """The hashes by which DVC finds the files of a release; empty where dvc.lock does not have them all."""
    outs = _outs(_lock(commit), f"convert-tflite@{variant}")
    paths = [f"models/{variant}/{name}" for name in (release.record or {}).get("artifacts", {})]
    return {outs[path] for path in paths} if all(path in outs for path in paths) else set()


def nowhere(wanted: Iterable[str]) -> set[str]:
    """Those that neither DVC's cache nor the default remote has: both are only asked, nothing is read.

    Raises:
        RegistryError: the remote does not say.
    """
    from dvc.repo import Repo

    check()
    with Repo() as repo:
        left = {md5 for md5 in wanted if not Path(repo.cache.local.oid_to_path(md5)).exists()}
        return left and left - set(repo.cloud.get_remote_odb(None, "fetch", hash_name="md5").oids_exist(left))


def check() -> None:
    """Ask the remote for a file that nobody has: some remotes say of all that it is not there when they refuse to say.

    Raises:
        RegistryError: the remote cannot be reached, refuses or fails.
    """
    try:
        with _remote("0" * 32):
            pass
    except (FileNotFoundError, _NothingError):
        pass


def fetch(variant: str, commit: str, record: Mapping[str, Any], folder: Path) -> dict[str, Path]:
    """The files of a release that can be had, from the cache or the remote, by name; each is checked by its SHA-256."""
    got = {}
    for name in sorted(record["artifacts"]):
        try:
            content = read(f"models/{variant}/{name}", commit)
        except ModelError:
            continue
        if hashlib.sha256(content).hexdigest() == record["artifacts"][name]["sha256"]:
            got[name] = folder / name
            atomic.write_bytes(got[name], content)
    return got


def read(path: str, commit: str | None = None) -> bytes:
    """An output of a stage at a commit, None for the working tree, from the cache or the default remote.

    Raises:
        ModelError: neither has the bytes of dvc.lock, or dvc.lock has no such output.
    """
    where = "" if commit is None else f" of commit {commit[:7]}"
    lock = _lock(commit)
    md5 = next((outs[path] for outs in (_outs(lock, stage) for stage in lock) if path in outs), None)
    if md5 is None:
        raise ModelError(f"{path} is not in {LOCK}{where}")
    try:
        content = _whole(CACHE / md5[:2] / md5[2:], md5)
        return _fetched(md5) if content is None else content
    except Exception as error:  # whatever the remote raises
        raise ModelError(f"{path}{where} cannot be fetched ({_said(error)})")


def _lock(commit: str | None) -> dict[str, Any]:
    """The stages of dvc.lock at a commit, None for the working tree."""
    if commit is not None:
        return _locked(commit)
    return _stages(Path(LOCK).read_bytes() if Path(LOCK).exists() else None)


@lru_cache(maxsize=8)
def _locked(commit: str) -> dict[str, Any]:
    return _stages(git.contents([f"{commit}:{LOCK}"])[0])


@lru_cache(maxsize=8)
def _stages(lock: bytes | None) -> dict[str, Any]:
    try:
        parsed = yaml.load(lock or b"", Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        raise ModelError(f"{LOCK}: not YAML ({_said(error)})")
    stages = parsed.get("stages") if isinstance(parsed, dict) else None
    return stages or {}


def _outs(stages: Mapping[str, Any], stage: str, kind: str = "outs") -> dict[str, str]:
    """The hashes by which DVC finds what a stage wrote, or read, by path."""
    return {one["path"]: str(one.get("md5")) for one in (stages.get(stage) or {}).get(kind) or []}


def disagreements(variant: str, commit: str | None, release: Release) -> list[str]:
    """Where record, benchmark and model at a commit, None for the working tree, are not of one build by dvc.lock."""
    stages, wrong = _lock(commit), []
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
        elif hashlib.md5(content, usedforsecurity=False).hexdigest() != locked:
            wrong.append(f"{path} is not what the {stage} stage of dvc.lock wrote")
        used = _outs(stages, f"{stage}@{variant}", "deps").get(model)
        if shipped is not None and (used != shipped):
            wrong.append(f"{path} was made of another {model} than the one of dvc.lock")
    return wrong


@contextmanager
def _remote(md5: str) -> Iterator[Any]:
    """The file that the remote has under a hash, open; FileNotFoundError where it has none."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo() as repo:
            remote = repo.cloud.get_remote_odb(None, "fetch", hash_name="md5")
            try:
                with remote.fs.open(remote.oid_to_path(md5), "rb") as file:
                    yield file
            except FileNotFoundError as error:
                if error.__cause__ is not None and _status(error) not in (404, 410):
                    raise error.__cause__  # of HTTP, whatever happens is a file that is not there
                if remote.fs.exists(remote.path):
                    raise
                # A bucket or a folder that is not there says nothing of one file; it may be elsewhere.
                raise _NothingError(
                    f"the DVC remote cannot be reached: there is nothing at {remote.path}, where `dvc push` puts it; "
                    "push from where it was built, or correct its url in .dvc/config"
                )
    except (FileNotFoundError, RegistryError):
        raise
    except DvcException as error:
        raise RegistryError(f"DVC cannot say what can be fetched: {_said(error)}")
    except Exception as error:  # each kind of remote has errors of its own
        raise RegistryError(_diagnosis(error))


class _NothingError(RegistryError):
    """The folder or bucket of the remote is not there."""


def _diagnosis(error: BaseException) -> str:
    """What is wrong with a remote that gives neither a file nor the answer that there is none, and what to do."""
    status, said = _status(error), _said(error)
    if status in (401, 403, 407):
        return (
            f"the DVC remote does not accept the credentials: {said}; set those of someone who may read there in the "
            "environment or .dvc/config.local"
        )
    if status is not None and status >= 429:
        return f"the DVC remote fails: {said}; it is there, so look at its log, or try again later"
    return (
        f"the DVC remote cannot be reached: {said}; look whether it runs, and at its url in .dvc/config or "
        ".dvc/config.local"
    )


def _status(error: BaseException | None) -> int | None:
    """The status of HTTP that an error or what caused it comes to; None where no server answered."""
    while error is not None:
        response = getattr(error, "response", None)
        answered = response.get("ResponseMetadata", {}) if isinstance(response, dict) else {}
        status = getattr(error, "status", None) or answered.get("HTTPStatusCode")
        if isinstance(status, int):
            return status
        if isinstance(error, PermissionError) or "Credential" in type(error).__name__:
            return 403
        error = error.__cause__
    return None


def _digest(md5: str) -> str | None:
    """SHA-256 of what the remote has under a hash; None where it has nothing."""
    found = hashlib.sha256()
    try:
        with _remote(md5) as file:
            while part := file.read(_CHUNK):
                found.update(part)
    except FileNotFoundError:
        return None
    return found.hexdigest()


def _fetched(md5: str) -> bytes:
    """The bytes of a hash from DVC's cache, wherever it is, or from the remote."""
    from dvc.repo import Repo

    with Repo() as repo:
        content = _whole(Path(repo.cache.local.oid_to_path(md5)), md5)
    if content is not None:
        return content
    try:
        with _remote(md5) as file:
            content = bytes(file.read())
    except FileNotFoundError:
        raise RegistryError("it is not in the DVC remote; run `dvc push` where it was built")
    if hashlib.md5(content, usedforsecurity=False).hexdigest() != md5:
        raise RegistryError(f"what the remote has is damaged: {_again(md5)}")
    return content


def _again(md5: str) -> str:
    """How a damaged object is replaced: `dvc push` passes over one that is there."""
    return f"remove files/md5/{md5[:2]}/{md5[2:]} there, then run `dvc push` where it was built"


def _said(error: BaseException) -> str:
    return (" ".join(plain(str(error)).split()) or type(error).__name__)[:200]


def _whole(path: Path, md5: str) -> bytes | None:
    """A file of the cache; None where it is not there or damaged."""
    if not path.is_file():
        return None
    content = path.read_bytes()
    return content if hashlib.md5(content, usedforsecurity=False).hexdigest() == md5 else None
