"""The tags of the registry that this clone has, read in one go, and what only looks like one.

What counts as one is said in `grammar`. A tag's author, date and message are the history: who, when and why. The number
of an assignment is its place among all of the variant; dates decide nothing, but `gto show` and `gto history` read the
same tags by them.
"""

import shlex
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from slipway.registry import git, grammar
from slipway.registry.grammar import Tag, parse

AHEAD = 24 * 60 * 60
"""Seconds by which a clock may be ahead; what is dated later than that is not believed."""


@dataclass(frozen=True)
class Odd:
    """A ref below refs/tags/ that looks like a tag of the registry and is none: the object it names, and why."""

    name: str
    id: str
    why: str


@dataclass(frozen=True)
class Survey:
    """The tags of the registry, all assignments in the order of their numbers, and what only looks like one."""

    tags: tuple[Tag, ...]
    odd: tuple[Odd, ...]

    @property
    def ids(self) -> dict[str, str]:
        """The objects by the name of the tag, of both."""
        return {tag.name: tag.id for tag in self.tags} | {odd.name: odd.id for odd in self.odd}


def read(variant: str | None = None) -> list[Tag]:
    """All tags of the registry, or of one variant: its versions, then its assignments in the order of their numbers."""
    return list(survey(variant).tags)


def survey(variant: str | None = None, variants: Collection[str] = ()) -> Survey:
    """All tags of the registry, or of one variant, and what only looks like one.

    Args:
        variant: the variant, all where it is None.
        variants: names of variants besides those that have tags.
    """
    patterns = ["refs/tags"] if variant is None else [f"refs/tags/{variant}@*", f"refs/tags/{variant}#*"]
    listed = git.run("for-each-ref", "--format=%(objectname) %(objecttype) %(refname:strip=2)", *patterns)
    refs = [line.split(" ", 2) for line in listed.split("\n")[:-1]]  # names may have what splitlines() splits at
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
            odd.append(Odd(tag.name, tag.id, f"{tag.variant} is no variant; {near[0]} is"))
    strays = {one.name for one in odd}
    left = sorted((tag for tag in counted if tag.name not in strays), key=lambda tag: (tag.counter, tag.when, tag.name))
    return Survey(tuple(left), tuple(sorted(odd, key=lambda one: one.name)))


def _counted(tags: Iterable[Tag]) -> tuple[list[Tag], list[Odd]]:
    """Of the tags of which only one can count, the first; the others are odd."""
    first: dict[tuple[str | int | None, ...], Tag] = {}
    odd = []
    for tag in sorted(tags, key=lambda tag: (tag.action == "unassign", tag.when, tag.name)):
        place = (tag.variant, tag.commit) if tag.action == "register" else (tag.variant, tag.role, tag.counter)
        there = first.setdefault(place, tag)
        if there is not tag:
            what = "commit" if tag.action == "register" else "number"
            odd.append(Odd(tag.name, tag.id, f"its {what} has {there.name} already"))
    return list(first.values()), odd


def untimely(tag: Tag, others: Iterable[Tag]) -> str | None:
    """Why the date of a tag among those of its variant cannot be. Dates decide nothing here, but GTO goes by them."""
    if tag.when > time.time() + AHEAD:
        return f"it is dated {tag.time}, ahead of the clock"
    for other in others:
        if other.role is not None and other.role == tag.role and other.counter > tag.counter and other.when < tag.when:
            return f"it is dated after {other.name}, which has a higher number"
    return None


def listed(names: Iterable[str], most: int = 3) -> str:
    """The first few names, and how many more there are."""
    names = list(names)
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")


def quoted(names: Iterable[str]) -> str:
    """Names as arguments of a shell's command."""
    return " ".join(map(shlex.quote, names))
