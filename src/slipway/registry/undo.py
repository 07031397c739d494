"""Undoing, at the remote, what a refused tag did: the tag is removed, or another one does the contrary."""

from slipway.core.errors import RegistryError
from slipway.registry import releases, sharing, tags, transaction
from slipway.registry.grammar import Tag
from slipway.registry.messages import message
from slipway.registry.state import Variant
from slipway.registry.transaction import New


def take_back(name: str) -> str:
    """Take away, at the remote, what a refused tag did: say what was done.

    The tag is removed. A host that protects tags from being deleted keeps it; then another tag does the contrary: it
    takes the role from the version, or gives it back to the one that it was taken from.

    Raises:
        RegistryError: neither could be done.
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
    moment = transaction.moment(one.variant, push=True)
    known = Variant(one.variant, moment.tags)
    before = Variant(one.variant, [tag for tag in moment.tags if tag.name != name])
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
    contrary = f"{one.variant}#{one.role}{cancel}#{next(moment.numbers())}"
    why = message(f"Undo {name}, which is refused and cannot be removed", None, {})
    transaction.write(moment, [New(contrary, known.versions[undone].commit, why)], push=True)
    return f"{kept}; {contrary} undoes it"
