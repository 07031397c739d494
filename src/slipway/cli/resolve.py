"""`slipway resolve`: one side of each conflict that a merge left in what stages write.

Which side is right need not be known. DVC believes an entry of dvc.lock only where code, data, parameters and outputs
are those that it names; else it runs the stage, or takes what that wrote from its run cache. A side that does not
fit what was merged costs time, and no wrong model comes of it. What people write (conf/, params.yaml, code) is theirs.

dvc.lock is merged stage by stage: an entry that one side alone changed is that side's, one that both changed is ours.
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
"""The files of the repository, as Git matches paths, that are looked through for conflicts beside unmerged ones."""
Sides = tuple[bytes | None, bytes | None, bytes | None]
"""A file before the branches parted, on this one and on the other; None where it was not, or where nobody knows."""


@dataclass(frozen=True)
class Conflict:
    """A file that a merge could not settle.

    `count`: its conflicts with marks, 0 where Git left none, as of a file that one side removed; `unmerged`: whether
    Git still waits for it.
    """

    path: str
    count: int
    unmerged: bool

    @property
    def told(self) -> str:
        """What is wrong with it, and what to do."""
        if self.count:
            return documents.told(self.path, self.count)
        mend = "run `slipway resolve`" if documents.generated(self.path) else "`git status` says how to settle it"
        return f"the merge is not settled; {mend}"


@dataclass(frozen=True)
class Resolved:
    """The conflicts of which one side was taken, and those that are left to people."""

    settled: tuple[Conflict, ...]
    left: tuple[Conflict, ...]


def conflicts() -> list[Conflict]:
    """The files in the working folder that a merge could not settle: for Git, or by the marks in them.

    Raises:
        RegistryError: this is no Git repository.
    """
    unmerged = _unmerged()
    looked = git.run("ls-files", "-z", "--", *READ).split("\0")
    found = []
    for path in sorted({*looked, *unmerged} - {""}):
        content = Path(path).read_bytes() if Path(path).is_file() else b""
        count = len(documents.conflicts(content))
        if count or path in unmerged:
            found.append(Conflict(path, count, path in unmerged))
    return found


def resolve() -> Resolved:
    """Settle the conflicts in generated files, and tell Git.

    Raises:
        ConfigError: a side of dvc.lock is not one.
        RegistryError: this is no Git repository.
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
    if told := [one.path for one in settled if one.unmerged]:
        git.run("add", "--all", "--force", "--pathspec-from-file=-", "--pathspec-file-nul", text="\0".join(told))
    return Resolved(tuple(settled), tuple(one for one in found if one not in settled))


def _unmerged() -> dict[str, dict[int, str]]:
    """The objects of each path that Git could not merge: 1 before the branches parted, 2 ours, 3 theirs."""
    found: dict[str, dict[int, str]] = {}
    for line in git.run("ls-files", "--unmerged", "-z").split("\0")[:-1]:
        about, _, path = line.partition("\t")
        _, name, stage = about.split()
        found.setdefault(path, {})[int(stage)] = name
    return found


def _sides(conflict: Conflict, objects: Mapping[int, str]) -> Sides:
    """What Git merged; without its objects, the two sides that the marks in the file tell."""
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
    """dvc.lock of both sides, as DVC writes it; None where ours is removed."""
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
    """The stages of one side of dvc.lock, by DVC's own reader: it takes 1e-05 for a number, and PyYAML for text."""
    from dvc.exceptions import DvcException
    from dvc.utils.serialize import parse_yaml

    try:
        return dict(parse_yaml((lock or b"").decode(), LOCK).get("stages") or {})
    except (DvcException, ValueError, AttributeError):
        raise ConfigError(
            f"{LOCK}: neither side of the conflict can be read; `git checkout --ours {LOCK}`, or --theirs"
        )
