"""Who holds which role, as Git says: versions, roles and experiments by the tags, and the records at their commits;
and which ensembles may answer, by the files at the commit that is checked out.

Anyone with push access can write any tag. A tag gives a role only if the gate passed the version, or if it states a
force that counts (`slipway.registry.promoters`); otherwise the role is with the latest earlier holder that was not
rolled back. A tag that takes production from its holder, archives it, or restores an archived version counts only with
such a force. This is what `slipway registry verify` checks too, except that here only the record is read: that its
figures follow from the predictions, and that others can fetch the files, takes seconds and the DVC remote.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from slipway.core.errors import RegistryError
from slipway.ensembles import standing
from slipway.ensembles.standing import Standing
from slipway.experiments import history
from slipway.experiments.definition import Experiment
from slipway.registry import git, promoters, releases
from slipway.registry.grammar import LIVE, Tag
from slipway.registry.messages import overruled
from slipway.registry.state import Variant, Version
from slipway.rollouts import history as rollouts
from slipway.rollouts.history import Rollout


@dataclass(frozen=True)
class Roles:
    """What Git says.

    `variants` are those with versions, `holders` the version that holds each (variant, role), `given` the tag that gave
    it, `names` the variant of each registered model of MLflow, `experiments` those that run, `rollouts` those of each
    variant that go on, `ensembles` those that may answer, and why others may not, and `problems` what is not followed,
    in words.
    """

    variants: Mapping[str, Variant] = field(default_factory=dict)
    holders: Mapping[tuple[str, str], Version] = field(default_factory=dict)
    given: Mapping[tuple[str, str], str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    experiments: tuple[Experiment, ...] = ()
    rollouts: Mapping[str, Rollout] = field(default_factory=dict)
    ensembles: Standing = field(default_factory=Standing)
    problems: tuple[str, ...] = ()


def read(tags: Iterable[Tag], withdrawn: Mapping[str, str] | None = None, commit: str = "") -> Roles:
    """Return the roles that tags give.

    Args:
        tags: the registry tags.
        withdrawn: tags that give no role on this server while an earlier holder can have it, with the reasons.
        commit: the commit with the ensembles; empty for none.

    Raises:
        RegistryError: Git cannot be read.
    """
    grouped: dict[str, list[Tag]] = {}
    for tag in tags:
        grouped.setdefault(tag.variant, []).append(tag)
    variants, holders, problems = {}, {}, []
    for name in sorted(grouped):
        variant, refused = _with_force(name, grouped[name])
        problems += refused
        if variant.versions:
            variants[name] = variant
        for role in LIVE:
            # the current holder, then the earlier ones, latest first
            only: str | None = None
            for version in dict.fromkeys([*variant.assigned(role)[-1:], *reversed(variant.succession(role))]):
                given_by, why = variant.given(version, role).name, _objection(variant, version, role)
                if why is None and given_by in (withdrawn or {}):
                    only, why = only or version, f"on this server {(withdrawn or {})[given_by]}; see `slipway rollback`"
                if why is None:
                    holders[name, role] = variant.versions[version]
                    break
                problems.append(f"{given_by} is not followed: {why}")
            else:
                if only is not None:  # better a version that fails at times than none
                    holders[name, role] = variant.versions[only]
    ensembles = standing.read(commit, variants, holders)
    silent = [f"the ensemble {name} does not answer: {why}" for name, why in ensembles.refused.items()]
    experiments, wrong = history.running(history.read(), variants, ensembles)
    compared = {one.definition.model for one in experiments}
    rolled, faulty = _rollouts(variants, holders, compared)
    given = {
        (name, role): variants[name].given(version.version, role).name for (name, role), version in holders.items()
    }
    told = (*problems, *wrong, *faulty, *silent)
    return Roles(variants, holders, given, _names(variants), tuple(experiments), rolled, ensembles, told)


def _rollouts(
    variants: Mapping[str, Variant], holders: Mapping[tuple[str, str], Version], compared: Collection[str]
) -> tuple[dict[str, Rollout], list[str]]:
    """The rollouts that go on, and what is wrong with those that cannot; `compared` are models of experiments."""
    found, problems = {}, []
    for name, variant in variants.items():
        try:
            one = rollouts.current(variant)
        except RegistryError as error:
            problems.append(f"the rollout of {name} does not go on: {error}")
            continue
        if one is None:
            continue
        holder = holders.get((name, "production" if one.share >= 100 else "canary"))
        if holder is None or holder.version != one.version:
            problems.append(f"the rollout of {name} does not go on: {one.version} may not hold its role")
        elif one.share < 100 and (name, "production") not in holders:
            problems.append(f"the rollout of {name} does not go on: no version of it answers in production")
        elif one.share < 100 and name in compared:
            problems.append(f"the rollout of {name} waits: an experiment is about it, and a request has one version")
        else:
            found[name] = one
    return found, problems


def _names(variants: Mapping[str, Variant]) -> dict[str, str]:
    """The variant of each registered model: as in `slipway registry sync`, its newest version says the model's name."""
    newest = {
        name: max(of.versions.values(), key=lambda one: one.registered.when).commit for name, of in variants.items()
    }
    contents = git.contents([f"{commit}:params/{name}.yaml" for name, commit in newest.items()])
    found = {}
    for name, content in zip(newest, contents, strict=True):
        registered = releases.parameters(content).get("register", {}).get("name")
        if isinstance(registered, str) and registered not in variants:
            found[registered] = name
    return found


def _with_force(name: str, tags: Iterable[Tag]) -> tuple[Variant, list[str]]:
    """A variant without the tags that lack the force that they need, and what is wrong with these."""
    kept: list[Tag] = []
    problems = []
    for tag in tags:
        why = None
        if tag.action == "unassign" or tag.role == "archived":
            taken = _taken(Variant(name, kept), tag)
            why = None if taken is None else _without_force(taken, tag)
        if why is None:
            kept.append(tag)
        else:
            problems.append(f"{tag.name} is not followed: {why}")
    return Variant(name, kept), problems


def _taken(before: Variant, tag: Tag) -> str | None:
    """What a tag takes that needs force; None if it takes nothing of that kind."""
    version = before.version_at(tag.commit)
    if version is None:
        return None
    if tag.role == "archived" and tag.action == "unassign":
        return f"{version} was archived" if version in before.assigned("archived") else None
    if tag.role not in ("production", "archived") or before.assigned("production")[-1:] != [version]:
        return None
    # Anyone may take production from a version that may not hold it.
    return f"{version} held production" if _objection(before, version, "production") is None else None


def _objection(variant: Variant, version: str, role: str) -> str | None:
    """Why a version may not have a role that a tag gives it; None if it may."""
    found, tag = variant.versions[version], variant.given(version, role)
    release = releases.of(found)
    if release.malformed:
        return release.malformed[0]
    if release.verdict == "pass" and "archived" not in found.roles:
        return None
    wrong = "it is archived" if release.verdict == "pass" else f"the gate says {release.verdict or 'nothing'}"
    return _without_force(wrong, tag)


def _without_force(wrong: str, tag: Tag) -> str | None:
    """What is wrong with a tag, unless it states a force that counts."""
    if not overruled(tag):
        return wrong
    try:
        objection = promoters.objection(tag)
    except RegistryError as error:
        objection = str(error)
    return None if objection is None else f"{wrong}; {objection}"
