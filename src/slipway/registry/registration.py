"""Registration: the build at a commit becomes a version, whatever the verdict of the gate."""

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
"""The number of files that a message names; it only counts the rest."""


def register(
    variant: str,
    *,
    version: str | None = None,
    bump: Bump = "minor",
    revision: str = "HEAD",
    reason: str | None = None,
    push: bool = False,
) -> Done:
    """Register the build at a commit as a version of the variant, whatever the verdict of the gate.

    Args:
        variant: the variant; its release record must be committed.
        version: its name, such as v1.2.0; by default the highest existing version, increased by `bump`.
        bump: the part of the version number to increase; the first version is v1.0.0.
        revision: the commit.
        reason: the reason, for the tag's message.
        push: whether to push to the remote too.

    Raises:
        RegistryError: there is no record, the build is already a version, or the name is taken or invalid.
    """
    commit = git.commit(revision)
    snapshot = decision.begin(variant, push)
    known = Variant(variant, snapshot.tags)
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
        raise RegistryError(f"commit {commit[:7]} is already {variant}@{there}; a commit has only one version")
    _check_new(known, release)
    version = _name(known, version, bump)
    outcome = release.verdict or "unknown"
    sha256 = release.record.model.sha256
    why = message(f"Register {variant} {version}", reason, {"Verdict": outcome, "SHA-256": sha256})
    return decision.write(snapshot, [New(f"{variant}@{version}", commit, why)], version, None, (), push)


def unregistered(revision: str = "HEAD") -> list[str]:
    """The variants in params.yaml whose record at a commit passed and is not registered as a version yet."""
    commit = git.commit(revision)
    names = releases.variants()
    found = zip(names, releases.read([(name, commit) for name in names]), strict=True)
    return [
        name
        for name, release in found
        if release.verdict == "pass" and _twin(Variant(name, tags.read(name)), release) is None
    ]


def _uncommitted(variant: str, commit: str) -> list[str]:
    """The files of the variant that differ from the commit; of shared files, only the variant's own part counts."""
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
    """Raise RegistryError if a user could not distinguish the release from an existing version."""
    if (twin := _twin(known, release)) is not None:
        raise RegistryError(
            f"{twin.name} is already this model, with the same data, parameters, scores and verdict: there is nothing "
            "new to register"
        )


def _twin(known: Variant, release: releases.Release) -> Version | None:
    """The existing version that equals the release; None if there is none."""
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
        raise RegistryError(f"{version!r} is not a version: write v and three numbers, such as v1.2.0 (semver.org)")
    if version in known.versions:
        raise RegistryError(f"{known.name}@{version} already exists; a version is never moved")
    return version
