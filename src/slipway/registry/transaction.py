"""Writing tags of a variant: all or none, and only on what the decision to write them was made on.

**One wins.** A write names the value of refs/slipway/<variant> that its decision was made on, in the same ref
transaction as the tags: whoever comes second is refused, in one clone by `git update-ref`, between clones as `sharing`
says. A transaction has all of its tags or none.

GTO reads tags by their dates, so `write` dates each tag of a variant later than the one before, whatever the clocks of
two machines say.
"""

import itertools
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from slipway.core.errors import RegistryError
from slipway.registry import git, grammar, sharing
from slipway.registry.grammar import Tag, parse
from slipway.registry.tags import AHEAD, Odd, read, survey


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


def moment(variant: str, *, push: bool = False) -> Moment:
    """The tags of a variant now; with `push` those of the remote, which are fetched.

    Raises:
        RegistryError: with `push`, there are tags that the remote has not.
    """
    if push:
        sharing.fetch(sharing.destination(), variant)
    pointer = git.run("for-each-ref", "--format=%(objectname)", sharing.pointer_of(variant)).strip()
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
    remote = sharing.destination() if push else None
    made = _make(moment, new)
    _look_at(made, check)
    last = made[new[-1].name]
    lines = [f"update {sharing.pointer_of(moment.variant)} {last} {moment.pointer or _zeros(last)}"]
    lines += [f"create refs/tags/{tag} {identity}" for tag, identity in made.items()]
    if [tag.id for tag in read(moment.variant)] != [tag.id for tag in moment.tags]:
        raise sharing.overtaken(moment.variant, moment.tags)
    try:
        git.run("update-ref", "--stdin", text="".join(f"{line}\n" for line in ["start", *lines, "prepare", "commit"]))
    except RegistryError as error:
        if [tag.id for tag in read(moment.variant)] != [tag.id for tag in moment.tags]:
            raise sharing.overtaken(moment.variant, moment.tags)
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


def _look_at(made: Mapping[str, str], check: Callable[[Tag], None] | None) -> None:
    """Raise where one of the objects made, by name, is no tag of the registry, lacks its signature or fails `check`."""
    asked = ("tag.gpgSign", "tag.forceSignAnnotated")
    signing = any(git.run("config", "--type=bool", "--default=false", "--get", key).strip() == "true" for key in asked)
    for name, content in zip(made, git.contents(list(made.values())), strict=True):
        tag = grammar.understand(name, made[name], "tag", content)
        if isinstance(tag, str):
            raise RegistryError(f"{name} cannot be written: {tag}")
        # Git 2.39 makes one unsigned, and says nothing
        if signing and grammar.SIGNATURE.search(content or b"") is None:
            raise RegistryError(f"Git cannot sign {name}: look at gpg.format and user.signingKey with `git config`")
        if check is not None:
            check(tag)


def _push(remote: str, moment: Moment, made: Mapping[str, str]) -> None:
    """Push the tags of a transaction; those that the remote does not take are taken back here."""
    pointer = sharing.pointer_of(moment.variant)
    *_, last = made.values()
    try:
        sharing.send(remote, moment.variant, made, moment.pointer)
    except RegistryError as error:
        back = f"update {pointer} {moment.pointer} {last}" if moment.pointer else f"delete {pointer} {last}"
        lines = [back, *(f"delete refs/tags/{name} {identity}" for name, identity in made.items())]
        git.run("update-ref", "--stdin", text="".join(f"{line}\n" for line in ["start", *lines, "prepare", "commit"]))
        if sharing.QUICKER.search(str(error)):
            raise sharing.overtaken(moment.variant, moment.tags, remote)
        raise RegistryError(f"{remote} did not take {', '.join(made)}, which are taken back here too: {error}")


def _zeros(identity: str) -> str:
    return "0" * len(identity)
