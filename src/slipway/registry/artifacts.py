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

from slipway.core import atomic
from slipway.core.documents import LOCK
from slipway.core.errors import MalformedError, ModelError, RegistryError
from slipway.records import dvc_lock
from slipway.records.release import Record
from slipway.registry import git, releases
from slipway.registry.releases import Release
from slipway_edge.redaction import plain

CACHE = Path(".dvc/cache/files/md5")
"""Where DVC's cache is unless it is configured elsewhere: looked at first, since DVC takes a second to be imported."""
_CHUNK = 1 << 20
_ABSENT = "is not in the DVC remote; run `dvc push` where it was built"


class AbsentError(ModelError):
    """A remote that answers does not have the bytes of a hash."""


def unlike(variant: str, commit: str | None, record: Record) -> list[str]:
    """The files of a release that are not those of its record: at a commit as others fetch them, None for those here.

    Raises:
        RegistryError: the remote cannot be reached, or is not there.
        ModelError: dvc.lock is malformed.
    """
    outs = dvc_lock.hashes(_lock(commit), f"convert-tflite@{variant}")
    wanted = {name: f"models/{variant}/{name}" for name in sorted(record.artifacts)}
    if missing := [path for path in wanted.values() if path not in outs]:
        return [f"dvc.lock has no {', '.join(missing)}"]
    wrong = []
    for name, said in sorted(record.artifacts.items()):
        path = wanted[name]
        try:
            found, size = _digest(outs[path]) if commit is not None else _digested(evidence(path, None))
        except ModelError as error:
            wrong.append(str(error) if commit is None else f"{path} {error}")
            continue
        if found != said.sha256:
            where = "in the remote" if commit is not None else "here"
            then = f": {_again(outs[path])}" if commit is not None else ""
            wrong.append(f"{path} {where} has SHA-256 {found[:12]}…, and the record says {said.sha256[:12]}…{then}")
        elif size != said.bytes:
            wrong.append(f"{path} has {size} bytes, and the record says {said.bytes}")
    return wrong


def evidence(path: str, commit: str | None) -> bytes:
    """What a stage wrote for a release, such as its predictions, with the hash of dvc.lock.

    At a commit it is read from the remote, as whoever looks elsewhere has to; of the working tree it is the file that
    lies there, or else what the cache or the remote has.

    Raises:
        ModelError: it cannot be had, or is not that of dvc.lock.
        RegistryError: the remote cannot be reached.
    """
    md5 = _out(_lock(commit), path)
    if md5 is None:
        raise ModelError(f"{path} is not in {LOCK}")
    if commit is None and Path(path).exists():
        content = Path(path).read_bytes()
        if hashlib.md5(content, usedforsecurity=False).hexdigest() != md5:
            raise ModelError(f"{path} is not what {LOCK} says that a stage wrote")
        return content
    try:
        return _sent(md5) if commit is not None else read(path)
    except AbsentError as error:
        raise ModelError(f"{path} {error}")


def hashes(variant: str, commit: str, release: Release) -> set[str]:
    """The hashes by which DVC finds the files of a release; empty where dvc.lock does not have them all."""
    try:
        outs = dvc_lock.hashes(_lock(commit), f"convert-tflite@{variant}")
    except MalformedError:
        return set()
    paths = [f"models/{variant}/{name}" for name in (release.record.artifacts if release.record is not None else ())]
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


def private() -> Path | None:
    """The default remote, where that is a folder within this clone: nobody else can fetch from it."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo() as repo:
            remote = repo.cloud.get_remote()
    except DvcException:
        return None  # whoever reads from it says why that cannot be done
    if "local" not in (remote.fs.protocol, *remote.fs.protocol):
        return None
    folder = Path(remote.path).resolve()
    tree, common = (
        Path(git.run("rev-parse", what).strip()).resolve() for what in ("--show-toplevel", "--git-common-dir")
    )
    inside = (tree, common.parent if common.name == ".git" else common)  # of a worktree, the clone that it belongs to
    return folder if any(folder.is_relative_to(one) for one in inside) else None


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


def fetch(variant: str, commit: str, record: Record, folder: Path) -> dict[str, Path]:
    """The files of a release that can be had, from the cache or the remote, by name; each is checked by its SHA-256."""
    got = {}
    for name, said in sorted(record.artifacts.items()):
        try:
            content = read(f"models/{variant}/{name}", commit)
        except ModelError:
            continue
        if hashlib.sha256(content).hexdigest() == said.sha256:
            got[name] = folder / name
            atomic.write_bytes(got[name], content)
    return got


def read(path: str, commit: str | None = None) -> bytes:
    """An output of a stage at a commit, None for the working tree, from the cache or the default remote.

    Raises:
        ModelError: neither has the bytes of dvc.lock, or dvc.lock has no such output.
    """
    where = "" if commit is None else f" of commit {commit[:7]}"
    md5 = _out(_lock(commit), path)
    if md5 is None:
        raise ModelError(f"{path} is not in {LOCK}{where}")
    try:
        content = _whole(CACHE / md5[:2] / md5[2:], md5)
        return _fetched(md5) if content is None else content
    except Exception as error:  # whatever the remote raises
        raise ModelError(f"{path}{where} cannot be fetched ({_said(error)})")


def locked(variant: str, commit: str | None) -> dict[str, Any]:
    """What dvc.lock says of the stages of a variant at a commit, None for the working tree."""
    stages = _lock(commit).items()
    return {name: entry for name, entry in stages if isinstance(name, str) and name.endswith(f"@{variant}")}


def _out(stages: Mapping[str, Any], path: str) -> str | None:
    """The hash of what a stage of a variant wrote, `<models or reports>/<variant>/...`."""
    variant = path.split("/")[1]
    of = [stage for stage in stages if isinstance(stage, str) and stage.partition("@")[2] == variant]
    return next((outs[path] for outs in (dvc_lock.hashes(stages, stage) for stage in of) if path in outs), None)


def _lock(commit: str | None) -> Mapping[str, Any]:
    """The stages of dvc.lock at a commit, None for the working tree."""
    if commit is not None:
        return _locked(commit)
    return dvc_lock.stages(Path(LOCK).read_bytes() if Path(LOCK).exists() else None)


@lru_cache(maxsize=8)
def _locked(commit: str) -> Mapping[str, Any]:
    return dvc_lock.stages(git.contents([f"{commit}:{LOCK}"])[0])


def disagreements(variant: str, commit: str | None, release: Release) -> list[str]:
    """Where record, benchmark and model at a commit, None for the working tree, are not of one build by dvc.lock."""
    stages, wrong = _lock(commit), []
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


def _digest(md5: str) -> tuple[str, int]:
    """SHA-256 and bytes of what the remote has under a hash."""
    found, size = hashlib.sha256(), 0
    try:
        with _remote(md5) as file:
            while part := file.read(_CHUNK):
                found.update(part)
                size += len(part)
    except FileNotFoundError:
        raise AbsentError(_ABSENT)
    return found.hexdigest(), size


def _digested(content: bytes) -> tuple[str, int]:
    return hashlib.sha256(content).hexdigest(), len(content)


def _fetched(md5: str) -> bytes:
    """The bytes of a hash from DVC's cache, wherever it is, or from the remote."""
    from dvc.repo import Repo

    with Repo() as repo:
        content = _whole(Path(repo.cache.local.oid_to_path(md5)), md5)
    return _sent(md5) if content is None else content


def _sent(md5: str) -> bytes:
    """The bytes of a hash from the remote."""
    try:
        with _remote(md5) as file:
            content = bytes(file.read())
    except FileNotFoundError:
        raise AbsentError(_ABSENT)
    if hashlib.md5(content, usedforsecurity=False).hexdigest() != md5:
        raise AbsentError(f"is damaged in the DVC remote: {_again(md5)}")
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
