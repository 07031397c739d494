"""A decision on a variant: it is based on the current tags, and its new tags are written in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass

from slipway.core.errors import RegistryError
from slipway.registry import clone, promoters, transaction
from slipway.registry.eligibility import RefusedError
from slipway.registry.grammar import Tag
from slipway.registry.state import Variant
from slipway.registry.transaction import New, Snapshot


@dataclass(frozen=True)
class Done:
    """The result of a decision: the written tags, their meaning, and the refusals that force overruled."""

    variant: str
    version: str
    role: str | None
    tags: tuple[str, ...]
    overruled: tuple[str, ...]
    pushed: bool


def begin(variant: str, push: bool) -> Snapshot:
    """The tags to decide on: with `push` those of the remote, else the local ones, which must be complete.

    Raises:
        RegistryError: local tags are incomplete, or, with `push`, the remote lacks some of them.
    """
    clone.look(compare=not push).check(variant)
    return transaction.snapshot(variant, push=push)


def existing_variant(snapshot: Snapshot) -> Variant:
    """The variant at that snapshot.

    Raises:
        RegistryError: it has no versions.
    """
    if not snapshot.tags:
        raise RegistryError(f"{snapshot.variant} has no versions; `slipway register {snapshot.variant}` makes one")
    return Variant(snapshot.variant, snapshot.tags)


def check_reason(force: bool, reason: str | None) -> None:
    """Raise RegistryError if `force` comes without a reason."""
    if force and not (reason or "").strip():
        raise RegistryError("--force needs --reason: it is kept in the tag")


def write(
    snapshot: Snapshot, new: Sequence[New], version: str, role: str | None, overruled: Sequence[str], push: bool
) -> Done:
    """Write the tags of a decision, all or none, and return what was written.

    Args:
        snapshot: the tags that the decision is based on.
        new: the new tags, in the order in which they take effect.
        version: the version that they are about.
        role: the role that they give; None for a new version.
        overruled: the refusals that force overrules; if there are any, the writer must be allowed to force.
        push: whether to push to the remote too.

    Raises:
        RefusedError: the writer is not allowed to force.
        RegistryError: another write came first, here or at the remote, or Git fails.
    """
    transaction.write(snapshot, new, push=push, check=_check_force if overruled else None)
    return Done(snapshot.variant, version, role, tuple(tag.name for tag in new), tuple(overruled), push)


def _check_force(tag: Tag) -> None:
    """Raise RefusedError if the force of a tag that is about to be written does not count."""
    if (why := promoters.objection(tag)) is not None:
        raise RefusedError(f"nothing was written: {why}; that file lists who may force, on the default branch")
