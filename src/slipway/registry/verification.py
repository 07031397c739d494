"""Verifying: may a version hold the role that a tag gives it? Whoever can push can write any tag."""

from dataclasses import dataclass, replace

from slipway.core.errors import RegistryError
from slipway.registry import artifacts, clone, eligibility, grammar, promoters, releases, tags
from slipway.registry.eligibility import RefusedError
from slipway.registry.grammar import Tag
from slipway.registry.messages import overruled
from slipway.registry.state import Variant, Version


@dataclass(frozen=True)
class Given:
    """What the tag of an assignment gives: a role, to a version, and what its force overrules."""

    version: Version
    role: str
    overruled: tuple[str, ...]


def verify(name: str) -> Given | None:
    """What a tag gives, once it is sure that it may; None for a tag that gives no role that is relied on.

    Whoever can push can write any tag, with `gto` or with Git. A promotion by force says so, and why, and counts for
    those whom `promoters` names; so does what only force may do: take production from its holder, archive that, or
    take back that a version is archived.

    Raises:
        RefusedError: its version may not have the role, or it only looks like a tag of the registry.
        RegistryError: it is no tag of the registry, or what it may give cannot be found out.
    """
    survey = tags.survey(variants=releases.variants())
    if (odd := next((one for one in survey.odd if one.name == name), None)) is not None:
        raise RefusedError(f"{name} is refused and has no effect: {odd.why}")
    tag = next((one for one in survey.tags if one.name == name), None)
    if tag is None:
        raise RegistryError(f"{name}: no annotated tag of the registry; `slipway registry history` has them")
    known = Variant(tag.variant, [one for one in survey.tags if one.variant == tag.variant])
    if (untimely := tags.untimely(tag, known.tags)) is not None:
        raise RefusedError(f"{name} is refused: {untimely}")
    return judge(known, tag)


def judge(known: Variant, tag: Tag) -> Given | None:
    """`verify` of a tag of a variant, whatever its date."""
    version = known.versions.get(known.version_at(tag.commit) or "")
    if tag.action == "assign" and tag.role in grammar.LIVE:
        if version is None:
            clone.look().check(known.name)  # the tag that makes it one may be missing here
            raise RefusedError(f"{tag.name} is refused: commit {tag.commit[:7]} is no version of {known.name}")
        wrong = eligibility.refusals(version, releases.of(version))
        if wrong and (uncounted := _uncounted(tag)) is not None:
            said = "; ".join([*wrong, *uncounted])
            raise RefusedError(f"{tag.name} is refused: {version.name} may not hold {tag.role}: {said}")
        return Given(version, tag.role, tuple(wrong))
    if version is not None and (taken := _takes(known, tag, version)) and (uncounted := _uncounted(tag)) is not None:
        said = "; ".join([taken, *(uncounted or ["only force may do that"])])
        raise RefusedError(f"{tag.name} is refused: {said}")
    return None


def accepted(known: Variant) -> tuple[Variant, list[str]]:
    """A variant as it is without what `verify` refuses, and what that is.

    Where the holder of a role is refused, the last one before it that is not holds it, of those that were not rolled
    back from.

    Raises:
        RegistryError: what a tag may give cannot be found out.
    """
    found = refused_takings(known)
    refused = list(found.values())
    kept = [tag for tag in known.tags if tag not in found]
    for role in grammar.LIVE:
        now = Variant(known.name, kept)
        for version in dict.fromkeys([*now.assigned(role)[-1:], *reversed(now.line(role))]):
            tag = now.given(version, role)
            try:
                judge(now, tag)
            except RefusedError as error:
                refused.append(str(error))
                continue
            kept = [one for one in kept if one.role != role or one.counter <= tag.counter]
            break
        else:
            kept = [one for one in kept if one.role != role]
    return Variant(known.name, kept), refused


def refused_takings(known: Variant) -> dict[Tag, str]:
    """The tags of a variant that take what only force may take, without force that counts, and why each is refused.

    Raises:
        RegistryError: that cannot be found out.
    """
    refused = {}
    for tag in known.tags:
        if tag.action == "unassign" or tag.role == "archived":
            try:
                judge(Variant(known.name, [one for one in known.tags if one not in refused]), tag)
            except RefusedError as error:
                refused[tag] = str(error)
    return refused


def _uncounted(tag: Tag) -> list[str] | None:
    """Why a tag cannot do what only force may, as far as there is more to say; None where its force counts."""
    if not overruled(tag):
        return []
    why = promoters.objection(tag)
    return None if why is None else [why]


def _takes(known: Variant, tag: Tag, version: Version) -> str | None:
    """What a tag takes away that only force may take."""
    before = Variant(known.name, [one for one in known.tags if one.action == "register" or one.counter < tag.counter])
    if tag.role == "archived" and tag.action == "unassign":
        return f"{version.name} was archived" if version.version in before.assigned("archived") else None
    if tag.role not in ("production", "archived"):
        return None
    given = before.assigned("production")
    while given and given[-1] != version.version and _never_good(before, given[-1]):
        given.pop()  # one that was refused is not what took production from it
    if given[-1:] != [version.version]:
        return None
    # What may not hold production may be relieved of it by anyone.
    refused = eligibility.refusals(replace(version, roles=()), releases.of(version))
    if refused and _uncounted(before.given(version.version, "production")) is not None:
        return None
    return f"{version.name} held production"


def _never_good(known: Variant, version: str) -> bool:
    """Whether a version was never one to hold production, by what is in its commit: bytes may be gone since."""
    release = releases.of(known.versions[version])
    failed = release.verdict != "pass" or artifacts.disagreements(known.name, known.versions[version].commit, release)
    return bool(failed) and _uncounted(known.given(version, "production")) is not None
