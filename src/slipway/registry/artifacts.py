"""The bytes of a version: which bytes dvc.lock names, and whether they can be fetched.

A tag promises that any machine can fetch the model. So a check reads the bytes from the DVC remote, by the hash in the
dvc.lock of the version's commit, and compares their SHA-256 with the one in the release record; the cache of this
machine does not count. A command that only needs the bytes takes an intact copy from the cache if there is one.
The remotes are those in the configuration of the working folder.
"""

import hashlib
import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from slipway.core import atomic
from slipway.core.documents import LOCK
from slipway.core.errors import MalformedError, ModelError, RegistryError
from slipway.records import dvc_lock
from slipway.records.release import Record
from slipway.registry import git, releases
from slipway.registry.releases import Release
from slipway_edge.redaction import plain

CACHE = Path(".dvc/cache/files/md5")
"""The default place of DVC's cache. It is tried first, since importing DVC takes a second."""
_CHUNK = 1 << 20
_ABSENT = "is not in the DVC remote; run `dvc push` where it was built"


class AbsentError(ModelError):
    """The remote answers, but does not have the bytes of a hash."""


def mismatches(variant: str, commit: str | None, record: Record) -> list[str]:
    """The files of a release that differ from its record, one description each.

    Args:
        variant: the variant.
        commit: the commit, whose files are read from the remote; None for the files in the working tree.
        record: the release record.

    Raises:
        RegistryError: the remote cannot be reached, or does not exist.
        ModelError: dvc.lock is malformed.
    """
    outs = dvc_lock.hashes(lock(commit), f"convert-tflite@{variant}")
    wanted = {name: f"models/{variant}/{name}" for name in sorted(record.artifacts)}
    if missing := [path for path in wanted.values() if path not in outs]:
        return [f"dvc.lock has no {', '.join(missing)}"]
    wrong = []
    for name, expected in sorted(record.artifacts.items()):
        path = wanted[name]
        try:
            found, size = _digest_in_remote(outs[path]) if commit is not None else _digest(evidence(path, None))
        except ModelError as error:
            wrong.append(str(error) if commit is None else f"{path} {error}")
            continue
        if found != expected.sha256:
            where = "in the remote" if commit is not None else "here"
            then = f": {_replacement(outs[path])}" if commit is not None else ""
            wrong.append(f"{path} {where} has SHA-256 {found[:12]}…, and the record says {expected.sha256[:12]}…{then}")
        elif size != expected.bytes:
            wrong.append(f"{path} has {size} bytes, and the record says {expected.bytes}")
    return wrong


def evidence(path: str, commit: str | None) -> bytes:
    """The output of a stage for a release, such as its predictions, checked against the hash in dvc.lock.

    For a commit it is read from the remote, as on any other machine. For the working tree it is the file there, or
    else the copy in the cache or the remote.

    Raises:
        ModelError: it cannot be found, or differs from dvc.lock.
        RegistryError: the remote cannot be reached.
    """
    md5 = _out(lock(commit), path)
    if md5 is None:
        raise ModelError(f"{path} is not in {LOCK}")
    if commit is None and Path(path).exists():
        content = Path(path).read_bytes()
        if hashlib.md5(content, usedforsecurity=False).hexdigest() != md5:
            raise ModelError(f"{path} is not what {LOCK} says that a stage wrote")
        return content
    try:
        return _read_remote(md5) if commit is not None else read(path)
    except AbsentError as error:
        raise ModelError(f"{path} {error}")


def hashes(variant: str, commit: str, release: Release) -> set[str]:
    """The MD5 hashes under which DVC stores the files of a release; empty if dvc.lock does not list all of them."""
    try:
        outs = dvc_lock.hashes(lock(commit), f"convert-tflite@{variant}")
    except MalformedError:
        return set()
    paths = [f"models/{variant}/{name}" for name in (release.record.artifacts if release.record is not None else ())]
    return {outs[path] for path in paths} if all(path in outs for path in paths) else set()


def missing_everywhere(wanted: Iterable[str]) -> set[str]:
    """The hashes that are neither in DVC's cache nor in the default remote; no file is read.

    Raises:
        RegistryError: the remote does not answer.
    """
    from dvc.repo import Repo

    check()
    with Repo() as repo:
        left = {md5 for md5 in wanted if not Path(repo.cache.local.oid_to_path(md5)).exists()}
        return left and left - set(repo.cloud.get_remote_odb(None, "fetch", hash_name="md5").oids_exist(left))


def remote_inside_clone() -> Path | None:
    """The default remote if it is a folder inside this clone, from which no other machine can fetch; else None."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo() as repo:
            remote = repo.cloud.get_remote()
    except DvcException:
        return None  # reading from it reports why it cannot be used
    if "local" not in (remote.fs.protocol, *remote.fs.protocol):
        return None
    folder = Path(remote.path).resolve()
    tree, common = (
        Path(git.run("rev-parse", what).strip()).resolve() for what in ("--show-toplevel", "--git-common-dir")
    )
    inside = (tree, common.parent if common.name == ".git" else common)  # for a worktree: the clone that it belongs to
    return folder if any(folder.is_relative_to(one) for one in inside) else None


def check() -> None:
    """Request a file that does not exist: a remote that denies access may report every file as missing.

    Raises:
        RegistryError: the remote cannot be reached, refuses or fails.
    """
    try:
        with _remote("0" * 32):
            pass
    except (FileNotFoundError, _NoStoreError):
        pass


def fetch(variant: str, commit: str, record: Record, folder: Path) -> dict[str, Path]:
    """Write the files of a release that the cache or the remote has into a folder; return them by name.

    A file with another SHA-256 than the record's is left out.
    """
    got = {}
    for name, expected in sorted(record.artifacts.items()):
        try:
            content = read(f"models/{variant}/{name}", commit)
        except ModelError:
            continue
        if hashlib.sha256(content).hexdigest() == expected.sha256:
            got[name] = folder / name
            atomic.write_bytes(got[name], content)
    return got


def read(path: str, commit: str | None = None) -> bytes:
    """The bytes of a stage's output at a commit, None for the working tree, from the cache or the default remote.

    Raises:
        ModelError: neither has the bytes that dvc.lock names, or dvc.lock has no such output.
    """
    where = "" if commit is None else f" of commit {commit[:7]}"
    md5 = _out(lock(commit), path)
    if md5 is None:
        raise ModelError(f"{path} is not in {LOCK}{where}")
    try:
        content = _intact(CACHE / md5[:2] / md5[2:], md5)
        return _read_cache_or_remote(md5) if content is None else content
    except Exception as error:  # each kind of remote raises different errors
        raise ModelError(f"{path}{where} cannot be fetched ({_one_line(error)})")


def locked(variant: str, commit: str | None) -> dict[str, Any]:
    """The entries of a variant's stages in dvc.lock at a commit, None for the working tree."""
    stages = lock(commit).items()
    return {name: entry for name, entry in stages if isinstance(name, str) and name.endswith(f"@{variant}")}


def _out(stages: Mapping[str, Any], path: str) -> str | None:
    """The MD5 of a stage's output `<models or reports>/<variant>/...` in dvc.lock; None if it is not there."""
    variant = path.split("/")[1]
    of = [stage for stage in stages if isinstance(stage, str) and stage.partition("@")[2] == variant]
    return next((outs[path] for outs in (dvc_lock.hashes(stages, stage) for stage in of) if path in outs), None)


def lock(commit: str | None) -> Mapping[str, Any]:
    """The stages of dvc.lock at a commit, None for the working tree."""
    if commit is not None:
        return _locked(commit)
    return dvc_lock.stages(Path(LOCK).read_bytes() if Path(LOCK).exists() else None)


@lru_cache(maxsize=8)
def _locked(commit: str) -> Mapping[str, Any]:
    return dvc_lock.stages(git.contents([f"{commit}:{LOCK}"])[0])


def inconsistencies(release: Release, stages: Mapping[str, Any]) -> list[str]:
    """What shows that record, benchmark and model do not come from one build, according to the stages of dvc.lock."""
    variant, wrong = release.variant, []
    written = {
        releases.record_path(variant): (release.record_bytes, "register"),
        releases.benchmark_path(variant): (release.benchmark_bytes, "benchmark"),
    }
    model = f"models/{variant}/model.tflite"
    shipped = dvc_lock.hashes(stages, f"convert-tflite@{variant}").get(model)
    for path, (content, stage) in written.items():
        locked = dvc_lock.hashes(stages, f"{stage}@{variant}").get(path)
        if content is None or locked is None:
            wrong.append(f"{path} is not there, or not in dvc.lock")
        elif hashlib.md5(content, usedforsecurity=False).hexdigest() != locked:
            wrong.append(f"{path} is not what the {stage} stage of dvc.lock wrote")
        used = dvc_lock.hashes(stages, f"{stage}@{variant}", "deps").get(model)
        if used is None or used != shipped:
            wrong.append(f"{path} was made of another {model} than the one of dvc.lock")
    return wrong


def store(files: Mapping[str, Path]) -> None:
    """Put files into DVC's cache and its default remote, by their MD5 hashes; what they have already stays.

    Raises:
        RegistryError: there is no remote, or it cannot be reached, refuses or fails.
    """
    from dvc.exceptions import DvcException
    from dvc.fs import localfs
    from dvc.repo import Repo
    from dvc_data.hashfile.hash_info import HashInfo

    logging.getLogger("dvc").setLevel(logging.CRITICAL)  # errors are reported here
    try:
        with Repo() as repo:
            for md5, path in files.items():
                repo.cache.local.add(str(path.resolve()), localfs, md5, verify=True)
            sent = repo.cloud.push({HashInfo("md5", md5) for md5 in files})
    except DvcException as error:
        raise RegistryError(f"DVC cannot store the files: {_one_line(error)}")
    except Exception as error:  # each kind of remote raises different errors
        raise RegistryError(_diagnosis(error))
    if sent.failed:
        raise RegistryError(
            f"{len(sent.failed)} of {len(files)} files did not get into the DVC remote; try again, or see why with "
            "`dvc push`"
        )


@contextmanager
def _remote(md5: str) -> Iterator[Any]:
    """Open the remote's file for a hash; raise FileNotFoundError if it has none."""
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
                    raise error.__cause__  # over HTTP every error appears as a missing file
                if remote.fs.exists(remote.path):
                    raise
                # If the bucket or folder does not exist, the file may be in another place.
                raise _NoStoreError(
                    f"the DVC remote cannot be reached: there is nothing at {remote.path}, where `dvc push` puts it; "
                    "run `dvc push` where it was built, or correct the url in .dvc/config"
                )
    except (FileNotFoundError, RegistryError):
        raise
    except DvcException as error:
        raise RegistryError(f"DVC cannot say what can be fetched: {_one_line(error)}")
    except Exception as error:  # each kind of remote raises different errors
        raise RegistryError(_diagnosis(error))


class _NoStoreError(RegistryError):
    """The folder or bucket of the remote does not exist."""


def _diagnosis(error: BaseException) -> str:
    """Why the remote answers neither with the file nor with "not found", and what to do."""
    status, detail = _status(error), _one_line(error)
    if status in (401, 403, 407):
        return (
            f"the DVC remote does not accept the credentials: {detail}; set credentials with read access in the "
            "environment or in .dvc/config.local"
        )
    if status is not None and status >= 429:
        return f"the DVC remote fails: {detail}; it is reachable, so check its log or try again later"
    return (
        f"the DVC remote cannot be reached: {detail}; check that it is running, and check its url in .dvc/config or "
        ".dvc/config.local"
    )


def _status(error: BaseException | None) -> int | None:
    """The HTTP status of an error or of its cause; None if no server answered."""
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


def _digest_in_remote(md5: str) -> tuple[str, int]:
    """The SHA-256 and the size in bytes of the remote's file for a hash."""
    found, size = hashlib.sha256(), 0
    try:
        with _remote(md5) as file:
            while part := file.read(_CHUNK):
                found.update(part)
                size += len(part)
    except FileNotFoundError:
        raise AbsentError(_ABSENT)
    return found.hexdigest(), size


def _digest(content: bytes) -> tuple[str, int]:
    return hashlib.sha256(content).hexdigest(), len(content)


def _read_cache_or_remote(md5: str) -> bytes:
    """The bytes of a hash from DVC's cache, as configured, or from the remote."""
    from dvc.repo import Repo

    with Repo() as repo:
        content = _intact(Path(repo.cache.local.oid_to_path(md5)), md5)
    return _read_remote(md5) if content is None else content


def _read_remote(md5: str) -> bytes:
    """The bytes of a hash from the remote."""
    try:
        with _remote(md5) as file:
            content = bytes(file.read())
    except FileNotFoundError:
        raise AbsentError(_ABSENT)
    if hashlib.md5(content, usedforsecurity=False).hexdigest() != md5:
        raise AbsentError(f"is damaged in the DVC remote: {_replacement(md5)}")
    return content


def _replacement(md5: str) -> str:
    """How to replace a damaged object: `dvc push` skips an object that exists."""
    return f"remove files/md5/{md5[:2]}/{md5[2:]} there, then run `dvc push` where it was built"


def _one_line(error: BaseException) -> str:
    return (" ".join(plain(str(error)).split()) or type(error).__name__)[:200]


def _intact(path: Path, md5: str) -> bytes | None:
    """The bytes of a cached file; None if it is missing or damaged."""
    if not path.is_file():
        return None
    content = path.read_bytes()
    return content if hashlib.md5(content, usedforsecurity=False).hexdigest() == md5 else None
