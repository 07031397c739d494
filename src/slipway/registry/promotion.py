"""Giving and taking roles: promoting, rolling back, retiring, and sharing what was decided.

A role that people rely on (staging, canary, production) is given to a version only when the gate passed for exactly
its bytes and these can be fetched. Whoever must, forces it and says why; the tag keeps both.
"""

from slipway.core.errors import RegistryError
from slipway.registry import clone, decision, eligibility, grammar, releases, sharing, state, tags
from slipway.registry.decision import Done
from slipway.registry.eligibility import RefusedError
from slipway.registry.messages import FORCED, message, overruled
from slipway.registry.state import Variant, Version
from slipway.registry.transaction import Moment, New


def promote(name: str, role: str, *, force: bool = False, reason: str | None = None, push: bool = False) -> Done:
    """Give a version a role.

    Args:
        name: `VARIANT@VERSION`, `VARIANT@latest` or `VARIANT#ROLE`.
        role: staging, canary or production.
        force: although it did not pass or cannot be fetched; needs a reason.
        reason: why, for the tag's message.
        push: to the remote too.

    Raises:
        RefusedError: it may not have the role.
        RegistryError: it has the role, or what it may have cannot be found out.
    """
    if role not in grammar.LIVE:
        raise RegistryError(f"{role!r} is no role to promote to; there are {', '.join(grammar.LIVE)}")
    moment = decision.begin(_variant(name), push)
    known = decision.known(moment)
    version = state.find({known.name: known}, name)
    holder = known.holder(role)
    if holder is not None and holder.version == version.version:
        raise RegistryError(f"{version.name} holds {role} already")
    return _assign(moment, version, role, "Promote", force, reason, push)


def rollback(
    variant: str,
    to: str | None = None,
    *,
    role: str = "production",
    force: bool = False,
    reason: str | None = None,
    push: bool = False,
) -> Done:
    """Give a role back to the last good version that held it, or to one that is named.

    Good is a version that passed and is not archived. One that was itself rolled back from is not gone back to.

    Raises:
        RegistryError: there is no such version, or it cannot be fetched.
    """
    if role not in grammar.LIVE:
        raise RegistryError(f"{role!r} is no role to roll back; there are {', '.join(grammar.LIVE)}")
    moment = decision.begin(variant, push)
    known = decision.known(moment)
    holder = known.holder(role)
    if holder is None:
        raise RegistryError(f"no version of {variant} holds {role}; promote one")
    if to is not None:
        version = state.find({variant: known}, f"{variant}@{to}")
        if version.version == holder.version:
            raise RegistryError(f"{version.name} holds {role} already")
        if not known.was(version.version, role):
            raise RegistryError(f"{version.name} never held {role}: promote it instead")
    else:
        version = _last_good(known, role, holder)
    return _assign(moment, version, role, f"Roll back from {holder.version}:", force, reason, push)


def retire(name: str, *, force: bool = False, reason: str | None = None, push: bool = False) -> Done:
    """Archive a version and take its roles from it.

    GTO gives a role that is taken from its holder back to the one before. So that no old version comes back by itself,
    the role is taken from all that ever had it, in the same transaction.

    Raises:
        RegistryError: it is archived, or holds production and is not forced out of it.
    """
    moment = decision.begin(_variant(name), push)
    known = decision.known(moment)
    version = state.find({known.name: known}, name)
    if "archived" in version.roles:
        raise RegistryError(f"{version.name} is archived already")
    wrong = []
    if "production" in version.roles:
        wrong.append("it holds production, which is left empty")
        if not force:
            raise RegistryError(
                f"{version.name} holds production: promote another or roll back first, or leave production empty with "
                "--force --reason '...'"
            )
    decision.check_reason(force, reason)
    numbers = moment.numbers()
    why = message(f"Retire {version.name}", reason, {FORCED: wrong})
    new = []
    for role in sorted({tag.role for tag in known.tags if tag.role} - {"archived"}):
        assigned = known.assigned(role)
        leaving = assigned if role in version.roles else [one for one in assigned if one == version.version]
        new += [New(f"{known.name}#{role}!#{next(numbers)}", known.versions[one].commit, why) for one in leaving]
    new.append(New(f"{known.name}#archived#{next(numbers)}", version.commit, why))
    return decision.write(moment, new, version.version, "archived", wrong, push)


def share(variant: str) -> list[str]:
    """Push the tags of a variant that are only here, all or none, and say which.

    Raises:
        RefusedError: they give roles that people rely on, for bytes that nobody else can fetch.
        RegistryError: the remote has changed since they were written, or one of them was removed there.
    """
    difference = clone.look().difference
    unshared = difference.of(variant).unshared if difference is not None else ()
    given = [tag for tag in tags.read(variant) if tag.name in unshared and tag.action == "assign"]
    if relied := [tag.name for tag in given if tag.role in grammar.LIVE and not overruled(tag)]:
        for wrong in eligibility.unreachable():
            raise RefusedError(f"{tags.listed(relied)} cannot be shared: {wrong}")
    return sharing.share(variant)


def _assign(
    moment: Moment, version: Version, role: str, verb: str, force: bool, reason: str | None, push: bool
) -> Done:
    release = releases.of(version)
    wrong = [*(eligibility.unreachable() if push else []), *eligibility.refusals(version, release)]
    decision.check_reason(force, reason)
    if wrong and not force:
        raise RefusedError(
            f"{version.name} is refused {role}: {'; '.join(wrong)}. Whoever must can use --force --reason '...'"
        )
    sha256 = release.record.model.sha256 if release.record else "unknown"
    facts: dict[str, str | list[str]]
    facts = {"Verdict": release.verdict or "unknown", "SHA-256": sha256, FORCED: wrong}
    why = message(f"{verb} {version.name} to {role}", reason, facts)
    numbers = moment.numbers()
    new = []
    if "archived" in version.roles:
        new.append(New(f"{version.variant}#archived!#{next(numbers)}", version.commit, why))
    new.append(New(f"{version.variant}#{role}#{next(numbers)}", version.commit, why))
    return decision.write(moment, new, version.version, role, wrong, push)


def _last_good(known: Variant, role: str, holder: Version) -> Version:
    earlier = [known.versions[name] for name in known.line(role) if name != holder.version]
    outcomes = releases.read([(version.variant, version.commit) for version in earlier])
    good = [
        version
        for version, release in zip(earlier, outcomes, strict=True)
        if release.verdict == "pass" and "archived" not in version.roles
    ]
    if not good:
        raise RegistryError(
            f"no version held {role} before {holder.name} that passed and is not archived; promote one, or name one "
            "with --to"
        )
    return good[-1]


def _variant(name: str) -> str:
    return name.partition("@")[0].partition("#")[0]
