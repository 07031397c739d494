"""From the counts and sums of an experiment to its verdict: the same for a running one and for the tag of its end.

A goal is compared until the planned sample by a sequence that may be looked at any number of times, and once at it
(`slipway.statistics.planned_end`). The sample is that of the first units, in the order of their first exposure, in
which both arms have the minimum: it does not depend on when somebody looks. Several goals or arms are adjusted by
Holm's method. Guardrails are watched over all units.

In a bandit, each unit counts by the inverse of the probability with which it got its arm, and a goal is compared once,
at the planned sample: the sequence is not for arms whose shares follow the rewards.
"""

from dataclasses import asdict, dataclass, replace

import numpy as np

from slipway.experiments import verdict
from slipway.experiments.definition import Definition, Metric
from slipway.experiments.evidence import Comparison, Evidence
from slipway.experiments.verdict import Better, ExperimentVerdict, Finding
from slipway.statistics import fixed_share, guardrail, planned_end, power, sample_ratio
from slipway.statistics.bandit import by_propensity
from slipway.statistics.confidence_sequence import Interval
from slipway.statistics.e_values import p_value
from slipway.statistics.effects import Effect, difference, lift
from slipway.statistics.guardrail import Harm
from slipway.statistics.moments import Moments, Sums
from slipway.statistics.multiplicity import holm

MOST_LOG_E = 700.0
"""The largest logarithm of an e-value whose exponential is a number."""
MOST_SHARE = 0.999
"""The largest margin, as a share of units, that the test of rare events takes."""


@dataclass(frozen=True)
class Estimate:
    """A metric in the control and in a treatment, and the difference with its interval and p-value.

    `low` and `high` are those of the look that decides, None where nothing can be said yet. `lift` is the relative
    difference, None where the control is too near to 0.
    """

    metric: str
    role: str
    arm: str
    units: tuple[int, int]
    control: float | None
    treatment: float | None
    difference: float | None
    low: float | None
    high: float | None
    p: float
    lift: float | None


@dataclass(frozen=True)
class _Goal:
    """A goal in a treatment: its sums, and the interval of the look that decides."""

    metric: Metric
    arm: str
    compared: Comparison
    found: Interval


@dataclass(frozen=True)
class Analysis:
    """The verdict of an experiment, with its findings and estimates.

    `split_e` is the e-value against the shares of the arms: above 1000, they did not get what they should.
    """

    verdict: ExperimentVerdict
    estimates: tuple[Estimate, ...]
    split_e: float


def analyse(definition: Definition, evidence: Evidence) -> Analysis:
    """Return the verdict that follows from what was counted."""
    several = len(definition.treatments) > 1
    goals: dict[str, _Goal] = {}
    log_e = _split(definition, evidence)
    findings, estimates = _sample(definition, evidence, float(p_value(log_e))), []
    for name, metric in definition.metrics.items():
        for arm, compared in evidence.metrics[name].items():
            label = f"{name} of {arm}" if several else name
            moments = _moments(definition, evidence, arm, compared)
            effect = difference(*moments)
            if metric.role == "goal":
                found = _interval(definition, metric, arm, compared, effect)
                goals[label] = _Goal(metric, arm, compared, found)
                estimates.append(_estimate(name, metric, arm, moments, found.low, found.high, found.p))
            else:
                harm = _harm(definition, metric, arm, effect)
                findings.append(_guarded(definition, label, metric, compared, harm))
                low, high = (harm.low, harm.high) if metric.better == "lower" else (-harm.high, -harm.low)
                estimates.append(_estimate(name, metric, arm, moments, low, high, harm.p_harmful))
    adjusted = holm({label: float(one.found.p) for label, one in goals.items()})
    findings += [
        verdict.of_goal(
            label,
            one.found,
            better=one.metric.better,
            margin=one.metric.margin,
            p=adjusted[label],
            reached=one.compared.ended,
            alpha=definition.alpha,
        )
        for label, one in goals.items()
    ]
    findings += [
        report
        for label, one in goals.items()
        if (report := _reports(definition, evidence, label, one.arm, one.compared)) is not None
    ]
    if evidence.days > definition.maximum_days:
        reason = f"it has run for {evidence.days:.1f} days, longer than its maximum of {definition.maximum_days:g}"
        findings.append(Finding("duration", "hold", reason))
    return Analysis(ExperimentVerdict.of(findings), tuple(estimates), float(np.exp(min(log_e, MOST_LOG_E))))


def _split(definition: Definition, evidence: Evidence) -> float:
    """The logarithm of the e-value against the shares of the arms."""
    shares = definition.shares()
    if definition.bandit is not None:
        each = [(np.array(one.units), np.array(one.shares)) for one in evidence.periods]
        return float(sample_ratio.periods_log_e_value(each))
    counts = np.array([evidence.units.get(arm, 0) for arm in shares], float)
    return float(sample_ratio.log_e_value(counts, np.array(list(shares.values()))))


def _moments(definition: Definition, evidence: Evidence, arm: str, compared: Comparison) -> tuple[Moments, Moments]:
    """The moments of control and treatment; in a bandit, weighted by the inverse of the units' shares."""
    if definition.bandit is None:
        control, treatment = (one.moments() for one in compared.sums())
        return control, treatment
    names = list(definition.arms)
    shares = np.array([one.shares for one in evidence.periods]).reshape(-1, len(names))
    sums = np.array(compared.periods, float).reshape(-1, 2, 3)
    found = []
    for at, name in enumerate((definition.control, arm)):
        units, total, squares = sums[:, at].T
        found.append(by_propensity(Sums(units, total, squares, compared.events), shares[:, names.index(name)]))
    control, treatment = found
    return control, treatment


def _sample(definition: Definition, evidence: Evidence, p: float) -> list[Finding]:
    """Whether the arms have the units that they should have; `p` is the one of their shares."""
    total = sum(evidence.units.get(arm, 0) for arm in definition.arms)
    return [
        verdict.of_split(p, total),
        verdict.of_crossed(evidence.crossed, total + evidence.crossed),
        _reached(definition, evidence),
    ]


def _reached(definition: Definition, evidence: Evidence) -> Finding:
    """Whether the minimum sample is reached, and when it will be."""
    metrics = [list(metric.values()) for metric in evidence.metrics.values()]
    if definition.bandit is None:
        found = min((min(one.control[0], one.treatment[0]) for of in metrics for one in of), default=0)
        needed, arriving = definition.minimum_sample, evidence.a_day * min(definition.shares().values())
        days = power.days_to_go(needed, min(found, needed), arriving)
        return verdict.of_sample(found, needed, days)
    found = min((of[0].control[0] + sum(one.treatment[0] for one in of) for of in metrics), default=0)
    needed = definition.planned(*definition.arms)
    days = power.days_to_go(needed, min(found, needed), evidence.a_day)
    return verdict.of_sample(found, needed, days, where="in all arms")


def _interval(definition: Definition, metric: Metric, arm: str, compared: Comparison, effect: Effect) -> Interval:
    null = metric.margin if metric.better == "higher" else -metric.margin
    if definition.bandit is not None:
        if compared.ended:
            cautious = replace(effect, variance=effect.conservative)
            return planned_end.welch(cautious, alpha=definition.alpha, null=null)
        return Interval(effect.value, -np.inf, np.inf, 1.0)
    units = compared.control[0] + compared.treatment[0]
    planned = max(units, 1) if compared.ended else max(definition.planned(definition.control, arm), units + 1)
    return planned_end.interval(effect, planned=planned, null=null, alpha=definition.alpha)


def _harm(definition: Definition, metric: Metric, arm: str, effect: Effect) -> Harm:
    worse: Better = "lower" if metric.better == "higher" else "higher"
    planned = definition.planned(definition.control, arm)
    return guardrail.harm(effect, worse=worse, margin=metric.margin, alpha=definition.alpha, planned=planned)


def _reports(definition: Definition, evidence: Evidence, label: str, arm: str, compared: Comparison) -> Finding | None:
    control, treatment = compared.control[0], compared.treatment[0]
    at = [list(definition.arms).index(one) for one in (definition.control, arm)]
    if definition.bandit is None:
        each = [((control, treatment), tuple(definition.shares().values()))]
    else:
        each = [
            ((one[0], other[0]), period.shares)
            for (one, other), period in zip(compared.periods, evidence.periods, strict=True)
        ]
    pairs = [(np.array(counts), np.array(shares)[at] / np.array(shares)[at].sum()) for counts, shares in each]
    p = float(p_value(sample_ratio.periods_log_e_value(pairs)))
    return verdict.of_reports(label, p, control, treatment)


def _guarded(definition: Definition, label: str, metric: Metric, compared: Comparison, harm: Harm) -> Finding:
    units, total, _ = compared.treatment
    if np.isfinite(harm.low) or not (compared.events and metric.margin and units):
        return verdict.of_guardrail(label, harm, metric.margin)
    events = total if metric.better == "lower" else units - total
    log_e = fixed_share.log_e_value_below(events, units, min(metric.margin, MOST_SHARE))
    return verdict.of_rare_guardrail(label, float(p_value(log_e)), int(events), units, metric.margin, definition.alpha)


def _estimate(
    name: str,
    metric: Metric,
    arm: str,
    moments: tuple[Moments, Moments],
    low: object,
    high: object,
    p: object,
) -> Estimate:
    control, treatment = moments
    relative = lift(control, treatment)
    return Estimate(
        metric=name,
        role=metric.role,
        arm=arm,
        units=(int(control.units), int(treatment.units)),
        control=_finite(control.mean),
        treatment=_finite(treatment.mean),
        difference=_finite(np.asarray(treatment.mean) - control.mean),
        low=_finite(low),
        high=_finite(high),
        p=float(np.asarray(p, float)),
        lift=_finite(relative.value) if bool(relative.enough) else None,
    )


def _finite(value: object) -> float | None:
    number = float(np.asarray(value, float))
    return number if np.isfinite(number) else None


def to_json(analysis: Analysis, evidence: Evidence) -> dict[str, object]:
    """Return JSON values: the findings, and what was counted."""
    return {
        "verdict": analysis.verdict.outcome,
        "units": evidence.units,
        "crossed": evidence.crossed,
        "late": evidence.late,
        "split_e": analysis.split_e,
        "findings": [asdict(one) for one in analysis.verdict.findings],
        "estimates": [
            asdict(one) | {"units": {"control": one.units[0], "treatment": one.units[1]}} for one in analysis.estimates
        ],
    }
