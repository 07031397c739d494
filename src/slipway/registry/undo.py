"""Undo the effect of a refused tag at the remote: delete the tag, or write another tag that reverses it."""

from slipway.core.errors import RegistryError
from slipway.registry import releases, sharing, tags, transaction
from slipway.registry.grammar import Tag
from slipway.registry.messages import message
from slipway.registry.state import Variant
from slipway.registry.transaction import New


def undo_tag(name: str) -> str:
    """Undo the effect of a refused tag at the remote, and return a description of what was done.

    The tag is deleted. If the host protects tags from deletion, another tag reverses it: it takes the role from the
    version, or gives the role back to the version from which it was taken.

    Raises:
        RegistryError: neither is possible.
    """
    survey = tags.survey(variants=releases.variants())
    found: list[Tag | tags.Odd] = [*survey.odd, *survey.tags]
    one = next(one for one in found if one.name == name)
    try:
        sharing.remove(one)
        return f"{name} is removed"
    except RegistryError as error:
        kept = f"{name} stays, since it cannot be removed ({error})"
    if not isinstance(one, Tag) or one.role is None:
        return f"{kept}; it has no effect"
    snapshot = transaction.snapshot(one.variant, push=True)
    known = Variant(one.variant, snapshot.tags)
    before = Variant(one.variant, [tag for tag in snapshot.tags if tag.name != name])
    version = known.version_at(one.commit)
    if one.action == "assign":
        undone = version if version in known.assigned(one.role) else None
    elif one.role == "archived":
        undone = version if version in before.assigned("archived") else None
    else:
        undone = next(iter(before.assigned(one.role)[-1:]), None)
        undone = undone if known.assigned(one.role)[-1:] != [undone] else None
    if undone is None:
        return f"{kept}; it has no effect"
    cancel = "!" if one.action == "assign" else ""
    reversing = f"{one.variant}#{one.role}{cancel}#{next(snapshot.numbers())}"
    why = message(f"Undo {name}, which is refused and cannot be removed", None, {})
    transaction.write(snapshot, [New(reversing, known.versions[undone].commit, why)], push=True)
    return f"{kept}; {reversing} undoes it"
