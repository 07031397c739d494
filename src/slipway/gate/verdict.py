"""The gate's rules on one model: floors and ceilings, judged with the uncertainty of what was measured.

A rule passes when the whole interval of the metric keeps within the bound, fails when the whole interval is beyond it,
and holds when the interval straddles it: the data cannot tell. A metric without an interval (a size, a latency) is
judged by its value. A value or an end of an interval that equals the bound keeps within it. What is missing or not
finite fails. The verdict over all rules is the worst of them; without rules nothing is asked, so it is a pass.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from slipway.config import Gate, Rule

Outcome = Literal["pass", "hold", "fail"]
_WORSE: dict[Outcome, int] = {"pass": 0, "hold": 1, "fail": 2}

Measured = Mapping[str, Mapping[str, float | None]]
"""By metric: `value`, and where there is an interval `low` and `high`."""


@dataclass(frozen=True)
class Judgement:
    """One rule's outcome: its bounds, what was measured, and why."""

    metric: str
    min: float | None
    max: float | None
    value: float | None
    low: float | None
    high: float | None
    verdict: Outcome
    reason: str


@dataclass(frozen=True)
class Verdict:
    """The worst outcome, and every rule's own, in the order of the metrics' names."""

    verdict: Outcome
    rules: tuple[Judgement, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values: {"verdict", "rules": [{"metric", "min", "max", "value", "low", "high", ...}]}."""
        return {"verdict": self.verdict, "rules": [asdict(rule) for rule in self.rules]}


def judge(gate: Gate, measured: Measured) -> Verdict:
    """Judge every rule of `gate` on what was measured; metrics without a rule are not looked at."""
    rules = tuple(_judge(metric, gate.rules[metric], measured.get(metric)) for metric in sorted(gate.rules))
    return Verdict(worst([rule.verdict for rule in rules]), rules)


def worst(outcomes: Sequence[Outcome]) -> Outcome:
    """The worst of several outcomes: fail, then hold, then pass."""
    return max(outcomes, key=_WORSE.__getitem__, default="pass")


def _judge(metric: str, rule: Rule, measured: Mapping[str, float | None] | None) -> Judgement:
    value, low, high = (_number((measured or {}).get(name)) for name in ("value", "low", "high"))
    outcome, reason = _compare(metric, rule, measured, value, low, high)
    return Judgement(metric, rule.min, rule.max, value, low, high, outcome, reason)


def _compare(
    metric: str,
    rule: Rule,
    measured: Mapping[str, float | None] | None,
    value: float | None,
    low: float | None,
    high: float | None,
) -> tuple[Outcome, str]:
    if value is None:
        return "fail", f"{metric} was not measured" if measured is None else f"{metric} is not a finite number"
    if low is None or high is None:
        if any((measured or {}).get(name) is not None for name in ("low", "high")):
            return "fail", f"the interval of {metric} is not a finite number"
        low = high = value
        said = f"{_said(value)}"
    else:
        low, high = min(low, value), max(high, value)
        said = f"{_said(value)} ({_said(low)} to {_said(high)})"
    if rule.min is not None and high < rule.min:
        return "fail", f"{said} is below the floor {_said(rule.min)}"
    if rule.max is not None and low > rule.max:
        return "fail", f"{said} is above the ceiling {_said(rule.max)}"
    if rule.min is not None and low < rule.min:
        return "hold", f"{said} straddles the floor {_said(rule.min)}"
    if rule.max is not None and high > rule.max:
        return "hold", f"{said} straddles the ceiling {_said(rule.max)}"
    return "pass", f"{said} keeps to {_bounds(rule)}"


def _bounds(rule: Rule) -> str:
    floor = None if rule.min is None else f"the floor {_said(rule.min)}"
    ceiling = None if rule.max is None else f"the ceiling {_said(rule.max)}"
    return " and ".join(bound for bound in (floor, ceiling) if bound)


def _said(figure: float) -> str:
    return f"{figure:,.0f}" if abs(figure) >= 1e6 else f"{figure:,.6g}"


def _number(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
