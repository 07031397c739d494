"""Whether this clone has all registry tags: an incomplete set cannot show which version holds a role.

A clone may lack tags (`--depth`, `--no-tags`, `--single-branch`, or no fetch since someone else pushed), or have tags
that were deleted or changed at the remote. It is compared with the remote that Git pushes to, by one `git ls-remote`.
If that remote cannot be reached, the local tags are used with a warning, so that work offline is possible. A clone
without any tags is refused in that case, since it may never have fetched them.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from slipway.core.errors import RegistryError
from slipway.registry import git, grammar, sharing, tags

logger = logging.getLogger(__name__)

SECONDS = 20.0
"""The time limit for a remote to list its tags."""


class IncompleteError(RegistryError):
    """This clone does not have all tags, so versions and roles cannot be determined."""

    exit_code = 3


@dataclass(frozen=True)
class Difference:
    """The names of registry tags that differ between this clone and a remote."""

    remote: str
    unseen: tuple[str, ...]
    """Only at the remote."""
    other: tuple[str, ...]
    """In both, but different."""
    removed: tuple[str, ...]
    """In this clone; deleted at the remote."""
    unshared: tuple[str, ...]
    """Only in this clone."""

    def of(self, variant: str) -> "Difference":
        """The difference for one variant."""
        kinds = (self.unseen, self.other, self.removed, self.unshared)
        return Difference(self.remote, *(tuple(one for one in kind if _variant(one) == variant) for kind in kinds))


@dataclass(frozen=True)
class Clone:
    """The state of this clone: its difference from the remote, or the reason why it could not be compared."""

    shallow: bool
    unknown: str | None
    difference: Difference | None

    def check(self, variant: str | None = None, *, certain: bool = False) -> None:
        """Check that the local tags of a variant, or of all variants, match those of the remote.

        If the remote could not be reached, the local tags are accepted, unless `certain` is set.

        Raises:
            IncompleteError: tags are missing, were deleted at the remote, or differ there.
        """
        if wrong := self.lacking(variant):
            problem, remedy = wrong[0]
            raise IncompleteError(f"{problem}: run `{remedy}`, then try again")
        if certain and self.unknown is not None:
            raise IncompleteError(
                f"{self.unknown}, so recent promotions by others may be missing here; try again when it can be reached"
            )

    def lacking(self, variant: str | None = None) -> list[tuple[str, str]]:
        """The reasons why the local tags are not reliable, each with the command that fixes it; empty if they are."""
        wrong = []
        if self.shallow:
            wrong.append(
                ("this clone is shallow, so versions and roles may be missing", "git fetch --unshallow --tags")
            )
        if self.unknown is not None:
            if not here():
                why = (
                    f"{self.unknown}, and this clone has no registry tags, so it is unknown which versions hold a role"
                )
                wrong.append((why, "git fetch --tags"))
            return wrong
        if self.difference is None:
            return wrong
        found = self.difference if variant is None else self.difference.of(variant)
        if found.other:
            remedy = f"git tag -d {tags.quoted(found.other)} && git fetch --tags {found.remote}"
            wrong.append((f"different here and at {found.remote}: {tags.listed(found.other)}", remedy))
        if found.unseen:
            remedy = f"git fetch {'--unshallow ' if self.shallow else ''}--tags {found.remote}"
            wrong.append((f"not fetched from {found.remote}: {tags.listed(found.unseen)}", remedy))
        if found.removed:
            wrong.append(
                (f"deleted at {found.remote}: {tags.listed(found.removed)}", f"git tag -d {tags.quoted(found.removed)}")
            )
        return wrong


def look(*, compare: bool = True) -> Clone:
    """Inspect this clone and, with `compare`, compare it with its remote; warn if the remote does not answer.

    Raises:
        RegistryError: this folder is not in a Git repository.
    """
    shallow = git.is_shallow()
    if not compare:
        return Clone(shallow, None, None)
    remote = git.remote()
    if remote is None:
        others = git.run("remote").split()
        unknown = f"it is not set which of {', '.join(others)} has the registry (git config remote.pushDefault NAME)"
        return Clone(shallow, unknown if others else None, None)
    try:
        return Clone(shallow, None, difference(remote))
    except RegistryError as error:
        unknown = f"{remote} cannot be reached ({error})"
        logger.warning("%s: its tags are not compared with those of this clone", unknown)
        return Clone(shallow, unknown, None)


def difference(remote: str) -> Difference:
    """The difference between the registry tags in this clone and those at a remote.

    Raises:
        RegistryError: the remote cannot be reached.
    """
    pointers, there = sharing.at(remote, seconds=SECONDS)
    mine = here()
    local_only = mine.keys() - there.keys()
    removed = {name for name in local_only if mine[name] in pointers.values()}
    return Difference(
        remote,
        unseen=tuple(sorted(there.keys() - mine.keys())),
        other=tuple(sorted(name for name in mine.keys() & there.keys() if mine[name] != there[name])),
        removed=tuple(sorted(removed)),
        unshared=tuple(sorted(local_only - removed)),
    )


def here() -> Mapping[str, str]:
    """The object ids of the annotated tags in this clone that have a registry name, by name."""
    lines = git.run("for-each-ref", "--format=%(objecttype) %(objectname) %(refname:strip=2)", "refs/tags").splitlines()
    found = (line.split(" ", 2) for line in lines)
    return {name: identity for kind, identity, name in found if kind == "tag" and grammar.parse(name)}


def _variant(name: str) -> str:
    parsed = grammar.parse(name)
    return parsed[0] if parsed else ""
