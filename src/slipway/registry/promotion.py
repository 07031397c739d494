"""Giving and taking roles: promotion, rollback, retirement, and pushing the resulting tags.

A version gets a role that people rely on (staging, canary, production) only if the gate passed for exactly its bytes
and they can be fetched. `force` overrules this and needs a reason; the tag records both.
"""

from collections.abc import Mapping

from slipway.core.errors import RegistryError
from slipway.registry import clone, decision, eligibility, grammar, releases, sharing, state, tags
from slipway.registry.decision import Done
from slipway.registry.eligibility import RefusedError
from slipway.registry.messages import FORCED, message, overruled
from slipway.registry.state import Variant, Version
from slipway.registry.transaction import New, Snapshot


def promote(name: str, role: str, *, force: bool = False, reason: str | None = None, push: bool = False) -> Done:
    """Give a version a role.

    Args:
        name: `VARIANT@VERSION`, `VARIANT@latest` or `VARIANT#ROLE`.
        role: staging, canary or production.
        force: whether to promote a version that did not pass or cannot be fetched; needs a reason.
        reason: the reason, for the tag's message.
        push: whether to push to the remote too.

    Raises:
        RefusedError: it may not have the role.
        RegistryError: it already has the role, or it cannot be determined whether it may have it.
    """
    if role not in grammar.LIVE:
        raise RegistryError(f"{role!r} is not a role to promote to; the roles are {', '.join(grammar.LIVE)}")
    snapshot = decision.begin(_variant(name), push)
    known = decision.existing_variant(snapshot)
    version = state.find({known.name: known}, name)
    holder = known.holder(role)
    if holder is not None and holder.version == version.version:
        raise RegistryError(f"{version.name} already holds {role}")
    return _assign(snapshot, version, role, "Promote", force, reason, push)


def rollback(
    variant: str,
    to: str | None = None,
    *,
    role: str = "production",
    force: bool = False,
    reason: str | None = None,
    push: bool = False,
    facts: Mapping[str, str] | None = None,
) -> Done:
    """Give a role back to the last good version that held it, or to the version `to`.

    A version is good if it passed and is not archived. A version that was itself rolled back is skipped. `facts` are
    further lines of the tag's message.

    Raises:
        RefusedError: the version may not hold the role, or cannot be fetched.
        RegistryError: there is no such version, or the remote cannot be reached.
    """
    if role not in grammar.LIVE:
        raise RegistryError(f"{role!r} is not a role to roll back; the roles are {', '.join(grammar.LIVE)}")
    snapshot = decision.begin(variant, push)
    known = decision.existing_variant(snapshot)
    holder = known.holder(role)
    if holder is None:
        raise RegistryError(f"no version of {variant} holds {role}; promote one")
    if to is not None:
        version = state.find({variant: known}, f"{variant}@{to}")
        if version.version == holder.version:
            raise RegistryError(f"{version.name} already holds {role}")
        if not known.ever_held(version.version, role):
            raise RegistryError(f"{version.name} never held {role}: promote it instead")
    else:
        version = _last_good(known, role, holder)
    return _assign(snapshot, version, role, f"Roll back from {holder.version}:", force, reason, push, facts)


def retire(name: str, *, force: bool = False, reason: str | None = None, push: bool = False) -> Done:
    """Archive a version and take its roles.

    In GTO, a role that is taken from its holder returns to the previous holder. To prevent this, the role is taken from
    all versions that ever had it, in the same transaction.

    Raises:
        RegistryError: it is already archived, or holds production and `force` is not set.
    """
    snapshot = decision.begin(_variant(name), push)
    known = decision.existing_variant(snapshot)
    version = state.find({known.name: known}, name)
    if "archived" in version.roles:
        raise RegistryError(f"{version.name} is already archived")
    wrong = []
    if "production" in version.roles:
        wrong.append("it holds production, which is left empty")
        if not force:
            raise RegistryError(
                f"{version.name} holds production: promote another or roll back first, or leave production empty with "
                "--force --reason '...'"
            )
    decision.check_reason(force, reason)
    numbers = snapshot.numbers()
    why = message(f"Retire {version.name}", reason, {FORCED: wrong})
    new = []
    for role in sorted({tag.role for tag in known.tags if tag.role} - {"archived"}):
        assigned = known.assigned(role)
        leaving = assigned if role in version.roles else [one for one in assigned if one == version.version]
        new += [New(f"{known.name}#{role}!#{next(numbers)}", known.versions[one].commit, why) for one in leaving]
    new.append(New(f"{known.name}#archived#{next(numbers)}", version.commit, why))
    return decision.write(snapshot, new, version.version, "archived", wrong, push)


def share(variant: str) -> list[str]:
    """Push the tags of a variant that are only in this clone, all or none, and return their names.

    Raises:
        RefusedError: they give roles that people rely on, but no other machine can fetch the bytes.
        RegistryError: the remote has changed since they were written, or one of them was deleted there.
    """
    difference = clone.look().difference
    unshared = difference.of(variant).unshared if difference is not None else ()
    given = [tag for tag in tags.read(variant) if tag.name in unshared and tag.action == "assign"]
    if relied := [tag.name for tag in given if tag.role in grammar.LIVE and not overruled(tag)]:
        for wrong in eligibility.unreachable():
            raise RefusedError(f"{tags.listed(relied)} cannot be shared: {wrong}")
    return sharing.share(variant)


def _assign(
    snapshot: Snapshot,
    version: Version,
    role: str,
    verb: str,
    force: bool,
    reason: str | None,
    push: bool,
    more: Mapping[str, str] | None = None,
) -> Done:
    release = releases.of(version)
    wrong = [*(eligibility.unreachable() if push else []), *eligibility.refusals(version, release)]
    decision.check_reason(force, reason)
    if wrong and not force:
        raise RefusedError(
            f"{version.name} is refused {role}: {'; '.join(wrong)}. To overrule this, use --force --reason '...'"
        )
    sha256 = release.record.model.sha256 if release.record else "unknown"
    facts: dict[str, str | list[str]]
    facts = {**(more or {}), "Verdict": release.verdict or "unknown", "SHA-256": sha256, FORCED: wrong}
    why = message(f"{verb} {version.name} to {role}", reason, facts)
    numbers = snapshot.numbers()
    new = []
    if "archived" in version.roles:
        new.append(New(f"{version.variant}#archived!#{next(numbers)}", version.commit, why))
    new.append(New(f"{version.variant}#{role}#{next(numbers)}", version.commit, why))
    return decision.write(snapshot, new, version.version, role, wrong, push)


def _last_good(known: Variant, role: str, holder: Version) -> Version:
    earlier = [known.versions[name] for name in known.succession(role) if name != holder.version]
    outcomes = releases.read([(version.variant, version.commit) for version in earlier])
    good = [
        version
        for version, release in zip(earlier, outcomes, strict=True)
        if release.verdict == "pass" and "archived" not in version.roles
    ]
    if not good:
        raise RegistryError(
            f"no version held {role} before {holder.name} that passed and is not archived; promote one, or choose "
            "one with --to"
        )
    return good[-1]


def _variant(name: str) -> str:
    return name.partition("@")[0].partition("#")[0]
