"""The verdict of an experiment: pass, fail or hold, with the finding of each question and its reason.

- *fail*: the arms did not get their shares, too many units were seen in two arms, a guardrail shows harm beyond its
  margin, or, once the minimum sample is reached, a goal is shown to miss its margin.
- *pass*: the minimum sample is reached, every goal is shown to be beyond its margin, and nothing fails.
- *hold*: all else. What is not known, such as a guardrail without enough units, is a hold.

A failed guardrail or split counts at once; a goal counts from the minimum sample on. All figures come from
`slipway.statistics` and may be looked at any number of times.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from slipway.records.verdict import Outcome, worst
from slipway.statistics import sample_ratio
from slipway.statistics.confidence_sequence import Interval
from slipway.statistics.guardrail import Harm

ALPHA = 0.05
MOST_CROSSED = 0.01
"""The share of units seen in two arms above which the experiment is not sound."""

SPLIT, CROSSED, SAMPLE = "split", "units in two arms", "sample"
"""The subjects of the findings about the units, which no metric can have as its name."""

Better = Literal["higher", "lower"]


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one question about an experiment, and the reason in a sentence."""

    subject: str
    outcome: Outcome
    reason: str


@dataclass(frozen=True, slots=True)
class ExperimentVerdict:
    """The worst outcome of the findings, and the findings."""

    outcome: Outcome
    findings: tuple[Finding, ...]

    @classmethod
    def of(cls, findings: Sequence[Finding]) -> "ExperimentVerdict":
        """Return the verdict over some findings; a hold if there are none, since nothing is known then."""
        return cls(worst([one.outcome for one in findings]) if findings else "hold", tuple(findings))


def of_goal(
    metric: str,
    found: Interval,
    *,
    better: Better,
    margin: float = 0.0,
    p: float | None = None,
    reached: bool,
    alpha: float = ALPHA,
) -> Finding:
    """Judge a goal.

    Args:
        metric: its name.
        found: the interval of all looks (`Interval.narrowed`) and the p-value of the effect, whose null is `margin`
            where higher is better and `-margin` where lower is.
        better: whether higher or lower values are better.
        margin: the improvement that the goal asks for; below 0 for a loss that is allowed.
        p: the p-value adjusted for several goals or arms; that of `found` by default.
        reached: whether the minimum sample is reached.
        alpha: the level of the comparison.
    """
    decisive = float(found.p) if p is None else p
    low, high = float(found.low), float(found.high)
    text = f"{float(found.value):+.4g} ({_span(found)}), p {decisive:.2g}"
    if low > high:
        return Finding(metric, "hold", f"the intervals of two looks have nothing in common, so it changes: {text}")
    null = margin if better == "higher" else -margin
    if not (decisive < alpha and found.excludes(null)):
        return Finding(metric, "hold", f"the effect is not known well enough: {text}")
    outcome: Outcome = "pass" if (low > null) == (better == "higher") else "fail"
    shown = "better" if outcome == "pass" else "worse"
    beyond = f"{shown} than a margin of {margin:g}" if margin else f"{shown} than the control"
    if not reached:
        return Finding(metric, "hold", f"shown to be {beyond}, but the minimum sample is not reached: {text}")
    return Finding(metric, outcome, f"shown to be {beyond}: {text}")


def of_guardrail(metric: str, harm: Harm, margin: float) -> Finding:
    """Judge a guardrail by its harm, as `slipway.statistics.guardrail.harm` returns it for the same margin."""
    text = f"{float(harm.value):+.4g} worse ({float(harm.low):.4g} to {float(harm.high):.4g}), margin {margin:g}"
    if not math.isfinite(float(harm.low)):
        return Finding(metric, "hold", "there are too few units to know its harm")
    if float(harm.low) > margin:
        return Finding(metric, "fail", f"harm beyond the margin is shown: {text}")
    if float(harm.high) < margin:
        return Finding(metric, "pass", f"no harm beyond the margin is shown: {text}")
    return Finding(metric, "pass", f"no harm is shown so far: {text}")


def of_rare_guardrail(metric: str, p: float, events: int, units: int, margin: float, alpha: float = ALPHA) -> Finding:
    """Judge a guardrail on a rare event, of which there are too few for `of_guardrail`.

    The treatment cannot be worse by more than the margin if its own share of the event is within it.

    Args:
        metric: its name.
        p: the p-value of a share beyond the margin in the treatment (`slipway.statistics.fixed_share`).
        events: the units of the treatment with the event.
        units: the units of the treatment.
        margin: the margin.
        alpha: the level of the test.
    """
    text = f"{events:,} of {units:,} units, margin {margin:g}, p {p:.2g}"
    if p < alpha:
        return Finding(metric, "pass", f"the event is too rare for harm beyond the margin: {text}")
    return Finding(metric, "hold", f"there are too few events to know its harm: {text}")


def of_split(p: float, units: int) -> Finding:
    """Judge whether the arms got their shares, by the least p-value of `slipway.statistics.sample_ratio` so far."""
    if not units:
        return Finding(SPLIT, "hold", "there are no units yet")
    if p < sample_ratio.ALARM:
        return Finding(SPLIT, "fail", f"the arms did not get their shares of {units:,} units: p {p:.2g}")
    return Finding(SPLIT, "pass", f"the arms got their shares of {units:,} units: p {p:.2g}")


def of_crossed(crossed: int, units: int) -> Finding:
    """Judge the units that were seen in two arms, and left out, among all units of the experiment."""
    if not units:
        return Finding(CROSSED, "hold", "there are no units yet")
    text = f"{crossed:,} of {units:,} units were seen in two arms"
    if crossed > MOST_CROSSED * units:
        return Finding(CROSSED, "fail", f"{text}, more than {MOST_CROSSED:.0%}")
    return Finding(CROSSED, "pass", text)


def of_reports(metric: str, p: float, control: int, treatment: int) -> Finding | None:
    """Judge whether the arms differ in how many units have a value, by `slipway.statistics.sample_ratio`; None if not.

    Where they do, the means are about different kinds of units, and their difference may say nothing of the versions.
    """
    if p >= sample_ratio.ALARM:
        return None
    text = f"{control:,} units of the control and {treatment:,} of the treatment have a value, p {p:.2g}"
    return Finding(
        f"reports of {metric}",
        "hold",
        f"the arms differ in who reports it: {text}; with of_unit any or sum, units without an outcome count as 0",
    )


def of_sample(units: int, minimum: int, days: float | None, where: str = "in the smallest arm") -> Finding:
    """Judge the sample: its units against the minimum, with the days to go, None if none arrive."""
    if units >= minimum:
        return Finding(SAMPLE, "pass", f"{units:,} units {where}, of at least {minimum:,}")
    when = "no units arrive" if days is None else f"about {days:.1f} days to go"
    return Finding(SAMPLE, "hold", f"{units:,} of at least {minimum:,} units {where}; {when}")


def _span(found: Interval) -> str:
    low, high = float(found.low), float(found.high)
    return f"{low:.4g} to {high:.4g}" if math.isfinite(low) and math.isfinite(high) else "no interval yet"
