"""Tags at the Git remote: list them, fetch before a decision, push all or none.

In addition to its tags, a variant has a ref, refs/slipway/<variant>, that each write updates. Of two clones that write
at the same time, one wins: the push is atomic with a lease on that ref, and the second push is refused. Tags that were
written without a push can be shared later, unless the remote has tags that the decision did not consider: tags that
are missing here, or that use the same number, since all assignments of a variant are counted together.

A tag that was pushed and is missing at the remote was deleted there. It is never pushed again automatically: while the
remote's ref still holds its id, it is recognized as deleted; after that, its number is taken.
"""

import contextlib
import re
from collections.abc import Iterable, Mapping

from slipway.core.errors import RegistryError
from slipway.registry import git, grammar
from slipway.registry.grammar import Tag, parse
from slipway.registry.tags import Odd, listed, quoted, read, survey

OVERTAKEN = re.compile("stale info|already exists|fetch first|atomic")
"""Git's messages for a push that lost against an earlier one."""


def destination() -> str:
    """The remote that Git pushes to.

    Raises:
        RegistryError: there is none.
    """
    remote = git.remote()
    if remote is None:
        raise RegistryError(
            "there is no Git remote to push to: add one with `git remote add origin ADDRESS`, or choose one with "
            "`git config remote.pushDefault NAME`"
        )
    return remote


def pointer_of(variant: str) -> str:
    """The ref that each write of a variant updates."""
    return f"refs/slipway/{variant}"


def upload_of(variant: str, version: str) -> str:
    """The ref that leads to the commit of a version that was uploaded, since no branch does."""
    return f"refs/uploads/{variant}/{version}"


def at(remote: str, variant: str = "*", *, seconds: float | None = None) -> tuple[dict[str, str], dict[str, str]]:
    """The refs and tags of a variant, or of all variants, at a remote, as object ids.

    Args:
        remote: the name of the remote.
        variant: the variant; `*` for all.
        seconds: the time limit. With one, Git does not prompt for a password.

    Returns:
        refs/slipway/<variant> by variant, and the annotated tags by name.
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
    """Fetch the tags of a variant and its ref.

    Raises:
        RegistryError: the remote lacks local tags, or has a different tag under the same name.
    """
    pointers, there = at(remote, variant)
    _check_equal(remote, survey(variant).ids, there)
    if unshared := _names(_unshared(remote, variant, pointers, there)):
        raise RegistryError(
            f"not at {remote}: {listed(unshared)}; share them with `slipway registry push {variant}`, or delete with "
            "`git tag -d` those that were deleted there, then try again"
        )
    # The ref is fetched before the tags: if someone writes in between, the ref is older than the tags and our push is
    # refused. It may point to the object of a deleted tag.
    pointer = pointer_of(variant)
    if variant in pointers:
        git.run("fetch", "--no-tags", remote, f"+{pointer}:{pointer}")
    else:
        git.run("update-ref", "-d", pointer)
    specs = [f"refs/tags/{variant}{sign}*:refs/tags/{variant}{sign}*" for sign in "@#"]
    git.run("fetch", "--no-tags", remote, *specs)


def send(remote: str, variant: str, made: Mapping[str, str], pointer: str) -> None:
    """Push tags, all or none, if the remote's ref equals `pointer`; the ref then points to the last tag."""
    *_, last = made.values()
    # Git refuses the push if one of the tags already exists.
    refs = [f"{last}:{pointer_of(variant)}", *(f"refs/tags/{name}" for name in made)]
    uploads = git.run("for-each-ref", "--format=%(refname)", f"refs/uploads/{variant}").split()
    refs += [f"+{ref}:{ref}" for ref in uploads if f"{variant}@{ref.rpartition('/')[2]}" in made]
    git.run("push", "--atomic", f"--force-with-lease={pointer_of(variant)}:{pointer}", remote, *refs)


def share(variant: str) -> list[str]:
    """Push the tags of a variant that are only in this clone, all or none, and return their names.

    Raises:
        RegistryError: the remote has changed since they were written, or one of them was deleted there.
    """
    remote = destination()
    pointers, there = at(remote, variant)
    here = survey(variant)
    _check_equal(remote, here.ids, there)
    unshared = _unshared(remote, variant, pointers, there)
    if not unshared:
        return []
    taken = max((parsed[-1] for name in there if (parsed := parse(name)) is not None), default=0)
    unseen = there.items() - here.ids.items()
    if unseen or any(0 < tag.counter <= taken for tag in unshared):
        names = _names(unshared)
        raise RegistryError(
            f"{variant} was changed at {remote} after this clone wrote {listed(names)}: delete your tags with "
            f"`git tag -d {quoted(names)}`, then repeat with --push what still applies"
        )
    made = {tag.name: tag.id for tag in unshared}
    try:
        send(remote, variant, made, pointers.get(variant, ""))
    except RegistryError as error:
        if OVERTAKEN.search(str(error)):
            raise conflict(variant, here.tags, remote)
        raise
    return list(made)


def remove(tag: Tag | Odd) -> None:
    """Delete a tag at the remote and in this clone.

    Raises:
        RegistryError: the remote does not allow it, or has a different tag of that name.
    """
    remote = destination()
    ref = f"refs/tags/{tag.name}"
    git.run("push", "--quiet", f"--force-with-lease={ref}:{tag.id}", remote, f":{ref}")
    git.run("update-ref", "-d", ref, tag.id)


def conflict(variant: str, tags: Iterable[Tag], remote: str | None = None) -> RegistryError:
    """The error for a write that another write preceded, here or at a remote.

    It names the tags that are not among `tags`, with their authors.
    """
    known = {tag.id for tag in tags}
    if remote is None:
        where, fetching = "", ""
        who = "; ".join(f"{tag.name} by {tag.who}, {tag.time}" for tag in read(variant) if tag.id not in known)
    else:
        where, fetching = f" at {remote}", f"`git fetch {remote} --tags` and "
        try:
            there = at(remote, variant)[1]
            who = _authors(remote, {name: identity for name, identity in there.items() if identity not in known})
        except RegistryError:
            who = ""  # the remote does not answer any more
    return RegistryError(
        f"{variant} was changed{where} at the same time{f' ({who})' if who else ''}; nothing was written: check "
        f"with {fetching}`slipway registry history {variant}`, then try again if it still applies"
    )


def _unshared(remote: str, variant: str, pointers: Mapping[str, str], there: Mapping[str, str]) -> list[Tag]:
    """The tags of a variant that are only in this clone; raise RegistryError if one was deleted at the remote."""
    unshared = [tag for tag in read(variant) if tag.name not in there]
    if removed := [tag.name for tag in unshared if tag.id == pointers.get(variant)]:
        raise RegistryError(
            f"{listed(removed)} was deleted at {remote}, as refused tags are: delete it here too with "
            f"`git tag -d {quoted(removed)}`, then try again"
        )
    return unshared


def _check_equal(remote: str, here: Mapping[str, str], there: Mapping[str, str]) -> None:
    """Raise RegistryError if a tag differs here and at the remote, as when two people made the same version."""
    other = {name: there[name] for name, identity in here.items() if there.get(name, identity) != identity}
    if other:
        raise RegistryError(
            f"different tags here and at {remote}: {_authors(remote, other)}; delete yours with `git tag -d "
            f"{quoted(other)}`, fetch theirs with `git fetch --tags {remote}`, then repeat what still applies"
        )


def _authors(remote: str, found: Mapping[str, str]) -> str:
    """The authors and dates of tags at a remote; only their objects are fetched, so they are not tags here."""
    names = sorted(found)[:3]
    with contextlib.suppress(RegistryError):  # then only the names are reported
        refs = [f"refs/tags/{name}" for name in names]
        git.run("fetch", "--no-tags", "--refmap=", "--no-write-fetch-head", remote, *refs)
    described = []
    for name, content in zip(names, git.contents([found[name] for name in names]), strict=True):
        tag = grammar.understand(name, found[name], "tag", content)
        described.append(f"{name} by {tag.who}, {tag.time}" if isinstance(tag, Tag) else name)
    return "; ".join(described) + (f" and {len(found) - 3:,} more" if len(found) > 3 else "")


def _names(tags: Iterable[Tag]) -> list[str]:
    return [tag.name for tag in tags]
