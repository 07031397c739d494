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
    if revision == "HEAD":
        check_committed(variant, commit)
    path = releases.record_path(variant)
    if release.record is None:
        raise RegistryError(
            f"{path}: not in commit {commit[:7]}; run `dvc repro register@{variant}`, commit it, then register"
        )
    if (there := known.version_at(commit)) is not None:
        raise RegistryError(f"commit {commit[:7]} is already {variant}@{there}; a commit has only one version")
    check_new(known, release)
    name = next_version(known, bump) if version is None else new_version(known, version)
    why = message(f"Register {variant} {name}", reason, facts(release))
    return decision.write(snapshot, [New(f"{variant}@{name}", commit, why)], name, None, (), push)


def facts(release: releases.Release) -> dict[str, str]:
    """The facts in the message of a version's tag."""
    assert release.record is not None  # what has no record is no version
    return {"Verdict": release.verdict or "unknown", "SHA-256": release.record.model.sha256}


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


def check_committed(variant: str, commit: str) -> None:
    """Check that the files of a variant are those of the commit that is checked out.

    Raises:
        RegistryError: they differ; the message names them.
    """
    if left := _uncommitted(variant, commit):
        more = f" and {len(left) - SHOWN} more" if len(left) > SHOWN else ""
        raise RegistryError(
            f"{variant} differs from commit {commit[:7]} in {', '.join(left[:SHOWN])}{more}: "
            "`git add --all && git commit` first"
        )


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


def check_new(known: Variant, release: releases.Release) -> None:
    """Check that a user can distinguish a release from the versions that there are.

    Raises:
        RegistryError: one of them is the same.
    """
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


def next_version(known: Variant, bump: Bump = "minor") -> str:
    """The name for a new version: the highest that there is, with a part of its number increased."""
    highest = max(map(state.order, known.versions), default=None)
    return FIRST if highest is None else f"v{highest.next_version(bump)}"


def new_version(known: Variant, version: str) -> str:
    """Check the name of a new version, and return it.

    Raises:
        RegistryError: it is taken, or is not one.
    """
    if not grammar.VERSION.fullmatch(version):
        raise RegistryError(f"{version!r} is not a version: write v and three numbers, such as v1.2.0 (semver.org)")
    if version in known.versions:
        raise RegistryError(f"{known.name}@{version} already exists; a version is never moved")
    return version
