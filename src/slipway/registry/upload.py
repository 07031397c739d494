"""Upload: a bundle becomes a version of this repository, although no branch of it has its commit.

Everything is checked before anything is kept, and all that is wrong is reported at once. The rules of the gate are this
repository's, as of its last commit: who sends a model does not decide what it must reach. A model that breaks them is a
version too, whose lifecycle is *failed* and which gets no role. One whose verdict does not follow from its predictions
is refused.

Then the bytes go to DVC's cache and remote, and the rest into a commit of its own without a parent, beside this
repository's `dvc.yaml`, `params.yaml` and `.dvc/config`, by which DVC finds the bytes. The working tree and the index
stay as they are. Last, the tag of the version and `refs/uploads/<variant>/<version>` are written in one transaction. So
an upload that is killed leaves nothing but bytes that nobody refers to, and the same command does the rest; only the
push of a tag that is here already is made up for.
"""

import hashlib
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from filelock import FileLock

from slipway.core import config, documents
from slipway.core.documents import LOCK
from slipway.core.errors import ModelError, RegistryError
from slipway.records import dvc_lock
from slipway.registry import (
    artifacts,
    audit,
    bundle,
    decision,
    git,
    promotion,
    registration,
    releases,
    sharing,
    tags,
)
from slipway.registry.bundle import Bundle, BundleError, Manifest
from slipway.registry.decision import Done
from slipway.registry.messages import message
from slipway.registry.releases import Release
from slipway.registry.state import Variant, Version
from slipway.registry.transaction import New
from slipway_edge.predictor import Predictor

FOLDER = Path(".dvc/tmp/upload")
OWN_FILES = ("dvc.yaml", config.TOP.as_posix(), ".dvc/config")
"""What a commit of an upload has of this repository."""
OWN_SECTIONS = ("task", "gate", "evaluate", "register.name")
"""The parameters that must be those of this repository."""


def upload(file: IO[bytes], name: str | None = None, *, reason: str | None = None, push: bool = False) -> Done:
    """Register the version in a bundle, whatever the verdict of the gate.

    Args:
        file: the bundle, at its beginning.
        name: the full name that the version must have, such as base-ad-detector@v1.2.0; None for any.
        reason: the reason, for the tag's message.
        push: whether to push to the Git remote too.

    Raises:
        BundleError: the file is not a bundle of this version, or what is in it is wrong.
        RegistryError: the variant does not exist here, the version does, or its bytes cannot be stored.
    """
    with _folder() as folder:
        given = Bundle.begin(file)
        manifest = given.manifest
        variant, version = manifest.variant, manifest.version
        if name is not None and name != manifest.name:
            raise BundleError(f"it is the bundle of {manifest.name}, and was sent as {name}")
        if variant not in (known := releases.variants()):
            raise RegistryError(f"{variant} is not a variant of this repository, whose variants are {', '.join(known)}")
        there = _to_share(variant, version, push)
        wrong = given.unpack(folder) or list(_mistakes(manifest, folder))
        if wrong:
            raise BundleError("; ".join(wrong))
        tree = _tree(manifest, folder)
        if there is not None:
            if git.run("rev-parse", f"{there.commit}^{{tree}}").strip() != tree:
                raise RegistryError(f"{manifest.name} already exists; a version is never moved")
            return Done(variant, version, None, tuple(promotion.share(variant)), (), True)
        snapshot = decision.begin(variant, push)
        release = _release(variant, folder)
        before = Variant(variant, snapshot.tags)
        registration.new_version(before, version)
        registration.check_new(before, release)
        outputs = [path for path in bundle.outputs_of(variant) if path in manifest.files]
        artifacts.store({_md5(folder / path): folder / path for path in outputs})
        what = f"Upload {variant} {version}"
        commit = git.run("commit-tree", tree, "-m", what).strip()
        why = message(what, reason, registration.facts(release))
        tag = New(manifest.name, commit, why, sharing.upload_of(variant, version))
        return decision.write(snapshot, [tag], version, None, (), push)


@contextmanager
def _folder() -> Iterator[Path]:
    """An empty folder for the files of a bundle; one upload at a time has it, and removes what a killed one left."""
    FOLDER.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{FOLDER}.lock"):
        shutil.rmtree(FOLDER, ignore_errors=True)
        FOLDER.mkdir()
        try:
            yield FOLDER.resolve()
        finally:
            shutil.rmtree(FOLDER, ignore_errors=True)


def _to_share(variant: str, version: str, push: bool) -> Version | None:
    """The version if it exists, and an upload before this one was ended before it was pushed; None if it is new.

    Raises:
        RegistryError: it exists.
    """
    found = Variant(variant, tags.read(variant)).versions.get(version)
    if found is None:
        return None
    if push and found.name not in sharing.at(sharing.destination(), variant)[1]:
        return found
    raise RegistryError(f"{found.name} already exists; a version is never moved")


def _mistakes(manifest: Manifest, folder: Path) -> Iterator[str]:
    """Yield what is wrong with the files of a bundle; they have the SHA-256 that the bundle states."""
    variant = manifest.variant
    release = _release(variant, folder)
    yield from release.malformed
    params = (folder / "params" / f"{variant}.yaml").read_bytes()
    try:
        stages = dvc_lock.stages(_lock(manifest, folder))
        yield from _other_than_locked(manifest, folder, stages)
        yield from _other_rules(variant, params)
        if release.record is None or release.benchmark is None:
            return
        if wrong := bundle.other_artifacts(manifest, release.record):
            yield from wrong
            return
        yield from audit.figures(release, stages, params, lambda path: _evidence(folder, path))
    except ModelError as error:
        yield str(error)
        return
    try:
        Predictor.load(folder / "models" / variant).check_golden()
    except Exception as error:  # whatever NumPy and the interpreter raise for damaged bytes
        yield f"models/{variant}: {_line(error, folder)}"


def _evidence(folder: Path, path: str) -> bytes:
    if not (folder / path).exists():
        raise BundleError(f"{path} is missing: a rule of the gate needs it")
    return (folder / path).read_bytes()


def _lock(manifest: Manifest, folder: Path) -> bytes:
    """The dvc.lock for the commit: what was sent, without anything that `bundle.lock` does not keep."""
    return bundle.lock(manifest.variant, dvc_lock.stages((folder / LOCK).read_bytes()), manifest.files)


def _other_than_locked(manifest: Manifest, folder: Path, stages: Mapping[str, object]) -> Iterator[str]:
    """Yield the files that are not what a stage wrote, according to dvc.lock."""
    locked = {path: md5 for stage in stages for path, md5 in dvc_lock.hashes(stages, stage).items()}
    for path in bundle.outputs_of(manifest.variant):
        if path in manifest.files and path not in locked:
            yield f"{LOCK} has no {path}"
    for path in sorted(manifest.files.keys() & locked.keys()):
        if _md5(folder / path) != locked[path]:
            yield f"{path} is not what {LOCK} says that a stage wrote"


def _other_rules(variant: str, params: bytes) -> Iterator[str]:
    """Yield the parameters that must be those of this repository, and are not."""
    path = f"params/{variant}.yaml"
    (own,) = git.contents([f"HEAD:{path}"])
    if own is None:
        yield f"{path} is not in the last commit of this repository, so there are no rules to judge the model by"
        return
    here, there = documents.strict_yaml(own, f"{path} of this repository"), documents.strict_yaml(params, path)
    for name in OWN_SECTIONS:
        if _section(here, name) != _section(there, name):
            yield (
                f"{path}: {name} is not that of the last commit of this repository, which decides what a model must "
                "reach: build the model with it"
            )


def _section(values: object, name: str) -> object:
    for part in name.split("."):
        values = values.get(part) if isinstance(values, Mapping) else None
    return values


def _release(variant: str, folder: Path) -> Release:
    paths = (releases.record_path(variant), releases.benchmark_path(variant))
    return Release(variant, *((folder / path).read_bytes() for path in paths))


def _tree(manifest: Manifest, folder: Path) -> str:
    """Write the tree of the commit, and return its id; nothing refers to it yet."""
    variant = manifest.variant
    (folder / LOCK).write_bytes(_lock(manifest, folder))
    paths = [path for path in bundle.documents_of(variant) if path in manifest.files]
    names = "".join(f"{folder / path}\n" for path in paths)
    blobs = git.run("hash-object", "-w", "--no-filters", "--stdin-paths", text=names).split()
    prefix = git.run("rev-parse", "--show-prefix").strip()  # the project may be a folder of a larger repository
    entries = [f"100644 {blob}\t{prefix}{path}\0" for blob, path in zip(blobs, paths, strict=True)]
    own = git.run("ls-tree", "-z", "--full-name", "HEAD", "--", *OWN_FILES)
    index = {"GIT_INDEX_FILE": str(folder / "index")}
    git.run("update-index", "-z", "--index-info", text=own + "".join(entries), environment=index)
    return git.run("write-tree", environment=index).strip()


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _line(error: Exception, folder: Path) -> str:
    return (" ".join(str(error).replace(f"{folder}/", "").split()) or type(error).__name__)[:300]
