"""Tags and Git's remote: what it has, fetching before a decision, pushing all or none.

Beside its tags a variant has a ref, refs/slipway/<variant>, that each write moves on. Between clones one write wins by
an atomic push with a lease on that ref: whoever comes second is refused. Tags that were written without a push are
shared later, unless the remote has tags that they were not decided on: those that are not here, or that have a number
of theirs, since all assignments of a variant are counted together.

A tag that was pushed and is gone from the remote was removed there. Nothing pushes it again by itself: as long as the
remote's ref still says its id, it is known for what it is; later its number is taken.
"""

import contextlib
import re
from collections.abc import Iterable, Mapping

from slipway.core.errors import RegistryError
from slipway.registry import git, grammar
from slipway.registry.grammar import Tag, parse
from slipway.registry.tags import Odd, listed, quoted, read, survey

QUICKER = re.compile("stale info|already exists|fetch first|atomic")
"""What Git says of a push that another one came before."""


def destination() -> str:
    """The remote that Git pushes to.

    Raises:
        RegistryError: there is none.
    """
    remote = git.remote()
    if remote is None:
        raise RegistryError(
            "there is no Git remote to push to: add one with `git remote add origin ADDRESS`, or say which with `git "
            "config remote.pushDefault NAME`"
        )
    return remote


def pointer_of(variant: str) -> str:
    """The ref that each write of a variant moves on."""
    return f"refs/slipway/{variant}"


def at(remote: str, variant: str = "*", *, seconds: float | None = None) -> tuple[dict[str, str], dict[str, str]]:
    """What a remote has of a variant, or of all: refs/slipway/<variant> by variant, and the annotated tags by name.

    With `seconds` that is the most that it may take, and no password is asked for.
    """
    patterns = [pointer_of(variant), f"refs/tags/{variant}@*", f"refs/tags/{variant}#*"]
    lines = git.run("ls-remote", remote, *patterns, seconds=seconds).split("\n")[:-1]
    refs = {ref: identity for identity, _, ref in (line.partition("\t") for line in lines)}
    pointers = {ref.removeprefix(pointer_of("")): refs[ref] for ref in refs if ref.startswith(pointer_of(""))}
    names = [ref.removeprefix("refs/tags/") for ref in refs if f"{ref}^{{}}" in refs]
    there = {
        name: refs[f"refs/tags/{name}"] for name in names if (parsed := parse(name)) and variant in ("*", parsed[0])
    }
    return pointers, there


def fetch(remote: str, variant: str) -> None:
    """Fetch the tags of a variant, and its ref.

    Raises:
        RegistryError: the remote lacks tags that are here, or has another one under a name that is here.
    """
    pointers, there = at(remote, variant)
    _same(remote, survey(variant).ids, there)
    if alone := _names(_alone(remote, variant, pointers, there)):
        raise RegistryError(
            f"not at {remote}: {listed(alone)}; share with `slipway registry push {variant}`, or take away with `git "
            "tag -d` what was removed there, then run again"
        )
    # The ref comes before the tags: a write in between leaves it older than them, and ours is refused. It is fetched
    # as an object, which may be of a tag that was removed.
    pointer = pointer_of(variant)
    if variant in pointers:
        git.run("fetch", "--no-tags", remote, f"+{pointer}:{pointer}")
    else:
        git.run("update-ref", "-d", pointer)
    specs = [f"refs/tags/{variant}{sign}*:refs/tags/{variant}{sign}*" for sign in "@#"]
    git.run("fetch", "--no-tags", remote, *specs)


def send(remote: str, variant: str, made: Mapping[str, str], pointer: str) -> None:
    """Push tags, all or none, unless the remote's ref is another than `pointer`; the last of them becomes it."""
    *_, last = made.values()
    # A tag that is there already refuses the push by itself.
    refs = [f"{last}:{pointer_of(variant)}", *(f"refs/tags/{name}" for name in made)]
    git.run("push", "--atomic", f"--force-with-lease={pointer_of(variant)}:{pointer}", remote, *refs)


def share(variant: str) -> list[str]:
    """Push the tags of a variant that are only here, all or none, and say which.

    Raises:
        RegistryError: the remote has changed since they were written, or one of them was removed there.
    """
    remote = destination()
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
        send(remote, variant, made, pointers.get(variant, ""))
    except RegistryError as error:
        if QUICKER.search(str(error)):
            raise overtaken(variant, here.tags, remote)
        raise
    return list(made)


def remove(tag: Tag | Odd) -> None:
    """Remove a tag at the remote, and here.

    Raises:
        RegistryError: the remote does not take it, or has another of that name.
    """
    remote = destination()
    ref = f"refs/tags/{tag.name}"
    git.run("push", "--quiet", f"--force-with-lease={ref}:{tag.id}", remote, f":{ref}")
    git.run("update-ref", "-d", ref, tag.id)


def overtaken(variant: str, tags: Iterable[Tag], remote: str | None = None) -> RegistryError:
    """The error that somebody else was quicker, here or at a remote, and who: what is not among `tags` is theirs."""
    known = {tag.id for tag in tags}
    if remote is None:
        where, look = "", ""
        who = "; ".join(f"{tag.name} by {tag.who}, {tag.time}" for tag in read(variant) if tag.id not in known)
    else:
        where, look = f" at {remote}", f"`git fetch {remote} --tags` and "
        try:
            there = at(remote, variant)[1]
            who = _who(remote, {name: identity for name, identity in there.items() if identity not in known})
        except RegistryError:
            who = ""  # it took nothing, and now it says nothing
    return RegistryError(
        f"{variant} was changed{where} at the same time{f' ({who})' if who else ''}; nothing was written: look "
        f"with {look}`slipway registry history {variant}`, then run again if it still holds"
    )


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


def _names(tags: Iterable[Tag]) -> list[str]:
    return [tag.name for tag in tags]
