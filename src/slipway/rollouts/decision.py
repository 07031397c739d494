"""What becomes of a rollout, by what was counted: the next step, a pause, or back to production.

Every test may be looked at after every request. The probability `false_alarm` of taking back a version that is as good
as production is split over them: half of it is for errors beside production, the rest is divided equally.

What is not known is a hold, and a hold is never a step: no traffic, a rule without values, too few units.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from slipway.experiments.verdict import Finding
from slipway.records.verdict import Outcome
from slipway.rollouts.evidence import Event, Evidence
from slipway.rollouts.plan import Goal, Plan
from slipway.statistics import fixed_share, rare_events
from slipway.statistics.effects import Effect, difference
from slipway.statistics.guardrail import harm
from slipway.statistics.moments import Moments, Sums

Action = Literal["take back", "step", "pause", "wait"]
PARITY = "parity"
NO_VALUES = "no values yet"
_Judged = tuple[Finding, float | None]
"""A finding, and its e-value if it has one."""


@dataclass(frozen=True)
class Decision:
    """What to do, the findings from which it follows, and the e-value of each rule that has one."""

    action: Action
    findings: tuple[Finding, ...]
    e_values: Mapping[str, float]

    @property
    def why(self) -> str:
        """The findings that fail, or that are waited for."""
        wanted = "fail" if self.action == "take back" else "hold"
        return "; ".join(f"{one.subject}: {one.reason}" for one in self.findings if one.outcome == wanted)


def decide(plan: Plan, evidence: Evidence, share: float) -> Decision:
    """Return what follows for a rollout.

    Args:
        plan: its plan.
        evidence: what was counted.
        share: its share of the units, in percent; at 100 it is only watched.
    """
    judged = list(_judge(plan, evidence, share))
    e_values = {finding.subject: e for finding, e in judged if e is not None}
    findings = tuple(finding for finding, _ in judged)
    if any(one.outcome == "fail" for one in findings):
        return Decision("take back", findings, e_values)
    if share >= 100:
        return Decision("wait", findings, e_values)
    findings += tuple(_time(plan, evidence, share))
    if all(one.outcome == "pass" for one in findings):
        return Decision("step", findings, e_values)
    return Decision("pause" if evidence.hours[0] > plan.maximum_hours else "wait", findings, e_values)


def hours_to_go(plan: Plan, evidence: Evidence, share: float) -> float | None:
    """Return the least hours until 100 %, if units come as they did so far; None if none come.

    It is what the plan asks for: a rule that holds takes longer.
    """
    here, total = evidence.hours
    arriving = evidence.units(share) / here if here else 0.0
    missing = max(plan.minimum_units - evidence.units(share), 0)
    if missing and not arriving:
        return None
    left = max(plan.minimum_hours - here, missing / arriving if arriving else 0.0, 0.0)
    for later in [one for one in plan.steps if share < one < 100]:
        rate = arriving * later / share
        left += max(plan.minimum_hours, plan.minimum_units / rate if rate else 0.0)
    return max(left, plan.canary_duration_hours - total)


def _judge(plan: Plan, evidence: Evidence, share: float) -> Iterator[_Judged]:
    """The finding of each rule, and whether the step has its units; at 100 % there is nothing beside it."""
    rules = plan.rules
    single = plan.false_alarm / 2 / (5 + (rules.disagreement is not None) + (rules.goal is not None))
    beside = share < 100
    if beside:
        yield _sample(plan, evidence, share), None
        yield _beside("errors", evidence.errors, evidence, plan.false_alarm / 2)
    yield _above("error rate", evidence.errors.first, rules.errors.most, single)
    yield _success(evidence.errors, plan.canary_success_threshold, single)
    if beside:
        yield _beside("slow answers", evidence.slow, evidence, single)
    yield _above(f"answers slower than {rules.latency.limit:g} s", evidence.slow.first, rules.latency.most, single)
    if rules.parity is not None:
        yield _parity(evidence.parity, rules.parity.most), None
    if rules.disagreement is not None and beside:
        yield _above("disagreement", evidence.disagreements, rules.disagreement.most, single)
    if rules.goal is not None and beside:
        yield _goal(rules.goal, evidence, plan, single), None


def _sample(plan: Plan, evidence: Evidence, share: float) -> Finding:
    units = evidence.units(share)
    text = f"{units:,} of at least {plan.minimum_units:,} units of the canary at {share:g} %"
    return Finding("units", "pass" if units >= plan.minimum_units else "hold", text)


def _time(plan: Plan, evidence: Evidence, share: float) -> Iterator[Finding]:
    """Whether the step has its hours, and the rollout those that it needs before 100 %."""
    here, total = evidence.hours
    enough = here >= plan.minimum_hours
    text = f"{here:.2f} of at least {plan.minimum_hours:g} hours at {share:g} %"
    yield Finding("time at this step", "pass" if enough else "hold", text)
    if plan.after(share) == 100:
        enough = total >= plan.canary_duration_hours
        text = f"{total:.2f} of at least {plan.canary_duration_hours:g} hours before 100 %"
        yield Finding("time as canary", "pass" if enough else "hold", text)


def _beside(subject: str, event: Event, evidence: Evidence, alpha: float) -> _Judged:
    """Whether the canary has an event at a higher rate than production."""
    canary, production = (sum(getattr(one, arm) for one in evidence.steps) for arm in ("canary", "production"))
    if not (canary and production):
        return Finding(f"{subject} beside production", "hold", "no units of both versions yet"), None
    shares, mine, theirs = (np.array([cell[at] for cell in event.cells], float) for at in range(3))
    log_e = float(rare_events.log_e_value(mine, theirs, shares)) if len(shares) else 0.0
    text = f"{int(mine.sum()):,} units of the canary and {int(theirs.sum()):,} of production, {_against(log_e, alpha)}"
    return Finding(f"{subject} beside production", _failed(log_e, alpha), text), _e(log_e)


def _above(subject: str, counts: tuple[int, int], limit: float, alpha: float) -> _Judged:
    """Whether the share of an event is above a limit."""
    events, units = counts
    if not units:
        return Finding(subject, "hold", NO_VALUES), None
    log_e = float(fixed_share.log_e_value_above(events, units, limit))
    text = f"{events:,} of {units:,}, at most {limit:.3g}, {_against(log_e, alpha)}"
    return Finding(subject, _failed(log_e, alpha), text), _e(log_e)


def _success(event: Event, threshold: float, alpha: float) -> _Judged:
    """Whether enough requests succeed: shown to be too few is a fail, too few so far is a hold."""
    failed, units = event.first
    if not units:
        return Finding("success", "hold", NO_VALUES), None
    log_e = float(fixed_share.log_e_value_below(units - failed, units, threshold))
    outcome = _failed(log_e, alpha)
    if outcome == "pass" and units - failed < threshold * units:
        outcome = "hold"
    text = f"{units - failed:,} of {units:,}, at least {threshold:.3g}, {_against(log_e, alpha)}"
    return Finding("success", outcome, text), _e(log_e)


def _parity(found: float | None, most: float) -> Finding:
    if found is None:
        return Finding(PARITY, "hold", NO_VALUES)
    text = f"outputs for golden inputs differ by {found:.3g} from those of the build, at most {most:g}"
    return Finding(PARITY, "pass" if found <= most else "fail", text)


def _goal(goal: Goal, evidence: Evidence, plan: Plan, alpha: float) -> Finding:
    """Whether the goal is worse than production's by more than the margin: over steps, each with its own units."""
    effect = _over_steps(evidence)
    if effect is None:
        reason = "too few units of both versions have a value yet" if _reported(evidence) else NO_VALUES
        return Finding(goal.metric, "hold", reason)
    found = harm(
        effect,
        worse="lower" if goal.better == "higher" else "higher",
        margin=goal.margin,
        alpha=alpha,
        planned=2 * plan.minimum_units,
    )
    text = f"{float(found.value):+.4g} worse, at least {float(found.low):+.4g}, margin {goal.margin:g}"
    return Finding(goal.metric, "fail" if float(found.low) > goal.margin else "pass", text)


def _reported(evidence: Evidence) -> bool:
    return any(production[0] or canary[0] for production, canary in evidence.goal)


def _over_steps(evidence: Evidence) -> Effect | None:
    """The mean over steps of the differences of canary and production; None if no step has enough units.

    A step compares units that were first seen in the same days, so that a change of the traffic is no effect. Weights
    are n m / (n + m) of its units.
    """
    effects, weights = [], []
    for production, canary in evidence.goal:
        arms = [_moments(*one) for one in (production, canary)]
        effect = difference(*arms)
        if effect.enough and float(effect.conservative) > 0:
            effects.append(effect)
            weights.append(production[0] * canary[0] / (production[0] + canary[0]))
    if not effects:
        return None
    shares = np.array(weights) / sum(weights)
    value, variance, pooled = (
        np.array([float(getattr(one, name)) for one in effects]) for name in ("value", "variance", "pooled")
    )
    units = float(sum(one.units for one in effects))
    return Effect(
        value=float(shares @ value),
        variance=float(shares**2 @ variance),
        pooled=float(shares**2 @ pooled),
        freedom=units - 2 * len(effects),
        units=units,
        enough=True,
    )


def _moments(units: int, total: float, squares: float) -> Moments:
    return Sums(float(units), total, squares).moments()


def _failed(log_e: float, alpha: float) -> Outcome:
    return "fail" if log_e >= math.log(1 / alpha) else "pass"


def _e(log_e: float) -> float:
    return math.exp(min(log_e, 700.0))


def _against(log_e: float, alpha: float) -> str:
    return f"e {_e(log_e):.3g} of {1 / alpha:.3g}"
