"""Verification: may a version hold the role that a tag gives it? Anyone with push access can write any tag."""

from dataclasses import dataclass, replace

from slipway.core.errors import RegistryError
from slipway.registry import artifacts, clone, eligibility, grammar, promoters, releases, tags
from slipway.registry.eligibility import RefusedError
from slipway.registry.grammar import Tag
from slipway.registry.messages import overruled
from slipway.registry.state import Variant, Version


@dataclass(frozen=True)
class Given:
    """The effect of an assignment tag: the role, the version that gets it, and the refusals that force overrules."""

    version: Version
    role: str
    overruled: tuple[str, ...]


def verify(name: str) -> Given | None:
    """Check a tag and return its effect; None for a tag that gives no role that people rely on.

    Anyone with push access can write any tag, with `gto` or with Git. A promotion by force states the force and a
    reason, and counts only if `promoters` names its author. The same holds for actions that need force: taking
    production from its holder, archiving the holder of production, and restoring an archived version.

    Raises:
        RefusedError: its version may not have the role, or it only looks like a registry tag.
        RegistryError: it is not a registry tag, or it cannot be determined whether it may have its effect.
    """
    survey = tags.survey(variants=releases.variants())
    if (odd := next((one for one in survey.odd if one.name == name), None)) is not None:
        raise RefusedError(f"{name} is refused and has no effect: {odd.why}")
    tag = next((one for one in survey.tags if one.name == name), None)
    if tag is None:
        raise RegistryError(f"{name}: no annotated tag of the registry; `slipway registry history` lists them")
    known = Variant(tag.variant, [one for one in survey.tags if one.variant == tag.variant])
    if (problem := tags.date_problem(tag, known.tags)) is not None:
        raise RefusedError(f"{name} is refused: {problem}")
    return check_assignment(known, tag)


def check_assignment(known: Variant, tag: Tag) -> Given | None:
    """Do the checks of `verify` on a tag of a variant, except that of its date."""
    version = known.versions.get(known.version_at(tag.commit) or "")
    if tag.action == "assign" and tag.role in grammar.LIVE:
        if version is None:
            clone.look().check(known.name)  # the tag of the version may be missing in this clone
            raise RefusedError(f"{tag.name} is refused: commit {tag.commit[:7]} is no version of {known.name}")
        wrong = eligibility.refusals(version, releases.of(version))
        if wrong and (objections := _objections(tag)) is not None:
            reasons = "; ".join([*wrong, *objections])
            raise RefusedError(f"{tag.name} is refused: {version.name} may not hold {tag.role}: {reasons}")
        return Given(version, tag.role, tuple(wrong))
    if version is not None and (taken := _takes(known, tag, version)) and (objections := _objections(tag)) is not None:
        reasons = "; ".join([taken, *(objections or ["only force may do that"])])
        raise RefusedError(f"{tag.name} is refused: {reasons}")
    return None


def accepted(known: Variant) -> tuple[Variant, list[str]]:
    """The variant without the tags that `verify` refuses, and the refusals.

    If the holder of a role is refused, the role goes to the latest earlier holder that is neither refused nor rolled
    back.

    Raises:
        RegistryError: a tag cannot be verified.
    """
    found = refused_removals(known)
    refused = list(found.values())
    kept = [tag for tag in known.tags if tag not in found]
    for role in grammar.LIVE:
        now = Variant(known.name, kept)
        for version in dict.fromkeys([*now.assigned(role)[-1:], *reversed(now.succession(role))]):
            tag = now.given(version, role)
            try:
                check_assignment(now, tag)
            except RefusedError as error:
                refused.append(str(error))
                continue
            kept = [one for one in kept if one.role != role or one.counter <= tag.counter]
            break
        else:
            kept = [one for one in kept if one.role != role]
    return Variant(known.name, kept), refused


def refused_removals(known: Variant) -> dict[Tag, str]:
    """The tags of a variant that take a role or archive a version without the required force, and the refusals.

    Raises:
        RegistryError: a tag cannot be verified.
    """
    refused = {}
    for tag in known.tags:
        if tag.action == "unassign" or tag.role == "archived":
            try:
                check_assignment(Variant(known.name, [one for one in known.tags if one not in refused]), tag)
            except RefusedError as error:
                refused[tag] = str(error)
    return refused


def _objections(tag: Tag) -> list[str] | None:
    """Why the force of a tag does not count, empty if it states no force; None if its force counts."""
    if not overruled(tag):
        return []
    why = promoters.objection(tag)
    return None if why is None else [why]


def _takes(known: Variant, tag: Tag, version: Version) -> str | None:
    """A description of what a tag takes that needs force; None if it takes nothing of that kind."""
    before = Variant(known.name, [one for one in known.tags if one.action == "register" or one.counter < tag.counter])
    if tag.role == "archived" and tag.action == "unassign":
        return f"{version.name} was archived" if version.version in before.assigned("archived") else None
    if tag.role not in ("production", "archived"):
        return None
    given = before.assigned("production")
    while given and given[-1] != version.version and _never_eligible(before, given[-1]):
        given.pop()  # a refused version did not take production from it
    if given[-1:] != [version.version]:
        return None
    # Anyone may take production from a version that may not hold it.
    refused = eligibility.refusals(replace(version, roles=()), releases.of(version))
    if refused and _objections(before.given(version.version, "production")) is not None:
        return None
    return f"{version.name} held production"


def _never_eligible(known: Variant, version: str) -> bool:
    """Whether a version was never eligible for production, by its commit alone: its bytes may have been lost since."""
    release = releases.of(known.versions[version])
    commit = known.versions[version].commit
    failed = release.verdict != "pass" or artifacts.inconsistencies(release, artifacts.lock(commit))
    return bool(failed) and _objections(known.given(version, "production")) is not None
