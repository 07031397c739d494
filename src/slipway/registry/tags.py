"""The registry tags in this clone, read in one pass, and the tags that only look like registry tags.

`grammar` defines what a registry tag is. The author, date and message of a tag are the history: who, when and why. The
number of an assignment is its position among all assignments of the variant. Dates decide nothing here, but `gto show`
and `gto history` order the same tags by date.
"""

import shlex
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from slipway.registry import git, grammar
from slipway.registry.grammar import Tag, parse

AHEAD = 24 * 60 * 60
"""Seconds by which a clock may be ahead; a later date is not trusted."""


@dataclass(frozen=True)
class Odd:
    """A ref below refs/tags/ that looks like a registry tag but is not: its name, its object id, and the reason."""

    name: str
    id: str
    why: str


@dataclass(frozen=True)
class Survey:
    """The registry tags, assignments in the order of their numbers, and the odd tags that only look like them."""

    tags: tuple[Tag, ...]
    odd: tuple[Odd, ...]

    @property
    def ids(self) -> dict[str, str]:
        """The object ids of all tags, odd ones included, by tag name."""
        return {tag.name: tag.id for tag in self.tags} | {odd.name: odd.id for odd in self.odd}


def read(variant: str | None = None) -> list[Tag]:
    """All registry tags, or those of one variant: versions first, then assignments in the order of their numbers."""
    return list(survey(variant).tags)


def survey(variant: str | None = None, variants: Collection[str] = ()) -> Survey:
    """All registry tags, or those of one variant, and the tags that only look like them.

    Args:
        variant: the variant; None for all.
        variants: names of variants in addition to those that have tags.
    """
    patterns = ["refs/tags"] if variant is None else [f"refs/tags/{variant}@*", f"refs/tags/{variant}#*"]
    listed = git.run("for-each-ref", "--format=%(objectname) %(objecttype) %(refname:strip=2)", *patterns)
    refs = [
        line.split(" ", 2) for line in listed.split("\n")[:-1]
    ]  # names may contain characters at which splitlines() splits
    whole = [identity for identity, kind, name in refs if kind == "tag" and parse(name)]
    contents = dict(zip(whole, git.contents(whole), strict=True))
    tags: list[Tag] = []
    odd: list[Odd] = []
    strange = []
    for identity, kind, name in refs:
        parsed = parse(name)
        if parsed is None:
            strange.append((name, identity))
        elif variant is None or parsed[0] == variant:
            found = grammar.understand(name, identity, kind, contents.get(identity))
            if isinstance(found, Tag):
                tags.append(found)
            else:
                odd.append(Odd(name, identity, found))
    counted, uncounted = _counted(tags)
    known = {*variants, *(tag.variant for tag in tags), *([variant] if variant else ())}
    why = "its name is not of the form VARIANT@vX.Y.Z or VARIANT#ROLE#NUMBER"
    odd += uncounted
    odd += [Odd(name, identity, why) for name, identity in strange if grammar.resembles(name, known)]
    for tag in counted if variants else ():
        near = [name for name in variants if name.casefold() == tag.variant.casefold()]
        if near and tag.variant not in near:
            odd.append(Odd(tag.name, tag.id, f"{tag.variant} is not a variant; {near[0]} is"))
    strays = {one.name for one in odd}
    left = sorted((tag for tag in counted if tag.name not in strays), key=lambda tag: (tag.counter, tag.when, tag.name))
    return Survey(tuple(left), tuple(sorted(odd, key=lambda one: one.name)))


def _counted(tags: Iterable[Tag]) -> tuple[list[Tag], list[Odd]]:
    """The first of the tags that exclude each other, and the others as odd tags."""
    first: dict[tuple[str | int | None, ...], Tag] = {}
    odd = []
    for tag in sorted(tags, key=lambda tag: (tag.action == "unassign", tag.when, tag.name)):
        place = (tag.variant, tag.commit) if tag.action == "register" else (tag.variant, tag.role, tag.counter)
        there = first.setdefault(place, tag)
        if there is not tag:
            what = "commit" if tag.action == "register" else "number"
            odd.append(Odd(tag.name, tag.id, f"{there.name} already has its {what}"))
    return list(first.values()), odd


def date_problem(tag: Tag, others: Iterable[Tag]) -> str | None:
    """Why the date of a tag cannot be right, None if it can. Dates decide nothing here, but GTO orders by them."""
    if tag.when > time.time() + AHEAD:
        return f"it is dated {tag.time}, ahead of the clock"
    for other in others:
        if other.role is not None and other.role == tag.role and other.counter > tag.counter and other.when < tag.when:
            return f"it is dated after {other.name}, which has a higher number"
    return None


def listed(names: Iterable[str], most: int = 3) -> str:
    """The first names, and the number of the others."""
    names = list(names)
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")


def quoted(names: Iterable[str]) -> str:
    """Names quoted as arguments of a shell command."""
    return " ".join(map(shlex.quote, names))
