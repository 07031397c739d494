"""`slipway resolve`: resolve the merge conflicts in files that stages write, by taking one side of each.

It does not matter which side is right. DVC accepts an entry of dvc.lock only if it matches code, data, parameters and
outputs; otherwise it runs the stage again, or restores its outputs from the run cache. A side that does not fit the
merge costs time, but never gives a wrong model. Files that people write (conf/, params.yaml, code) are left to them.

dvc.lock is merged stage by stage: an entry that only one side changed is taken from that side; if both changed it, ours
is taken.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slipway.core import atomic, documents
from slipway.core.documents import LOCK
from slipway.core.errors import ConfigError
from slipway.registry import git

READ = ("*.yaml", "*.dvc", ".dvc/config", "requirements/*.lock", LOCK, *documents.GENERATED)
"""Git path patterns of the files that are searched for conflicts, in addition to unmerged files."""
Sides = tuple[bytes | None, bytes | None, bytes | None]
"""A file in the merge base, on our side and on their side; None if it is absent there or unknown."""


@dataclass(frozen=True)
class Conflict:
    """A file with a merge conflict.

    `count`: the number of conflicts with markers; 0 if there are none, as in a file that one side removed. `unmerged`:
    whether Git lists the file as unmerged.
    """

    path: str
    count: int
    unmerged: bool

    @property
    def message(self) -> str:
        """The problem, and what to do."""
        if self.count:
            return documents.conflict(self.path, self.count)
        fix = "run `slipway resolve`" if documents.generated(self.path) else "`git status` explains how to resolve it"
        return f"the merge conflict is not resolved; {fix}"


@dataclass(frozen=True)
class Resolved:
    """The conflicts that were resolved, and those that are left to the user."""

    settled: tuple[Conflict, ...]
    left: tuple[Conflict, ...]


def conflicts() -> list[Conflict]:
    """Return the files of the working tree with merge conflicts: unmerged in Git, or with conflict markers.

    Raises:
        RegistryError: this is not a Git repository.
    """
    unmerged = _unmerged()
    searched = git.run("ls-files", "-z", "--", *READ).split("\0")
    found = []
    for path in sorted({*searched, *unmerged} - {""}):
        content = Path(path).read_bytes() if Path(path).is_file() else b""
        count = len(documents.conflicts(content))
        if count or path in unmerged:
            found.append(Conflict(path, count, path in unmerged))
    return found


def resolve() -> Resolved:
    """Resolve the conflicts in generated files, and stage them in Git.

    Raises:
        ConfigError: a side of dvc.lock cannot be read.
        RegistryError: this is not a Git repository.
    """
    found = conflicts()
    settled = [one for one in found if documents.generated(one.path)]
    unmerged = _unmerged()
    for one in settled:
        base, ours, theirs = _sides(one, unmerged.get(one.path, {}))
        content = _merged(base, ours, theirs) if one.path == LOCK else ours
        if content is None:
            Path(one.path).unlink(missing_ok=True)
        else:
            atomic.write_bytes(Path(one.path), content)
    if resolved := [one.path for one in settled if one.unmerged]:
        git.run("add", "--all", "--force", "--pathspec-from-file=-", "--pathspec-file-nul", text="\0".join(resolved))
    return Resolved(tuple(settled), tuple(one for one in found if one not in settled))


def _unmerged() -> dict[str, dict[int, str]]:
    """Return the Git objects of each unmerged path by stage: 1 merge base, 2 ours, 3 theirs."""
    found: dict[str, dict[int, str]] = {}
    for line in git.run("ls-files", "--unmerged", "-z").split("\0")[:-1]:
        about, _, path = line.partition("\t")
        _, name, stage = about.split()
        found.setdefault(path, {})[int(stage)] = name
    return found


def _sides(conflict: Conflict, objects: Mapping[int, str]) -> Sides:
    """Return the sides of the merge from Git's objects, or without these from the conflict markers in the file."""
    if objects:
        contents = dict(zip(objects, git.contents(list(objects.values())), strict=True))
        return contents.get(1), contents.get(2), contents.get(3)
    ours, theirs, at = [], [], "both"
    for line in Path(conflict.path).read_bytes().splitlines(keepends=True):
        mark = line[:7] if line[7:8] in (b" ", b"\n", b"\r", b"") else b""
        if mark == b"<<<<<<<":
            at = "ours"
        elif mark == b"|||||||" and at == "ours":
            at = "base"
        elif mark == b"=======" and at in ("ours", "base"):
            at = "theirs"
        elif mark == b">>>>>>>" and at == "theirs":
            at = "both"
        else:
            ours += [line] if at in ("both", "ours") else []
            theirs += [line] if at in ("both", "theirs") else []
    return None, b"".join(ours), b"".join(theirs)


def _merged(base: bytes | None, ours: bytes | None, theirs: bytes | None) -> bytes | None:
    """Return dvc.lock merged from both sides, as DVC writes it; None if our side removed it."""
    from dvc.utils.serialize import dumps_yaml

    if ours is None:
        return None
    before, mine, other = (_stages(side) for side in (base, ours, theirs))
    stages = {}
    for name in [*mine, *(name for name in other if name not in mine)]:
        entry = other.get(name) if mine.get(name) == before.get(name) else mine.get(name)
        if entry is not None:
            stages[name] = entry
    text: str = dumps_yaml({"schema": "2.0", "stages": stages})
    return text.encode()


def _stages(lock: bytes | None) -> dict[str, Any]:
    """Return the stages of one side of dvc.lock, read by DVC: it parses 1e-05 as a number, PyYAML as text."""
    from dvc.exceptions import DvcException
    from dvc.utils.serialize import parse_yaml

    try:
        return dict(parse_yaml((lock or b"").decode(), LOCK).get("stages") or {})
    except (DvcException, ValueError, AttributeError):
        raise ConfigError(
            f"{LOCK}: neither side of the conflict can be read; `git checkout --ours {LOCK}`, or --theirs"
        )
