"""A bundle: all that the registry reads of a version in one file, to take it to a repository that does not have it.

It is a tar archive without compression. Its first file, `bundle.json`, names the version, and states the size and the
SHA-256 of each other file. The others have the paths that they have in a repository:

    models/<variant>/release.json, card.md, and each file that the record names
    reports/<variant>/benchmark.json, shipped.parquet, and predictions.parquet where a rule needs it
    params/<variant>.yaml, dvc.lock, and the pins of the build environment

Of dvc.lock it has what the registry reads of the variant's stages: the hashes of what they read and wrote, and the
digests of their code. It has no code, no command and no data. Names, times and owners in the archive are fixed, so
equal versions give equal bytes.

Whoever sends a bundle may have written anything into it. So only plain files are read, with the names above and the
stated sizes; headers that lead to more, such as links and extensions of tar, are refused.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Annotated, Any, Literal

import yaml
from pydantic import Field

from slipway.core import documents
from slipway.core.config import CODE
from slipway.core.documents import LOCK
from slipway.core.errors import MalformedError, ModelError, RegistryError
from slipway.records import dvc_lock
from slipway.records.release import FILES, Artifact, Part, Record, validated
from slipway.registry import artifacts, audit, git, grammar, provenance, releases

SCHEMA = 1
MANIFEST = "bundle.json"
LARGEST_DOCUMENT = 16 * 2**20
"""The most bytes of a file that goes into Git."""
_STAGES = (*provenance.STAGES, "register")
"""The stages of which the registry reads the entries in dvc.lock."""
_NO_COMMAND = "false"
"""In place of the command of a stage, which DVC requires in dvc.lock: what was sent must not be run."""
_BLOCK = tarfile.BLOCKSIZE
_CHUNK = 1 << 20


class BundleError(ModelError):
    """A bundle cannot be used."""


class Manifest(Part):
    """What a bundle holds: a version, and its files by path."""

    schema_version: Annotated[Literal[1], Field(alias="schema")]
    variant: str
    version: str
    files: dict[str, Artifact]

    @property
    def name(self) -> str:
        """The full name of the version, such as base-ad-detector@v1.2.0."""
        return f"{self.variant}@{self.version}"


def documents_of(variant: str) -> list[str]:
    """The paths of the files of a version that are kept in Git."""
    card = f"models/{variant}/card.md"
    known = [releases.record_path(variant), releases.benchmark_path(variant), f"params/{variant}.yaml", LOCK, card]
    return known + list(provenance.ENVIRONMENTS)


def outputs_of(variant: str) -> list[str]:
    """The paths of the files of a version that are kept by DVC."""
    parquets = [f"reports/{variant}/{name}.parquet" for name in ("shipped", "predictions")]
    return [*(f"models/{variant}/{name}" for name in FILES), *parquets]


def write(variant: str, version: str, commit: str, path: Path) -> Manifest:
    """Write the bundle of a variant at a commit, under the name of a version, and return what it holds.

    The files come from DVC's cache or its default remote.

    Raises:
        ModelError: the release or a file at the commit is missing, malformed or not what its record says.
        RegistryError: there is no release record.
    """
    (release,) = releases.read([(variant, commit)])
    if release.malformed:
        raise ModelError(f"commit {commit[:7]}: {release.malformed[0]}")
    if release.record is None or release.benchmark is None:
        lacking = releases.record_path(variant) if release.record is None else releases.benchmark_path(variant)
        raise RegistryError(f"{lacking}: not in commit {commit[:7]}; run `dvc repro register@{variant}`, and commit it")
    known = documents_of(variant)
    found = zip(known, git.contents([f"{commit}:{name}" for name in known]), strict=True)
    contents = {name: content for name, content in found if content is not None}
    params = f"params/{variant}.yaml"
    if params not in contents:
        raise RegistryError(f"{params}: not in commit {commit[:7]}; run `dvc repro compose@{variant}`, and commit it")
    outputs = [f"models/{variant}/{name}" for name in sorted(release.record.artifacts)]
    outputs.append(f"reports/{variant}/shipped.parquet")
    if audit.needs_native(contents[params], params):
        outputs.append(f"reports/{variant}/predictions.parquet")
    contents |= {name: artifacts.read(name, commit) for name in outputs}
    contents[LOCK] = lock(variant, artifacts.lock(commit), contents)
    files = {name: _described(content) for name, content in contents.items()}
    manifest = Manifest.model_validate({"schema": SCHEMA, "variant": variant, "version": version, "files": files})
    if wrong := [*_not_a_version(manifest), *other_artifacts(manifest, release.record)]:
        raise ModelError(f"commit {commit[:7]} cannot be bundled: {'; '.join(wrong)}")
    _write(path, {MANIFEST: _json(manifest), **{name: contents[name] for name in sorted(contents)}})
    return manifest


def lock(variant: str, stages: Mapping[str, Any], kept: Mapping[str, Any]) -> bytes:
    """The dvc.lock of a bundle: of the stages of a variant, what the registry reads, without anything to run.

    Args:
        variant: the variant.
        stages: the stages of its dvc.lock.
        kept: the paths that the bundle has; outputs with other paths are left out.

    Raises:
        MalformedError: a stage is not in the form that DVC writes.
    """
    found = {}
    for name in (f"{stage}@{variant}" for stage in _STAGES):
        if name not in stages:
            continue
        outs, deps = (dvc_lock.hashes(stages, name, kind) for kind in ("outs", "deps"))
        code = dvc_lock.parameters(stages, name, CODE.as_posix())
        found[name] = {
            "cmd": _NO_COMMAND,
            "deps": [_entry(path, md5) for path, md5 in sorted(deps.items())],
            "params": {CODE.as_posix(): dict(sorted(code.items()))},
            "outs": [_entry(path, md5) for path, md5 in sorted(outs.items()) if path in kept],
        }
    return str(yaml.safe_dump({"schema": "2.0", "stages": found}, sort_keys=True)).encode()


def other_artifacts(manifest: Manifest, record: Record) -> list[str]:
    """Where the files of a model in a bundle are not those that its record names; empty if they are."""
    variant, wrong = manifest.variant, []
    for name in FILES:
        path, expected = f"models/{variant}/{name}", record.artifacts.get(name)
        found = manifest.files.get(path)
        if found == expected:
            continue
        if expected is None:
            wrong.append(f"{path} is not a file of the record")
        elif found is None:
            wrong.append(f"{path} is in the record, and not in the bundle")
        elif found.bytes != expected.bytes:
            wrong.append(f"{path} has {found.bytes} bytes, and the record says {expected.bytes}")
        else:
            wrong.append(
                f"{path} has SHA-256 {found.sha256[:12]}…, and the record says {expected.sha256[:12]}…; it is not the "
                "released file"
            )
    return wrong


@dataclass(frozen=True)
class Bundle:
    """A bundle that is being read: what it states to hold, and the rest of the archive."""

    manifest: Manifest
    _rest: IO[bytes]

    @classmethod
    def begin(cls, file: IO[bytes]) -> "Bundle":
        """Read the beginning of a bundle, up to what it states to hold; no more of it is read.

        Raises:
            BundleError: it is not a bundle, or states to hold what a version does not have.
        """
        name, size = _heading(file) or ("", 0)
        if name != MANIFEST:
            raise BundleError(f"not a bundle: its first file is {name[:80]!r}, and must be {MANIFEST}")
        if size > LARGEST_DOCUMENT:
            raise BundleError(f"{MANIFEST} has {size:,} bytes, and may have {LARGEST_DOCUMENT:,}")
        content = b"".join(_content(file, name, size))
        try:
            documents.strict_json(content, MANIFEST)
            manifest = validated(Manifest, content, MANIFEST)
        except MalformedError as error:
            raise BundleError(str(error))
        if wrong := list(_not_a_version(manifest)):
            raise BundleError("; ".join(wrong))
        return cls(manifest, file)

    def unpack(self, folder: Path) -> list[str]:
        """Write the files into a folder; return which of them differ from what the bundle states, empty if none does.

        Raises:
            BundleError: the archive has other files than it states, or is damaged.
        """
        left, wrong = dict(self.manifest.files), []
        while (heading := _heading(self._rest)) is not None:
            name, size = heading
            expected = left.pop(name, None)
            if expected is None:
                what = "twice" if name in self.manifest.files else f"and is not in {MANIFEST}"
                raise BundleError(f"{name[:80]!r} is in the archive {what}")
            if size != expected.bytes:
                raise BundleError(f"{name} has {size} bytes, and {MANIFEST} says {expected.bytes}")
            digest = hashlib.sha256()
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                for part in _content(self._rest, name, size):
                    digest.update(part)
                    file.write(part)
            if digest.hexdigest() != expected.sha256:
                wrong.append(
                    f"{name} has SHA-256 {digest.hexdigest()[:12]}…, and {MANIFEST} says {expected.sha256[:12]}…: the "
                    "bundle is damaged"
                )
        if left:
            raise BundleError(f"the archive ends without {', '.join(left)}")
        return wrong


def _not_a_version(manifest: Manifest) -> Iterator[str]:
    """Yield what no version has: its name, or a path or size of a file."""
    if grammar.parse(manifest.name) is None:
        yield (
            f"{MANIFEST}: {manifest.name[:80]!r} is not a version: write v and three numbers after the variant and @, "
            "such as base-ad-detector@v1.2.0"
        )
        return
    variant = manifest.variant
    small, large = documents_of(variant), outputs_of(variant)
    yield from (f"{path[:80]!r} is not a file of a version" for path in manifest.files if path not in (*small, *large))
    for path in small:
        if path in manifest.files and manifest.files[path].bytes > LARGEST_DOCUMENT:
            yield f"{path} has {manifest.files[path].bytes:,} bytes, and may have {LARGEST_DOCUMENT:,}"
    needed = [
        *small[:4],
        *(path for path in large if path.endswith(("/model.tflite", "/golden.npz", "/shipped.parquet"))),
    ]
    yield from (f"{path} is missing" for path in needed if path not in manifest.files)


def _write(path: Path, contents: Mapping[str, bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as archive:
            for name, content in contents.items():
                member = tarfile.TarInfo(name)  # its time is 0 and its owner root, unless they are set
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _heading(file: IO[bytes]) -> tuple[str, int] | None:
    """The name and the size of the next file of an archive; None at its end.

    `tarfile` would follow extensions, such as a longer name or a file with holes, before anybody could look at them.
    """
    block = file.read(_BLOCK)
    if not block.strip(b"\0"):
        return None
    try:
        found = tarfile.TarInfo.frombuf(block, "utf-8", "replace")
    except tarfile.TarError as error:
        raise BundleError(f"not a tar archive, or a damaged one ({error}); make it with `slipway registry bundle`")
    if found.type != tarfile.REGTYPE or found.size < 0:
        raise BundleError(f"{found.name[:80]!r} is not a plain file; make the bundle with `slipway registry bundle`")
    return found.name, found.size


def _content(file: IO[bytes], name: str, size: int) -> Iterator[bytes]:
    """Yield the content of the file at whose beginning an archive is, and read on to the next one."""
    left = size
    while left:
        part = file.read(min(left, _CHUNK))
        if not part:
            raise BundleError(f"the archive ends within {name}: {size - left:,} of {size:,} bytes are there")
        left -= len(part)
        yield part
    file.read(-size % _BLOCK)


def _entry(path: str, md5: str) -> dict[str, str]:
    return {"path": path, "hash": "md5", "md5": md5}


def _described(content: bytes) -> dict[str, Any]:
    return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def _json(manifest: Manifest) -> bytes:
    return (json.dumps(manifest.model_dump(mode="json", by_alias=True), sort_keys=True, indent=1) + "\n").encode()
