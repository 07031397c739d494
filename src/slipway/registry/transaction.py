"""Transactions on the tags of a variant: all tags or none are written, and only if the state has not changed.

**One write wins.** A write states the value of refs/slipway/<variant> on which its decision is based, in the same ref
transaction as the tags. A second write on the same state is refused: in one clone by `git update-ref`, between clones
as `sharing` describes.

GTO orders tags by date, so `write` dates each tag of a variant later than the previous one, even if the clocks of two
machines differ.
"""

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from slipway.core.errors import RegistryError
from slipway.registry import git, grammar, objects, sharing
from slipway.registry.grammar import Tag, parse
from slipway.registry.tags import AHEAD, Odd, read, survey


@dataclass(frozen=True)
class New:
    """A tag to be written."""

    name: str
    commit: str
    message: str
    ref: str | None = None
    """A ref that is created with the tag, at the same commit."""


@dataclass(frozen=True)
class Snapshot:
    """The tags of one variant at the time of a decision; `write` refuses it if the tags have changed since."""

    variant: str
    tags: tuple[Tag, ...]
    pointer: str
    """The value of refs/slipway/<variant>; empty if it did not exist."""
    odd: tuple[Odd, ...] = ()

    def numbers(self) -> Iterator[int]:
        """The next free assignment numbers. GTO counts all roles of a variant together; odd tags use up numbers too."""
        taken = {parsed[-1] for one in self.odd if (parsed := parse(one.name)) is not None}
        after = max((tag.counter for tag in self.tags), default=0) + 1
        return (number for number in itertools.count(after) if number not in taken)


def snapshot(variant: str, *, push: bool = False) -> Snapshot:
    """The current tags of a variant; with `push`, the tags of the remote are fetched first.

    Raises:
        RegistryError: with `push`, the remote lacks local tags.
    """
    if push:
        sharing.fetch(sharing.destination(), variant)
    pointer = git.run("for-each-ref", "--format=%(objectname)", sharing.pointer_of(variant)).strip()
    found = survey(variant)
    return Snapshot(variant, found.tags, pointer, found.odd)


def write(
    snapshot: Snapshot, new: Sequence[New], *, push: bool = False, check: Callable[[Tag], None] | None = None
) -> None:
    """Write annotated tags of a variant, all or none, dated after all of its tags, and signed if Git is set to sign.

    A tag that is dated ahead of the clock is ignored for this; otherwise all later tags would need an even later date.

    Args:
        snapshot: the state on which the decision is based.
        new: the tags, in the order in which they take effect.
        push: whether to push them to the remote too; if it refuses them, they are deleted here.
        check: called with each tag before it is written; raises if the tag may not be written.

    Raises:
        RegistryError: another write came first, here or at the remote, or Git fails.
    """
    remote = sharing.destination() if push else None
    made = _make(snapshot, new)
    _check_objects(made, check)
    last = made[new[-1].name]
    lines = [f"update {sharing.pointer_of(snapshot.variant)} {last} {snapshot.pointer or _zeros(last)}"]
    lines += [f"create refs/tags/{tag} {identity}" for tag, identity in made.items()]
    refs = {tag.ref: tag.commit for tag in new if tag.ref is not None}
    lines += [f"update {ref} {commit}" for ref, commit in refs.items()]
    if [tag.id for tag in read(snapshot.variant)] != [tag.id for tag in snapshot.tags]:
        raise sharing.conflict(snapshot.variant, snapshot.tags)
    try:
        git.run("update-ref", "--stdin", text="".join(f"{line}\n" for line in ["start", *lines, "prepare", "commit"]))
    except RegistryError as error:
        if [tag.id for tag in read(snapshot.variant)] != [tag.id for tag in snapshot.tags]:
            raise sharing.conflict(snapshot.variant, snapshot.tags)
        raise error
    if remote is not None:
        _push(remote, snapshot, made, refs)


def _make(snapshot: Snapshot, new: Sequence[New]) -> dict[str, str]:
    """Create the objects of new tags without refs, and return their ids by name."""
    there = {one.name for one in snapshot.odd}
    for tag in new:
        if parse(tag.name) is None:
            raise RegistryError(
                f"{tag.name} is not a tag that Slipway reads; `slipway doctor` shows what is in its way"
            )
        if tag.name in there:
            raise RegistryError(f"{tag.name} exists but is not a registry tag: `slipway doctor` says why")
    now = int(time.time())
    when = max([now, *(tag.when + 1 for tag in snapshot.tags if tag.when <= now + AHEAD)])
    return {tag.name: objects.tag(tag.name, tag.commit, tag.message, when + offset) for offset, tag in enumerate(new)}


def _check_objects(made: Mapping[str, str], check: Callable[[Tag], None] | None) -> None:
    """Raise if one of the new objects is not a registry tag, or fails `check`."""
    for name, content in zip(made, git.contents(list(made.values())), strict=True):
        tag = grammar.understand(name, made[name], "tag", content)
        if isinstance(tag, str):
            raise RegistryError(f"{name} cannot be written: {tag}")
        if check is not None:
            check(tag)


def _push(remote: str, snapshot: Snapshot, made: Mapping[str, str], refs: Mapping[str, str]) -> None:
    """Push the tags of a transaction; if the remote refuses them, delete them here."""
    pointer = sharing.pointer_of(snapshot.variant)
    *_, last = made.values()
    try:
        sharing.send(remote, snapshot.variant, made, snapshot.pointer)
    except RegistryError as error:
        back = f"update {pointer} {snapshot.pointer} {last}" if snapshot.pointer else f"delete {pointer} {last}"
        lines = [back, *(f"delete refs/tags/{name} {identity}" for name, identity in made.items())]
        lines += [f"delete {ref} {commit}" for ref, commit in refs.items()]
        git.run("update-ref", "--stdin", text="".join(f"{line}\n" for line in ["start", *lines, "prepare", "commit"]))
        if sharing.OVERTAKEN.search(str(error)):
            raise sharing.conflict(snapshot.variant, snapshot.tags, remote)
        raise RegistryError(f"{remote} did not accept {', '.join(made)}, so they were deleted here too: {error}")


def _zeros(identity: str) -> str:
    return "0" * len(identity)
