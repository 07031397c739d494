"""Which rollouts go on, as Git says: assignments of the registry whose messages state a share.

    ball#canary#7        Share: 5 %      the rollout 7 of ball begins, with its plan
    ball#canary#8        Share: 20 %     its next step
    ball#production#9    Share: 100 %    its last step, with ball#canary!#10 in the same transaction
    ball#canary!#9       Share: 0 %      or it has ended: somebody aborted it, or it was taken back

For GTO these are assignments of `canary`, and `slipway registry` shows them as such. A version that holds canary by a
tag without a share gets no traffic. All tags are written by the transactions of the registry: of two who write at once,
one is told.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from pydantic import ValidationError

from slipway.core.errors import ConfigError, RegistryError
from slipway.ensembles import standing
from slipway.experiments import history as experiments
from slipway.experiments.assignment import Split
from slipway.experiments.assignment import rollout as split
from slipway.registry import decision, eligibility, promotion, releases, state
from slipway.registry.decision import Done
from slipway.registry.eligibility import RefusedError
from slipway.registry.grammar import Tag
from slipway.registry.messages import FORCED, message
from slipway.registry.state import Variant
from slipway.registry.transaction import New, Snapshot
from slipway.rollouts import evidence as counted
from slipway.rollouts import plan as plans
from slipway.rollouts.decision import Decision, decide
from slipway.rollouts.evidence import Evidence
from slipway.rollouts.plan import Plan

CANARY, PRODUCTION = "canary", "production"
Action = Literal["step", "pause", "resume", "abort", "take back"]
_ROLLOUT, _SHARE, _FROM, _PLAN, _EVIDENCE = "Rollout", "Share", "From", "Plan", "Evidence"
_PAUSED, _TAKEN_BACK = "Paused", "Taken back"


@dataclass(frozen=True)
class Rollout:
    """A rollout that goes on.

    Attributes:
        variant, version: what is rolled out.
        number: the number of the assignment that began it, which names it.
        share: the canary's share of the units, in percent; 100 once it has production and is watched.
        paused: whether it makes no steps.
        plan: what its start says.
        began, stepped: when it began, and when it got its share, in seconds since 1970.
        tag: the tag that gives the share.
    """

    variant: str
    version: str
    number: int
    share: float
    paused: bool
    plan: Plan
    began: int
    stepped: int
    tag: str

    @property
    def subject(self) -> str:
        """Its name in logs and in the state store, and the salt of its units."""
        return f"rollouts/{self.variant}/{self.number}"

    def split(self, share: float) -> Split:
        """Return which units are the canary's at a share, in percent."""
        return split(self.subject, share)

    def hours(self, now: float) -> tuple[float, float]:
        """Return the hours with this share, and those since the start; `now` is in seconds since 1970."""
        return max(now - self.stepped, 0.0) / 3600, max(now - self.began, 0.0) / 3600

    def is_watched(self, now: float) -> bool:
        """Whether there is something to judge: until its watch has ended after 100 %."""
        return self.share < 100 or self.hours(now)[0] <= self.plan.watch_hours


def current(known: Variant) -> Rollout | None:
    """Return the rollout of a variant that goes on, or whose version has production by it; None if there is none.

    Raises:
        RegistryError: a tag of the rollout is malformed.
    """
    canary, production = known.holder(CANARY), known.holder(PRODUCTION)
    for holder, role in ((canary, CANARY), (production, PRODUCTION)):
        if holder is None or (role == CANARY and production is not None and production.commit == holder.commit):
            continue
        tag = known.given(holder.version, role)
        if facts(tag).keys() >= {_ROLLOUT, _SHARE}:
            return _of(known, holder.version, role, tag)
    return None


def start(
    name: str, *, share: float | None = None, force: bool = False, reason: str | None = None, push: bool = False
) -> Done:
    """Begin to roll out a version: it gets canary, with the first share of its plan.

    Args:
        name: `VARIANT@VERSION`, `VARIANT@latest` or `VARIANT#ROLE`.
        share: another first share, in percent.
        force: whether to roll out a version that did not pass, or that was taken back before; needs a reason.
        reason: the reason, for the tag's message.
        push: whether to push to the remote too.

    Raises:
        ConfigError: the plan has mistakes.
        RefusedError: the version may not have the role, or nothing is in production beside which it could be judged.
        RegistryError: a rollout or an experiment of the variant goes on already, or somebody was quicker.
    """
    variant = name.partition("@")[0].partition("#")[0]
    snapshot = decision.begin(variant, push)
    known = decision.existing_variant(snapshot)
    version = state.find({variant: known}, name)
    release = releases.of(version)
    plan = plans.read(variant) if share is None else plans.read(variant).starting_at(share)
    if objections := plans.objections(plan, release.record):
        raise ConfigError("\n".join(f"{plans.path_of(variant).as_posix()}: {one}" for one in objections))
    if plan.steps[0] == 100:
        raise ConfigError(f"{plans.path_of(variant).as_posix()}: steps has no share below 100; `slipway promote` does")
    _check_alone(known)
    _check_baseline(known, version.version)
    wrong = [*(eligibility.unreachable() if push else []), *eligibility.refusals(version, release)]
    wrong += [f"{tag.name} took it back" for tag in known.tags if facts(tag).get(_TAKEN_BACK) == version.version]
    decision.check_reason(force, reason)
    if wrong and not force:
        raise RefusedError(
            f"{version.name} is not rolled out: {'; '.join(wrong)}. To overrule this, use --force --reason '...'"
        )
    number = next(snapshot.numbers())
    said: dict[str, str | list[str]] = {
        _ROLLOUT: str(number),
        _SHARE: f"{plan.steps[0]:g} %",
        _PLAN: plan.to_json(),
        "Verdict": release.verdict or "unknown",
        "SHA-256": release.record.model.sha256 if release.record else "unknown",
        FORCED: wrong,
    }
    text = message(f"Roll out {version.name}: {plan.steps[0]:g} %", reason, said)
    new = [New(f"{variant}#{CANARY}#{number}", version.commit, text)]
    return decision.write(snapshot, new, version.version, CANARY, wrong, push)


def apply(
    variant: str,
    action: Action,
    *,
    number: int | None = None,
    after: str | None = None,
    reason: str | None = None,
    evidence: Evidence | None = None,
    push: bool = False,
) -> Done:
    """Write what becomes of a rollout.

    Args:
        variant: the variant.
        action: the next step, a pause, its end, an abort by people, or back to production because a rule failed.
        number: the rollout; any by default. One that has ended is an error.
        after: the last tag of the rollout when this was decided; by default, whatever it is now.
        reason: the reason, for the tag's message.
        evidence: what was counted, for the tag's message.
        push: whether to push to the remote too.

    Raises:
        RefusedError: the version may not have production (any more).
        RegistryError: there is no such rollout, the action makes no sense, or somebody was quicker.
    """
    snapshot = decision.begin(variant, push)
    known = decision.existing_variant(snapshot)
    rollout = current(known)
    if rollout is None or (number is not None and rollout.number != number):
        which = f"the rollout {number} of {variant} does not go on" if number else f"no rollout of {variant} goes on"
        raise RegistryError(f"{which}; `slipway rollout start {variant}@VERSION` begins one")
    found = f"{variant}@{rollout.version}"
    if after is not None and rollout.tag != after:
        raise RegistryError(
            f"somebody was quicker: {after} is not the last tag of the rollout of {found}, {rollout.tag} is"
        )
    said = {
        _ROLLOUT: str(rollout.number),
        _FROM: f"{rollout.share:g} %",
        _EVIDENCE: "" if evidence is None else evidence.to_json(),
    }
    if rollout.share >= 100:
        if action != "take back":
            raise RegistryError(f"{found} has production: `slipway rollback {variant}` gives it back")
        return promotion.rollback(variant, reason=reason, push=push, facts=said | {_TAKEN_BACK: rollout.version})
    commit = known.versions[rollout.version].commit
    match action:
        case "step" if plan_done(rollout):
            return _finish(snapshot, known, rollout, reason, said, push)
        case "step":
            share = rollout.plan.after(rollout.share)
            what, shares = f"Roll out {found} further: {share:g} %", {_SHARE: f"{share:g} %"}
        case "pause":
            if rollout.paused:
                raise RegistryError(f"the rollout of {found} is paused already")
            what, shares = f"Pause the rollout of {found}", {_SHARE: f"{rollout.share:g} %", _PAUSED: "yes"}
        case "resume":
            if not rollout.paused:
                raise RegistryError(f"the rollout of {found} is not paused")
            what, shares = f"Resume the rollout of {found}", {_SHARE: f"{rollout.share:g} %"}
        case _:
            shares = {_SHARE: "0 %"} | ({_TAKEN_BACK: rollout.version} if action == "take back" else {})
            what = f"Take back {found}" if action == "take back" else f"Abort the rollout of {found}"
            new = _leaving(snapshot.numbers(), known, message(what, reason, said | shares))
            return decision.write(snapshot, new, rollout.version, None, [], push)
    text = message(what, reason, said | shares)
    new = [New(f"{variant}#{CANARY}#{next(snapshot.numbers())}", commit, text)]
    return decision.write(snapshot, new, rollout.version, CANARY, [], push)


def has_ended(known: Variant, number: int) -> bool:
    """Return whether a tag says that a rollout has ended, or that its version was taken back."""
    said = [facts(tag) for tag in known.tags if facts(tag).get(_ROLLOUT) == str(number)]
    return any(one.get(_SHARE) == "0 %" or _TAKEN_BACK in one for one in said)


def plan_done(rollout: Rollout) -> bool:
    """Return whether the next step of a rollout is 100 %."""
    return rollout.plan.after(rollout.share) >= 100


def replay(name: str) -> tuple[str, Decision]:
    """Return what the tag of a step, a pause or an end says was done, and the decision that follows from its evidence.

    Raises:
        RegistryError: there is no such tag, or it has no evidence.
    """
    variant = name.partition("#")[0]
    known = state.read().get(variant)
    tag = None if known is None else next((one for one in known.tags if one.name == name), None)
    if known is None or tag is None:
        raise RegistryError(f"{name}: no such tag; `slipway registry history {variant}` lists the tags")
    said = facts(tag)
    if not said.get(_EVIDENCE):
        raise RegistryError(f"{name}: its message has no evidence, so nothing was decided by figures")
    done = "take back" if _TAKEN_BACK in said else "pause" if _PAUSED in said else "step"
    begun = _start(known, said)
    try:
        return done, decide(_plan(begun), counted.parse(said[_EVIDENCE]), _percent(said[_FROM]))
    except (ValidationError, ValueError, KeyError, StopIteration) as error:
        raise RegistryError(f"{name}: no decision follows from its evidence: {' '.join(str(error).split())[:200]}")


def facts(tag: Tag) -> Mapping[str, str]:
    """Return the facts in the message of a tag, by key."""
    lines = (line.partition(": ") for line in tag.why.rpartition("\n\n")[2].splitlines())
    return {key: value for key, sign, value in lines if sign}


def time(seconds: float) -> datetime:
    """Return seconds since 1970 as a date."""
    return datetime.fromtimestamp(seconds, UTC)


def _of(known: Variant, version: str, role: str, tag: Tag) -> Rollout:
    said = facts(tag)
    begun = _start(known, said)
    if known.version_at(begun.commit) != version:
        raise RegistryError(f"{tag.name}: {begun.name} began a rollout of another version")
    share, plan = _percent(said.get(_SHARE, "")), _plan(begun)
    if (share >= 100) != (role == PRODUCTION) or share not in plan.steps:
        raise RegistryError(f"{tag.name}: a share of {share:g} % is no step of its plan")
    same = [one for one in _tags(known, begun.counter) if _percent(facts(one).get(_SHARE, "")) == share]
    stepped = min(one.when for one in same)
    paused = _PAUSED in said
    return Rollout(known.name, version, begun.counter, share, paused, plan, begun.when, stepped, tag.name)


def _tags(known: Variant, number: int) -> list[Tag]:
    """The assignments of a rollout."""
    return [one for one in known.tags if one.action == "assign" and facts(one).get(_ROLLOUT) == str(number)]


def _start(known: Variant, said: Mapping[str, str]) -> Tag:
    number = said.get(_ROLLOUT, "")
    name = f"{known.name}#{CANARY}#{number}"
    found = next((one for one in known.tags if one.name == name and facts(one).get(_ROLLOUT) == number), None)
    if found is None:
        raise RegistryError(f"no tag began the rollout {number} of {known.name}")
    return found


def _plan(begun: Tag) -> Plan:
    try:
        return Plan.model_validate_json(facts(begun).get(_PLAN, ""))
    except ValidationError as error:
        raise RegistryError(f"{begun.name}: its plan is malformed: {' '.join(str(error).split())[:200]}")


def _percent(text: str) -> float:
    number, sign, _ = text.partition(" %")
    try:
        share = float(number)
    except ValueError:
        share = -1.0
    if not sign or not 0 <= share <= 100:
        raise RegistryError(f"{text!r} is not a share, such as 5 %")
    return share


def _check_alone(known: Variant) -> None:
    if (now := current(known)) is not None and now.share < 100:
        raise RegistryError(
            f"{known.name}@{now.version} is being rolled out, at {now.share:g} %: `slipway rollout abort {known.name}` "
            "first"
        )
    variants = state.read()
    running, _ = experiments.running(experiments.read(), variants, standing.here(variants))
    if others := [one.id for one in running if one.definition.model == known.name]:
        raise RegistryError(
            f"the experiment {others[0]} is about {known.name}, and a request has one version: stop it first"
        )


def _check_baseline(known: Variant, version: str) -> None:
    holder = known.holder(PRODUCTION)
    if holder is None:
        raise RefusedError(
            f"no version of {known.name} holds production, so there is nothing to compare with: `slipway promote "
            f"{known.name}@{version} --to production`"
        )
    if holder.version == version:
        raise RegistryError(f"{holder.name} already holds production")


def _leaving(numbers: Iterator[int], known: Variant, text: str) -> list[New]:
    """Tags that take canary from all versions that were given it: GTO gives a role back to the holder before."""
    return [
        New(f"{known.name}#{CANARY}!#{next(numbers)}", known.versions[one].commit, text)
        for one in known.assigned(CANARY)
    ]


def _finish(
    snapshot: Snapshot, known: Variant, rollout: Rollout, reason: str | None, said: Mapping[str, str], push: bool
) -> Done:
    version = known.versions[rollout.version]
    release = releases.of(version)
    wrong = [*(eligibility.unreachable() if push else []), *eligibility.refusals(version, release)]
    if wrong:
        raise RefusedError(f"{version.name} is refused production: {'; '.join(wrong)}")
    sha256 = release.record.model.sha256 if release.record else "unknown"
    whole = {**said, _SHARE: "100 %", "Verdict": release.verdict or "unknown", "SHA-256": sha256}
    text = message(f"Roll out {version.name} further: 100 %, production", reason, whole)
    numbers = snapshot.numbers()
    new = [New(f"{known.name}#{PRODUCTION}#{next(numbers)}", version.commit, text)]
    new += _leaving(numbers, known, text)
    return decision.write(snapshot, new, version.version, PRODUCTION, [], push)
