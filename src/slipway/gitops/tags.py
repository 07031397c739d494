"""The registry's tags, in GTO's grammar: how they are named, read in one go, and written all or none.

    base-ad-detector@v1.2.0          the version v1.2.0
    base-ad-detector@v1.2.0!         it is a version no longer
    base-ad-detector#production#7    the version at this commit is given the role
    base-ad-detector#production!#8   the role is taken from it
    base-ad-detector@deprecated      the variant is

A tag's author, date and message are the history: who, when and why. `gto show` and `gto history` read the same tags.
GTO goes by the date, to the second; `write` dates each tag of a variant later than the one before, whatever the clocks
of two machines say, so that the last one written is the last one read.

**One wins.** Beside its tags a variant has a ref, refs/slipway/<variant>, that each write moves on. A write names the
value that its decision was made on, in the same ref transaction as the tags: whoever comes second is refused, in one
clone by `git update-ref`, between clones by an atomic push with a lease on that ref. A transaction has all of its tags
or none. Tags that were written without a push are shared later, unless the remote has tags that they were not decided
on: those that are not here, or that have a number of theirs, since all assignments of a variant are counted together.

A tag that was pushed and is gone from the remote was removed there. Nothing pushes it again by itself: as long as the
remote's ref still says its id, it is known for what it is; later its number is taken.
"""

import contextlib
import re
import shlex
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from slipway.errors import RegistryError
from slipway.gitops import git

Action = Literal["register", "deregister", "assign", "unassign", "deprecate"]

ROLES = ("staging", "canary", "production", "archived")
LIVE = ("staging", "canary", "production")
"""The roles that one version of a variant holds at a time, and that a model must pass for."""

_SEMVER = r"v(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*)){2}(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?"
_NAME = r"[a-zA-Z0-9](?:[a-zA-Z0-9-/_]*[a-zA-Z0-9])?"
_TAG = re.compile(
    rf"(?P<variant>{_NAME})"
    rf"(?:(?:#(?P<role>{_NAME})|@(?P<version>{_SEMVER}))(?P<cancel>!?)|@(?P<deprecated>deprecated))"
    r"(?:#(?P<counter>\d+))?"
)
VERSION = re.compile(_SEMVER)
_QUICKER = re.compile("stale info|already exists|fetch first|atomic")
"""What Git says of a push that another one came before."""
_TAGGER = re.compile(rb"^tagger (?P<who>.*?) ?<.*> (?P<when>\d+) ", re.MULTILINE)
_FIELDS = ("refname:strip=2", "objecttype", "objectname", "*objectname", "taggername", "taggeremail:trim", "contents")
_FORMAT = "%00".join(["%(taggerdate:unix)", *(f"%({field})" for field in _FIELDS), ""])


@dataclass(frozen=True)
class Tag:
    """One annotated tag: what it says of which commit, and who said it when (seconds since 1970) and why."""

    name: str
    id: str
    commit: str
    variant: str
    action: Action
    version: str | None
    role: str | None
    counter: int
    who: str
    email: str
    when: int
    why: str

    @property
    def time(self) -> str:
        """When, in ISO 8601."""
        return datetime.fromtimestamp(self.when, UTC).isoformat().replace("+00:00", "Z")


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

    def next(self) -> int:
        """The number of the next assignment: GTO counts all roles of a variant together."""
        return max((tag.counter for tag in self.tags), default=0) + 1


def parse(name: str) -> tuple[str, Action, str | None, str | None, int] | None:
    """Variant, action, version, role and counter (0 without one) of a tag's name; None for a tag of another kind."""
    found = _TAG.fullmatch(name)
    if found is None:
        return None
    action: Action = "deprecate"
    if found["version"]:
        action = "deregister" if found["cancel"] else "register"
    elif found["role"]:
        action = "unassign" if found["cancel"] else "assign"
    return found["variant"], action, found["version"], found["role"], int(found["counter"] or 0)


def read(variant: str | None = None) -> list[Tag]:
    """All tags of the registry, or of one variant, in the order in which they were made; lightweight ones are none."""
    patterns = ["refs/tags"] if variant is None else [f"refs/tags/{variant}@*", f"refs/tags/{variant}#*"]
    fields = len(_FIELDS) + 1
    parts = git.run("for-each-ref", f"--format={_FORMAT}", *patterns).split("\0")
    tags = []
    for start in range(0, len(parts) - 1, fields):
        when, name, kind, identity, commit, who, email, why = parts[start : start + fields]
        parsed = parse(name)
        if parsed is None or kind != "tag" or (variant is not None and parsed[0] != variant):
            continue
        tags.append(Tag(name, identity, commit, *parsed, who=who, email=email, when=int(when), why=why.strip()))
    return sorted(tags, key=lambda tag: (tag.when, tag.counter, tag.name))


def moment(variant: str, *, push: bool = False) -> Moment:
    """The tags of a variant now; with `push` those of the remote, which are fetched.

    Raises:
        RegistryError: with `push`, there are tags that the remote has not.
    """
    if push:
        _fetch(_remote(), variant)
    pointer = git.run("for-each-ref", "--format=%(objectname)", _pointer(variant)).strip()
    return Moment(variant, tuple(read(variant)), pointer)


def write(moment: Moment, new: Sequence[New], *, push: bool = False) -> None:
    """Write annotated tags of a variant, all or none, with a later date than any that it has.

    Args:
        moment: what the decision to write them was made on.
        new: the tags, in the order in which they are to be read.
        push: to the remote as well; refused there, they are taken back here.

    Raises:
        RegistryError: another write was quicker, here or at the remote, or Git refuses.
    """
    remote = _remote() if push else None
    name, _, zone = git.run("var", "GIT_COMMITTER_IDENT").strip().rsplit(" ", 2)
    when = max([int(time.time()), *(tag.when + 1 for tag in moment.tags)])
    made = {}
    for offset, tag in enumerate(new):
        head = f"object {tag.commit}\ntype commit\ntag {tag.name}\ntagger {name} {when + offset} {zone}"
        made[tag.name] = git.run("mktag", text=f"{head}\n\n{tag.message.strip()}\n").strip()
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


def share(variant: str) -> list[str]:
    """Push the tags of a variant that are only here, all or none, and say which.

    Raises:
        RegistryError: the remote has changed since they were written, or one of them was removed there.
    """
    remote = _remote()
    pointers, there = at(remote, variant)
    here = read(variant)
    _same(remote, here, there)
    alone = _alone(remote, variant, pointers, there)
    if not alone:
        return []
    taken = max((parsed[-1] for name in there if (parsed := parse(name)) is not None), default=0)
    unseen = there.items() - {(tag.name, tag.id) for tag in here}
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
            raise _overtaken(Moment(variant, tuple(here), ""), remote)
        raise
    return list(made)


def at(remote: str, variant: str = "*", *, seconds: float | None = None) -> tuple[dict[str, str], dict[str, str]]:
    """What a remote has of a variant, or of all: refs/slipway/<variant> by variant, and the annotated tags by name.

    With `seconds` that is the most that it may take, and no password is asked for.
    """
    patterns = [_pointer(variant), f"refs/tags/{variant}@*", f"refs/tags/{variant}#*"]
    lines = git.run("ls-remote", remote, *patterns, seconds=seconds).splitlines()
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


def _same(remote: str, here: Iterable[Tag], there: Mapping[str, str]) -> None:
    """Go on unless a name is of one tag here and of another one at the remote, as when two made the same version."""
    other = {tag.name: there[tag.name] for tag in here if there.get(tag.name, tag.id) != tag.id}
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
        tagger = _TAGGER.search(content or b"")
        said.append(name)
        if tagger is not None and len(tagger["when"]) < 12:
            when = datetime.fromtimestamp(int(tagger["when"]), UTC).isoformat().replace("+00:00", "Z")
            said[-1] += f" by {tagger['who'].decode(errors='replace')}, {when}"
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
    _same(remote, read(variant), there)
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
