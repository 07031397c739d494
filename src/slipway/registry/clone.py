"""Whether the tags of this clone are all that there are: what holds a role cannot be read off a part of them.

A clone may lack tags (`--depth`, `--no-tags`, `--single-branch`, or nobody has fetched since another pushed), or have
some that the remote has not any more or has in another form. It is compared with the remote that Git pushes to, which
takes one `git ls-remote`. Where that remote cannot be reached, the tags that are here are believed, with a warning, so
that one can work offline; a clone without any is not, since it may never have fetched them.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from slipway.core.errors import RegistryError
from slipway.registry import git, grammar, sharing, tags

logger = logging.getLogger(__name__)

SECONDS = 20.0
"""The longest that a remote may take to say which tags it has."""


class IncompleteError(RegistryError):
    """This clone does not have all tags, so it cannot be told what they say."""

    exit_code = 3


@dataclass(frozen=True)
class Difference:
    """The names of tags of the registry that are not the same here as at a remote."""

    remote: str
    unseen: tuple[str, ...]
    """They are at the remote only."""
    other: tuple[str, ...]
    """They are another here than at the remote."""
    removed: tuple[str, ...]
    """They are here, and were removed at the remote."""
    unshared: tuple[str, ...]
    """They are here only."""

    def of(self, variant: str) -> "Difference":
        """Of this variant alone."""
        kinds = (self.unseen, self.other, self.removed, self.unshared)
        return Difference(self.remote, *(tuple(one for one in kind if _variant(one) == variant) for kind in kinds))


@dataclass(frozen=True)
class Clone:
    """What there is to know of this clone: why it could not be compared with a remote, or how it differs from it."""

    shallow: bool
    unknown: str | None
    difference: Difference | None

    def check(self, variant: str | None = None, *, certain: bool = False) -> None:
        """Go on only where the tags here are those of the remote, of a variant or all.

        Where the remote could not be asked, the tags here have to do, unless it has to be `certain`.

        Raises:
            IncompleteError: some are missing, were removed or are another there.
        """
        if wrong := self.lacking(variant):
            said, mend = wrong[0]
            raise IncompleteError(f"{said}: run `{mend}`, then again")
        if certain and self.unknown is not None:
            raise IncompleteError(f"{self.unknown}, so what others have promoted since may be missing here; run again")

    def lacking(self, variant: str | None = None) -> list[tuple[str, str]]:
        """Why the tags here cannot be relied on, each with the command that mends it; nothing where they can."""
        wrong = []
        if self.shallow:
            wrong.append(
                ("this clone is shallow, so versions and roles may be missing", "git fetch --unshallow --tags")
            )
        if self.unknown is not None:
            if not here():
                why = f"{self.unknown}, and this clone has no tag of the registry, so nobody knows what holds a role"
                wrong.append((why, "git fetch --tags"))
            return wrong
        if self.difference is None:
            return wrong
        found = self.difference if variant is None else self.difference.of(variant)
        if found.other:
            mend = f"git tag -d {tags.quoted(found.other)} && git fetch --tags {found.remote}"
            wrong.append((f"another at {found.remote} than here: {tags.listed(found.other)}", mend))
        if found.unseen:
            mend = f"git fetch {'--unshallow ' if self.shallow else ''}--tags {found.remote}"
            wrong.append((f"not fetched from {found.remote}: {tags.listed(found.unseen)}", mend))
        if found.removed:
            wrong.append(
                (f"removed at {found.remote}: {tags.listed(found.removed)}", f"git tag -d {tags.quoted(found.removed)}")
            )
        return wrong


def look(*, ask: bool = True) -> Clone:
    """Look at this clone, and ask its remote unless somebody else does; one that does not answer costs a warning.

    Raises:
        RegistryError: this is no clone of Git.
    """
    shallow = git.is_shallow()
    if not ask:
        return Clone(shallow, None, None)
    remote = git.remote()
    if remote is None:
        others = git.run("remote").split()
        unknown = f"which of {', '.join(others)} has the registry is not said (git config remote.pushDefault NAME)"
        return Clone(shallow, unknown if others else None, None)
    try:
        return Clone(shallow, None, beside(remote))
    except RegistryError as error:
        unknown = f"{remote} cannot be reached ({error})"
        logger.warning("%s: its tags are not compared with those of this clone", unknown)
        return Clone(shallow, unknown, None)


def beside(remote: str) -> Difference:
    """How the tags of the registry differ here from those at a remote.

    Raises:
        RegistryError: it cannot be reached.
    """
    pointers, there = sharing.at(remote, seconds=SECONDS)
    mine = here()
    alone = mine.keys() - there.keys()
    removed = {name for name in alone if mine[name] in pointers.values()}
    return Difference(
        remote,
        unseen=tuple(sorted(there.keys() - mine.keys())),
        other=tuple(sorted(name for name in mine.keys() & there.keys() if mine[name] != there[name])),
        removed=tuple(sorted(removed)),
        unshared=tuple(sorted(alone - removed)),
    )


def here() -> Mapping[str, str]:
    """The annotated tags of this clone that have a name of the registry, and their ids."""
    lines = git.run("for-each-ref", "--format=%(objecttype) %(objectname) %(refname:strip=2)", "refs/tags").splitlines()
    found = (line.split(" ", 2) for line in lines)
    return {name: identity for kind, identity, name in found if kind == "tag" and grammar.parse(name)}


def _variant(name: str) -> str:
    parsed = grammar.parse(name)
    return parsed[0] if parsed else ""
