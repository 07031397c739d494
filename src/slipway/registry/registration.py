"""Registering: what is at a commit becomes a version, whatever the gate says of it."""

from typing import Literal

from slipway.core.errors import RegistryError
from slipway.registry import artifacts, decision, git, grammar, releases, state, tags
from slipway.registry.decision import Done
from slipway.registry.messages import message
from slipway.registry.state import Variant, Version
from slipway.registry.transaction import New

Bump = Literal["major", "minor", "patch"]
FIRST = "v1.0.0"
SHOWN = 5
"""Files that a message names before it only counts."""


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
    moment = decision.begin(variant, push)
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
    why = message(f"Register {variant} {version}", reason, {"Verdict": outcome, "SHA-256": sha256})
    return decision.write(moment, [New(f"{variant}@{version}", commit, why)], version, None, (), push)


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
    if not grammar.VERSION.fullmatch(version):
        raise RegistryError(f"{version!r} is no version: v and three numbers, such as v1.2.0 (semver.org)")
    if version in known.versions:
        raise RegistryError(f"{known.name}@{version} is there already; a version is never moved")
    return version
