"""Registering, promoting, rolling back, retiring: each checks, then writes its tags in one transaction.

A role that people rely on (staging, canary, production) is given to a version only when the gate passed for exactly
its bytes and these can be fetched. Whoever must, forces it and says why; the tag keeps both.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from slipway.core.errors import RegistryError
from slipway.registry import artifacts, audit, clone, git, promoters, releases, state, tags
from slipway.registry.state import Variant, Version
from slipway.registry.tags import Moment, New, Tag

Bump = Literal["major", "minor", "patch"]
FIRST = "v1.0.0"
SHOWN = 5
"""Files that a message names before it only counts."""
FORCED = "Forced"
"""Begins the line of a tag's message that says what was overruled."""


class RefusedError(RegistryError):
    """A version may not have a role; whoever cannot find out, as when a remote does not answer, raises another."""

    exit_code = 6


@dataclass(frozen=True)
class Done:
    """What was written: the tags, what they say, and what had to be overruled to write them."""

    variant: str
    version: str
    role: str | None
    tags: tuple[str, ...]
    overruled: tuple[str, ...]
    pushed: bool


@dataclass(frozen=True)
class Given:
    """What the tag of an assignment gives: a role, to a version, and what its force overrules."""

    version: Version
    role: str
    overruled: tuple[str, ...]


def register(
    variant: str,
    *,
    version: str | None = None,
    bump: Bump = "minor",
    revision: str = "HEAD",
    reason: str | None = None,
    push: bool = False,
) -> Done:
    """Make what is at a commit a version of the variant, whatever the gate says of it.

    Args:
        variant: the variant; its release record must be committed.
        version: its name, such as v1.2.0; without it the highest one there is goes up by `bump`.
        bump: the part that goes up; the first version is v1.0.0.
        revision: the commit.
        reason: why, for the tag's message.
        push: to the remote too.

    Raises:
        RegistryError: there is no record, or it is a version already, or the name is taken or not one.
    """
    commit = git.commit(revision)
    moment = _moment(variant, push)
    known = Variant(variant, moment.tags)
    release = releases.read([(variant, commit)])[0]
    if revision == "HEAD" and (left := _uncommitted(variant, commit)):
        more = f" and {len(left) - SHOWN} more" if len(left) > SHOWN else ""
        raise RegistryError(
            f"{variant} differs from commit {commit[:7]} in {', '.join(left[:SHOWN])}{more}: "
            "`git add --all && git commit`, then register"
        )
    path = releases.record_path(variant)
    if release.record is None:
        raise RegistryError(
            f"{path}: not in commit {commit[:7]}; run `dvc repro register@{variant}`, commit it, then register"
        )
    if (there := known.version_at(commit)) is not None:
        raise RegistryError(f"{variant}@{there} is commit {commit[:7]} already; one commit has one version")
    _check_new(known, release)
    version = _name(known, version, bump)
    outcome = release.verdict or "unknown"
    sha256 = release.record.model.sha256
    message = _message(f"Register {variant} {version}", reason, {"Verdict": outcome, "SHA-256": sha256})
    return _write(moment, [New(f"{variant}@{version}", commit, message)], version, None, (), push)


def _uncommitted(variant: str, commit: str) -> list[str]:
    """What makes the variant and is not in the commit, or is another there: files, and its own part of shared ones."""
    own = (f"conf/variant/{variant}.yaml", f"params/{variant}.yaml", f"models/{variant}", f"reports/{variant}")
    status = git.run(
        "status", "--porcelain", "-z", "--untracked-files=all", "--no-renames", "--", *own, f"data/raw/{variant}.dvc"
    )
    left = [line[3:] for line in status.split("\0") if line]
    if variant in {*releases.variants()} - {*releases.variants(commit)}:
        left.append("params.yaml")
    if artifacts.locked(variant, commit) != artifacts.locked(variant, None):
        left.append("dvc.lock")
    return left


def unregistered(revision: str = "HEAD") -> list[str]:
    """The variants of params.yaml whose record at a commit passed and is of no version yet."""
    commit = git.commit(revision)
    names = releases.variants()
    found = zip(names, releases.read([(name, commit) for name in names]), strict=True)
    return [
        name
        for name, release in found
        if release.verdict == "pass" and _twin(Variant(name, tags.read(name)), release) is None
    ]


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
    if role not in tags.LIVE:
        raise RegistryError(f"{role!r} is no role to promote to; there are {', '.join(tags.LIVE)}")
    moment = _moment(_variant(name), push)
    known = _known(moment)
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
    if role not in tags.LIVE:
        raise RegistryError(f"{role!r} is no role to roll back; there are {', '.join(tags.LIVE)}")
    moment = _moment(variant, push)
    known = _known(moment)
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
    moment = _moment(_variant(name), push)
    known = _known(moment)
    version = state.find({known.name: known}, name)
    if "archived" in version.roles:
        raise RegistryError(f"{version.name} is archived already")
    overruled = []
    if "production" in version.roles:
        overruled.append("it holds production, which is left empty")
        if not force:
            raise RegistryError(
                f"{version.name} holds production: promote another or roll back first, or leave production empty with "
                "--force --reason '...'"
            )
    _check_forced(force, reason)
    numbers = moment.numbers()
    message = _message(f"Retire {version.name}", reason, {FORCED: overruled})
    new = []
    for role in sorted({tag.role for tag in known.tags if tag.role} - {"archived"}):
        assigned = known.assigned(role)
        leaving = assigned if role in version.roles else [one for one in assigned if one == version.version]
        new += [New(f"{known.name}#{role}!#{next(numbers)}", known.versions[one].commit, message) for one in leaving]
    new.append(New(f"{known.name}#archived#{next(numbers)}", version.commit, message))
    return _write(moment, new, version.version, "archived", overruled, push)


def share(variant: str) -> list[str]:
    """Push the tags of a variant that are only here, all or none, and say which.

    Raises:
        RefusedError: they give roles that people rely on, for bytes that nobody else can fetch.
        RegistryError: the remote has changed since they were written, or one of them was removed there.
    """
    difference = clone.look().difference
    unshared = difference.of(variant).unshared if difference is not None else ()
    given = [tag for tag in tags.read(variant) if tag.name in unshared and tag.action == "assign"]
    if relied := [tag.name for tag in given if tag.role in tags.LIVE and not overruled(tag)]:
        for wrong in _unreachable():
            raise RefusedError(f"{tags.listed(relied)} cannot be shared: {wrong}")
    return tags.share(variant)


def _unreachable() -> list[str]:
    """Why others could not fetch what gets a role, though this clone can."""
    folder = artifacts.private()
    if folder is None:
        return []
    return [
        f"the DVC remote, {folder}, is a folder in this clone, which nobody else can fetch from; give the team one "
        "with `dvc remote add --default team URL` and `dvc push`, see Where data and models are kept in docs/guide.md"
    ]


def refusals(version: Version, release: releases.Release) -> list[str]:
    """Why people may not rely on a version: nothing, when its gate passed, for bytes that can be fetched.

    What is malformed or does not come out again of its predictions is a reason like any other.

    Raises:
        RegistryError: the remote cannot be reached, so whether they can nobody knows.
    """
    outcome = release.verdict
    wrong = []
    if "archived" in version.roles:
        wrong.append("it is archived")
    if outcome != "pass":
        short = [f"{rule.subject}: {rule.reason}" for rule in release.rules if rule.verdict != "pass"]
        wrong.append(
            f"the gate says {outcome}" + (f" ({'; '.join(short)})" if short else "") if outcome else "it has no verdict"
        )
    return wrong + audit.doubts(version.variant, version.commit, release)


def overruled(tag: Tag) -> str:
    """What a promotion by force overruled, when its tag says why, in the form of `_message`; else nothing."""
    parts = tag.why.split("\n\n")
    if not any(part.strip() for part in parts[1:-1]):
        return ""
    begin = f"{FORCED}: "
    return next((line.removeprefix(begin) for line in parts[-1].splitlines() if line.startswith(begin)), "")


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
    if tag.action == "assign" and tag.role in tags.LIVE:
        if version is None:
            clone.look().check(known.name)  # the tag that makes it one may be missing here
            raise RefusedError(f"{tag.name} is refused: commit {tag.commit[:7]} is no version of {known.name}")
        wrong = refusals(version, releases.of(version))
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
    for role in tags.LIVE:
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


def undo(name: str) -> str:
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
        tags.remove(one)
        return f"{name} is removed"
    except RegistryError as error:
        kept = f"{name} stays, since it cannot be removed ({error})"
    if not isinstance(one, Tag) or one.role is None:
        return f"{kept}; it has no effect"
    moment = tags.moment(one.variant, push=True)
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
    message = _message(f"Undo {name}, which is refused and cannot be removed", None, {})
    tags.write(moment, [New(contrary, known.versions[undone].commit, message)], push=True)
    return f"{kept}; {contrary} undoes it"


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
    refused = refusals(replace(version, roles=()), releases.of(version))
    if refused and _uncounted(before.given(version.version, "production")) is not None:
        return None
    return f"{version.name} held production"


def _never_good(known: Variant, version: str) -> bool:
    """Whether a version was never one to hold production, by what is in its commit: bytes may be gone since."""
    release = releases.of(known.versions[version])
    failed = release.verdict != "pass" or artifacts.disagreements(known.name, known.versions[version].commit, release)
    return bool(failed) and _uncounted(known.given(version, "production")) is not None


def _assign(
    moment: Moment, version: Version, role: str, verb: str, force: bool, reason: str | None, push: bool
) -> Done:
    release = releases.of(version)
    wrong = [*(_unreachable() if push else []), *refusals(version, release)]
    _check_forced(force, reason)
    if wrong and not force:
        raise RefusedError(
            f"{version.name} is refused {role}: {'; '.join(wrong)}. Whoever must can use --force --reason '...'"
        )
    sha256 = release.record.model.sha256 if release.record else "unknown"
    facts: dict[str, str | list[str]]
    facts = {"Verdict": release.verdict or "unknown", "SHA-256": sha256, FORCED: wrong}
    message = _message(f"{verb} {version.name} to {role}", reason, facts)
    numbers = moment.numbers()
    new = []
    if "archived" in version.roles:
        new.append(New(f"{version.variant}#archived!#{next(numbers)}", version.commit, message))
    new.append(New(f"{version.variant}#{role}#{next(numbers)}", version.commit, message))
    return _write(moment, new, version.version, role, wrong, push)


def _write(
    moment: Moment, new: Sequence[New], version: str, role: str | None, overruled: Sequence[str], push: bool
) -> Done:
    tags.write(moment, new, push=push, check=_counts if overruled else None)
    return Done(moment.variant, version, role, tuple(tag.name for tag in new), tuple(overruled), push)


def _counts(tag: Tag) -> None:
    """Raise where the force of a tag that is about to be written would not count."""
    if (why := promoters.objection(tag)) is not None:
        raise RefusedError(f"nothing was written: {why}; whoever may force is named there, on the default branch")


def _moment(variant: str, push: bool) -> Moment:
    """The tags to decide on: with `push` those of the remote, else those here, which have to be all that there are."""
    clone.look(ask=not push).check(variant)
    return tags.moment(variant, push=push)


def _known(moment: Moment) -> Variant:
    if not moment.tags:
        raise RegistryError(f"{moment.variant} has no versions; `slipway register {moment.variant}` makes one")
    return Variant(moment.variant, moment.tags)


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


def _check_new(known: Variant, release: releases.Release) -> None:
    """What nobody could tell from a version that there is, is that version."""
    if (twin := _twin(known, release)) is not None:
        raise RegistryError(
            f"{twin.name} is this model already, with the same data, parameters, scores and verdict: there is nothing "
            "new to register"
        )


def _twin(known: Variant, release: releases.Release) -> Version | None:
    """The version that it is already, if there is one."""
    versions = list(known.versions.values())
    there = releases.read([(one.variant, one.commit) for one in versions])
    for version, other in zip(versions, there, strict=True):
        if release.same_version_as(other):
            return version
    return None


def _name(known: Variant, version: str | None, bump: Bump) -> str:
    if version is None:
        highest = max(map(state.order, known.versions), default=None)
        return FIRST if highest is None else f"v{highest.next_version(bump)}"
    if not tags.VERSION.fullmatch(version):
        raise RegistryError(f"{version!r} is no version: v and three numbers, such as v1.2.0 (semver.org)")
    if version in known.versions:
        raise RegistryError(f"{known.name}@{version} is there already; a version is never moved")
    return version


def _variant(name: str) -> str:
    return name.partition("@")[0].partition("#")[0]


def _check_forced(force: bool, reason: str | None) -> None:
    if force and not (reason or "").strip():
        raise RegistryError("--force needs --reason: it is kept in the tag")


def _message(what: str, reason: str | None, facts: dict[str, str | list[str]]) -> str:
    lines = [f"{key}: {'; '.join(said) if isinstance(said, list) else said}" for key, said in facts.items() if said]
    return "\n\n".join(part for part in (what, (reason or "").strip(), "\n".join(lines)) if part)
