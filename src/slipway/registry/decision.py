"""A decision on a variant: the tags that it is made on, and its own ones, written in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass

from slipway.core.errors import RegistryError
from slipway.registry import clone, promoters, transaction
from slipway.registry.eligibility import RefusedError
from slipway.registry.grammar import Tag
from slipway.registry.state import Variant
from slipway.registry.transaction import Moment, New


@dataclass(frozen=True)
class Done:
    """What was written: the tags, what they say, and what had to be overruled to write them."""

    variant: str
    version: str
    role: str | None
    tags: tuple[str, ...]
    overruled: tuple[str, ...]
    pushed: bool


def begin(variant: str, push: bool) -> Moment:
    """The tags to decide on: with `push` those of the remote, else those here, which have to be all that there are.

    Raises:
        RegistryError: they are not all, or the remote lacks some that are here.
    """
    clone.look(ask=not push).check(variant)
    return transaction.moment(variant, push=push)


def known(moment: Moment) -> Variant:
    """The variant at that moment.

    Raises:
        RegistryError: it has no versions.
    """
    if not moment.tags:
        raise RegistryError(f"{moment.variant} has no versions; `slipway register {moment.variant}` makes one")
    return Variant(moment.variant, moment.tags)


def check_reason(force: bool, reason: str | None) -> None:
    """Raise RegistryError where something is forced and nobody says why."""
    if force and not (reason or "").strip():
        raise RegistryError("--force needs --reason: it is kept in the tag")


def write(
    moment: Moment, new: Sequence[New], version: str, role: str | None, overruled: Sequence[str], push: bool
) -> Done:
    """Write the tags of a decision, all or none; say what was written.

    Args:
        moment: what it was made on.
        new: the tags, in the order in which they are to be read.
        version: which they are about.
        role: which they give it; None for a version that is new.
        overruled: why it would be refused: the writer's force has to count then.
        push: to the remote too.

    Raises:
        RefusedError: the writer's force does not count.
        RegistryError: another write was quicker, here or at the remote, or Git refuses.
    """
    transaction.write(moment, new, push=push, check=_counts if overruled else None)
    return Done(moment.variant, version, role, tuple(tag.name for tag in new), tuple(overruled), push)


def _counts(tag: Tag) -> None:
    """Raise where the force of a tag that is about to be written would not count."""
    if (why := promoters.objection(tag)) is not None:
        raise RefusedError(f"nothing was written: {why}; whoever may force is named there, on the default branch")
