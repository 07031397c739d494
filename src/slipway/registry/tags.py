"""The registry's tags: read in one go, and written all or none.

What counts as one is said in `grammar`. A tag's author, date and message are the history: who, when and why. The number
of an assignment is its place among all of the variant; dates decide nothing. `gto show` and `gto history` read the same
tags by their dates, so `write` dates each tag of a variant later than the one before, whatever the clocks of two
machines say.

**One wins.** Beside its tags a variant has a ref, refs/slipway/<variant>, that each write moves on. A write names the
value that its decision was made on, in the same ref transaction as the tags: whoever comes second is refused, in one
clone by `git update-ref`, between clones by an atomic push with a lease on that ref. A transaction has all of its tags
or none. Tags that were written without a push are shared later, unless the remote has tags that they were not decided
on: those that are not here, or that have a number of theirs, since all assignments of a variant are counted together.

A tag that was pushed and is gone from the remote was removed there. Nothing pushes it again by itself: as long as the
remote's ref still says its id, it is known for what it is; later its number is taken.
"""

import contextlib
import itertools
import re
import shlex
import tempfile
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from slipway.core.errors import RegistryError
from slipway.registry import git, grammar
from slipway.registry.grammar import LIVE as LIVE
from slipway.registry.grammar import ROLES as ROLES
from slipway.registry.grammar import VERSION as VERSION
from slipway.registry.grammar import Tag as Tag
from slipway.registry.grammar import parse as parse

AHEAD = 24 * 60 * 60
"""Seconds by which a clock may be ahead; what is dated later than that is not believed."""
_QUICKER = re.compile("stale info|already exists|fetch first|atomic")
"""What Git says of a push that another one came before."""


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


@dataclass(frozen=True)
class New:
    """A tag to be written."""

    name: str
    commit: str
    message: str


@dataclass(frozen=True)
class Moment:
    """The tags of one variant as they were when a decision was made; `write` refuses it once it has passed."""

    variant: str
    tags: tuple[Tag, ...]
    pointer: str
    """What refs/slipway/<variant> was; empty where there was none."""
    odd: tuple[Odd, ...] = ()

    def numbers(self) -> Iterator[int]:
        """The numbers of the next assignments: GTO counts all roles of a variant together. Odd tags take theirs too."""
        taken = {parsed[-1] for one in self.odd if (parsed := parse(one.name)) is not None}
        after = max((tag.counter for tag in self.tags), default=0) + 1
        return (number for number in itertools.count(after) if number not in taken)


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


def moment(variant: str, *, push: bool = False) -> Moment:
    """The tags of a variant now; with `push` those of the remote, which are fetched.

    Raises:
        RegistryError: with `push`, there are tags that the remote has not.
    """
    if push:
        _fetch(_remote(), variant)
    pointer = git.run("for-each-ref", "--format=%(objectname)", _pointer(variant)).strip()
    found = survey(variant)
    return Moment(variant, found.tags, pointer, found.odd)


def write(
    moment: Moment, new: Sequence[New], *, push: bool = False, check: Callable[[Tag], None] | None = None
) -> None:
    """Write annotated tags of a variant, all or none, with a later date than any that it has, signed as Git signs.

    A date that is ahead of the clock is not believed, or all that follow were to be dated after it.

    Args:
        moment: what the decision to write them was made on.
        new: the tags, in the order in which they are to be read.
        push: to the remote as well; refused there, they are taken back here.
        check: raises where a tag as it would be may not be written.

    Raises:
        RegistryError: another write was quicker, here or at the remote, or Git refuses.
    """
    remote = _remote() if push else None
    made = _make(moment, new)
    asked = ("tag.gpgSign", "tag.forceSignAnnotated")
    signing = any(git.run("config", "--type=bool", "--default=false", "--get", key).strip() == "true" for key in asked)
    for name, content in zip(made, git.contents(list(made.values())), strict=True):
        tag = grammar.understand(name, made[name], "tag", content)
        if isinstance(tag, str):
            raise RegistryError(f"{name} cannot be written: {tag}")
        if (
            signing and grammar.SIGNATURE.search(content or b"") is None
        ):  # Git 2.39 makes one unsigned, and says nothing
            raise RegistryError(f"Git cannot sign {name}: look at gpg.format and user.signingKey with `git config`")
        if check is not None:
            check(tag)
    last = made[new[-1].name]
    lines = [f"update {_pointer(moment.variant)} {last} {moment.pointer or _zeros(last)}"]
    lines += [f"create refs/tags/{tag} {identity}" for tag, identity in made.items()]
    if [tag.id for tag in read(moment.variant)] != [tag.id for tag in moment.tags]:
        raise _overtaken(moment)
    try:
        git.run("update-ref", "--stdin", text="".join(f"{line}\n" for line in ["start", *lines, "prepare", "commit"]))
    except RegistryError as error:
        if [tag.id for tag in read(moment.variant)] != [tag.id for tag in moment.tags]:
            raise _overtaken(moment)
        raise error
    if remote is not None:
        _push(remote, moment, made)


def _make(moment: Moment, new: Sequence[New]) -> dict[str, str]:
    """The objects of new tags, which nothing names yet, by name.

    `git tag` itself makes them, so that tag.gpgSign, gpg.format, user.signingKey and the rest hold; it does so beside
    the repository, with its objects and its configuration, since it cannot make a tag without a ref.
    """
    there = {one.name for one in moment.odd}
    for tag in new:
        if parse(tag.name) is None:
            raise RegistryError(f"{tag.name} is no tag that Slipway reads; `slipway doctor` names what is in its way")
        if tag.name in there:
            raise RegistryError(f"{tag.name} is there and is no tag of the registry: `slipway doctor` says why")
    now, zone = int(time.time()), git.run("var", "GIT_COMMITTER_IDENT").strip().rpartition(" ")[2]
    when = max([now, *(tag.when + 1 for tag in moment.tags if tag.when <= now + AHEAD)])
    places = [part for name in ("objects", "config", "config.worktree") for part in ("--git-path", name)]
    paths = git.run("rev-parse", "--show-object-format", "--path-format=absolute", *places).split("\n")
    kind, objects, *configurations = paths[:4]
    made = {}
    with tempfile.TemporaryDirectory() as folder:
        git.run("init", "--quiet", "--bare", "--template=", f"--object-format={kind}", folder)
        options = [part for path in configurations for part in ("-c", f"include.path={path}")]
        for offset, tag in enumerate(new):
            git.run(
                *options,
                *("-c", "core.hooksPath=/dev/null", "tag", "--cleanup=verbatim", "--file=-", tag.name, tag.commit),
                text=f"{tag.message.strip()}\n",
                environment={
                    "GIT_DIR": folder,
                    "GIT_OBJECT_DIRECTORY": objects,
                    "GIT_COMMITTER_DATE": f"@{when + offset} {zone}",
                },
            )
            made[tag.name] = git.run("--git-dir", folder, "rev-parse", f"refs/tags/{tag.name}").strip()
    return made


def remove(tag: Tag | Odd) -> None:
    """Remove a tag at the remote, and here.

    Raises:
        RegistryError: the remote does not take it, or has another of that name.
    """
    remote = _remote()
    ref = f"refs/tags/{tag.name}"
    git.run("push", "--quiet", f"--force-with-lease={ref}:{tag.id}", remote, f":{ref}")
    git.run("update-ref", "-d", ref, tag.id)


def share(variant: str) -> list[str]:
    """Push the tags of a variant that are only here, all or none, and say which.

    Raises:
        RegistryError: the remote has changed since they were written, or one of them was removed there.
    """
    remote = _remote()
    pointers, there = at(remote, variant)
    here = survey(variant)
    _same(remote, here.ids, there)
    alone = _alone(remote, variant, pointers, there)
    if not alone:
        return []
    taken = max((parsed[-1] for name in there if (parsed := parse(name)) is not None), default=0)
    unseen = there.items() - here.ids.items()
    if unseen or any(0 < tag.counter <= taken for tag in alone):
        names = _names(alone)
        raise RegistryError(
            f"{variant} was changed at {remote} after this clone wrote {listed(names)}: take yours back with `git tag "
            f"-d {quoted(names)}`, then do again with --push what still holds"
        )
    made = {tag.name: tag.id for tag in alone}
    try:
        _send(remote, variant, made, pointers.get(variant, ""))
    except RegistryError as error:
        if _QUICKER.search(str(error)):
            raise _overtaken(Moment(variant, here.tags, ""), remote)
        raise
    return list(made)


def at(remote: str, variant: str = "*", *, seconds: float | None = None) -> tuple[dict[str, str], dict[str, str]]:
    """What a remote has of a variant, or of all: refs/slipway/<variant> by variant, and the annotated tags by name.

    With `seconds` that is the most that it may take, and no password is asked for.
    """
    patterns = [_pointer(variant), f"refs/tags/{variant}@*", f"refs/tags/{variant}#*"]
    lines = git.run("ls-remote", remote, *patterns, seconds=seconds).split("\n")[:-1]
    refs = {ref: identity for identity, _, ref in (line.partition("\t") for line in lines)}
    pointers = {ref.removeprefix(_pointer("")): refs[ref] for ref in refs if ref.startswith(_pointer(""))}
    names = [ref.removeprefix("refs/tags/") for ref in refs if f"{ref}^{{}}" in refs]
    there = {
        name: refs[f"refs/tags/{name}"] for name in names if (parsed := parse(name)) and variant in ("*", parsed[0])
    }
    return pointers, there


def _alone(remote: str, variant: str, pointers: Mapping[str, str], there: Mapping[str, str]) -> list[Tag]:
    """The tags of a variant that are only here, when none of them is known to have been removed at the remote."""
    alone = [tag for tag in read(variant) if tag.name not in there]
    if removed := [tag.name for tag in alone if tag.id == pointers.get(variant)]:
        raise RegistryError(
            f"{listed(removed)} was removed at {remote}, as what may not hold its role is: take it away here too with "
            f"`git tag -d {quoted(removed)}`, then run again"
        )
    return alone


def _same(remote: str, here: Mapping[str, str], there: Mapping[str, str]) -> None:
    """Go on unless a name is of one tag here and of another one at the remote, as when two made the same version."""
    other = {name: there[name] for name, identity in here.items() if there.get(name, identity) != identity}
    if other:
        raise RegistryError(
            f"another tag at {remote} than here: {_who(remote, other)}; take yours back with `git tag -d "
            f"{quoted(other)}`, get theirs with `git fetch --tags {remote}`, then do again what still holds"
        )


def _who(remote: str, found: Mapping[str, str]) -> str:
    """Who wrote tags of a remote, and when: they are fetched as objects, and are no tags here."""
    names = sorted(found)[:3]
    with contextlib.suppress(RegistryError):  # then their names have to do
        refs = [f"refs/tags/{name}" for name in names]
        git.run("fetch", "--no-tags", "--refmap=", "--no-write-fetch-head", remote, *refs)
    said = []
    for name, content in zip(names, git.contents([found[name] for name in names]), strict=True):
        tag = grammar.understand(name, found[name], "tag", content)
        said.append(f"{name} by {tag.who}, {tag.time}" if isinstance(tag, Tag) else name)
    return "; ".join(said) + (f" and {len(found) - 3:,} more" if len(found) > 3 else "")


def _send(remote: str, variant: str, made: Mapping[str, str], pointer: str) -> None:
    """Push tags, all or none, unless the remote's ref is another than `pointer`; the last of them becomes it."""
    *_, last = made.values()
    # A tag that is there already refuses the push by itself.
    refs = [f"{last}:{_pointer(variant)}", *(f"refs/tags/{name}" for name in made)]
    git.run("push", "--atomic", f"--force-with-lease={_pointer(variant)}:{pointer}", remote, *refs)


def _push(remote: str, moment: Moment, made: Mapping[str, str]) -> None:
    pointer = _pointer(moment.variant)
    *_, last = made.values()
    try:
        _send(remote, moment.variant, made, moment.pointer)
    except RegistryError as error:
        back = f"update {pointer} {moment.pointer} {last}" if moment.pointer else f"delete {pointer} {last}"
        lines = [back, *(f"delete refs/tags/{name} {identity}" for name, identity in made.items())]
        git.run("update-ref", "--stdin", text="".join(f"{line}\n" for line in ["start", *lines, "prepare", "commit"]))
        if _QUICKER.search(str(error)):
            raise _overtaken(moment, remote)
        raise RegistryError(f"{remote} did not take {', '.join(made)}, which are taken back here too: {error}")


def _fetch(remote: str, variant: str) -> None:
    pointers, there = at(remote, variant)
    _same(remote, survey(variant).ids, there)
    if alone := _names(_alone(remote, variant, pointers, there)):
        raise RegistryError(
            f"not at {remote}: {listed(alone)}; share with `slipway registry push {variant}`, or take away with `git "
            "tag -d` what was removed there, then run again"
        )
    # The ref comes before the tags: a write in between leaves it older than them, and ours is refused. It is fetched
    # as an object, which may be of a tag that was removed.
    pointer = _pointer(variant)
    if variant in pointers:
        git.run("fetch", "--no-tags", remote, f"+{pointer}:{pointer}")
    else:
        git.run("update-ref", "-d", pointer)
    specs = [f"refs/tags/{variant}{sign}*:refs/tags/{variant}{sign}*" for sign in "@#"]
    git.run("fetch", "--no-tags", remote, *specs)


def _remote() -> str:
    remote = git.remote()
    if remote is None:
        raise RegistryError(
            "there is no Git remote to push to: add one with `git remote add origin ADDRESS`, or say which with `git "
            "config remote.pushDefault NAME`"
        )
    return remote


def _pointer(variant: str) -> str:
    return f"refs/slipway/{variant}"


def _zeros(identity: str) -> str:
    return "0" * len(identity)


def _overtaken(moment: Moment, remote: str | None = None) -> RegistryError:
    """Somebody else was quicker, here or at a remote: say who."""
    known = {tag.id for tag in moment.tags}
    if remote is None:
        where, look = "", ""
        who = "; ".join(f"{tag.name} by {tag.who}, {tag.time}" for tag in read(moment.variant) if tag.id not in known)
    else:
        where, look = f" at {remote}", f"`git fetch {remote} --tags` and "
        try:
            there = at(remote, moment.variant)[1]
            who = _who(remote, {name: identity for name, identity in there.items() if identity not in known})
        except RegistryError:
            who = ""  # it took nothing, and now it says nothing
    return RegistryError(
        f"{moment.variant} was changed{where} at the same time{f' ({who})' if who else ''}; nothing was written: look "
        f"with {look}`slipway registry history {moment.variant}`, then run again if it still holds"
    )


def listed(names: Iterable[str], most: int = 3) -> str:
    """The first few names, and how many more there are."""
    names = list(names)
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")


def quoted(names: Iterable[str]) -> str:
    """Names as arguments of a shell's command."""
    return " ".join(map(shlex.quote, names))


def _names(tags: Iterable[Tag]) -> list[str]:
    return [tag.name for tag in tags]
