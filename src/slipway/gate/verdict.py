"""Judge the gate's rules on one model: floors, ceilings and the loss in conversion, with their uncertainty.

A rule passes when the whole interval of the measured figure is within the bound, fails when the whole interval is
beyond it, and holds when the interval straddles it: then the data cannot decide. A score without an interval also
holds, because its uncertainty is not known. With `decide_on: point`, and for figures measured without examples (a size,
a latency), the value alone decides. A value or an end of an interval that equals the bound is within it. A figure that
is missing or not finite fails. With fewer test groups or examples than `least` requires, the verdict is hold. The
verdict over all rules is the worst of them; without rules it is a pass.

A loss rule is a ceiling on how much worse one model is than another. `slipway.gate.comparison` judges losses against
the baseline: they depend on the version in production, so they are not part of a record.
"""

import math
from collections.abc import Mapping
from dataclasses import replace

from slipway.core.metric import COUNTS, Metric
from slipway.gate.rules import POINTS, Gate, Least
from slipway.records.verdict import Figures, Judgement, Kind, Outcome, Verdict

COUNTED = tuple(COUNTS)
"""The units that the test split must have enough of."""
Measured = Mapping[str, Figures]
"""Figures by metric."""


def judge(
    gate: Gate,
    measured: Measured,
    native: Measured | None = None,
    lost: Measured | None = None,
    counts: Mapping[str, int] | None = None,
    metrics: Mapping[str, Metric] | None = None,
) -> Verdict:
    """Judge the rules of `gate` on one model; metrics without a rule are ignored.

    Args:
        gate: the rules; those against a baseline are ignored.
        measured: the scores of the model that ships, its size and the other figures of its conversion.
        native: the scores of the native model, by which a relative loss is divided.
        lost: the native score minus that of the model that ships.
        counts: the number of test `examples` and `groups`.
        metrics: the metrics that the task declares; needed with `lost`.
    """
    rules = [judge_count(unit, least, (counts or {}).get(unit)) for unit, least in required_counts(gate.least).items()]
    rules += [
        judge_bound(metric, rule.min, rule.max, measured.get(metric), rule.decide_on or gate.decide_on)
        for metric, rule in sorted(gate.rules.items())
    ]
    for metric, loss in sorted(gate.conversion.items()):
        figures = _worse((metrics or {}).get(metric), (lost or {}).get(metric))
        if loss.relative and figures is not None:
            base = _number(((native or {}).get(metric) or {}).get("value"))
            figures = {name: _share(figure, base) for name, figure in figures.items()}
        decide = loss.decide_on or gate.decide_on
        rules.append(judge_loss("conversion", metric, None, loss.most, figures, decide, loss.relative))
    return Verdict.of(rules)


def _worse(metric: Metric | None, difference: Figures | None) -> dict[str, float | None] | None:
    """Return how much worse the second model is, from the difference first score minus second score."""
    if metric is None or difference is None:
        return None
    value, low, high = (_number(difference.get(name)) for name in ("value", "low", "high"))
    if metric.lower_is_better:
        value, low, high = (None if one is None else -one + 0.0 for one in (value, high, low))
    return {"value": value, "low": low, "high": high}


def judge_bound(
    metric: str, least: float | None, most: float | None, measured: Figures | None, decide: str, of: str | None = None
) -> Judgement:
    """Judge a floor, a ceiling or both, on all test examples or on those of the class or group `of`."""
    value, low, high = _ends(measured)
    if wrong := _wrong(metric, measured):
        return Judgement("bound", metric, of, least, most, value, low, high, "fail", wrong)
    if _lacks_interval(metric, low, high, decide):
        return Judgement("bound", metric, of, least, most, value, low, high, "hold", _no_interval(_formatted(value)))
    outcome, which = _outcome(_decisive(value, low, high, decide), least, most)
    bounds = {"floor": least, "ceiling": most}
    named = [f"the {name} {_formatted(bound)}" for name, bound in bounds.items() if bound is not None]
    beyond = {"floor": "below", "ceiling": "above"}
    how = {
        "pass": f"meets {' and '.join(named)}",
        "hold": f"straddles the {which} {_formatted(bounds.get(which))}",
        "fail": f"is {beyond.get(which)} the {which} {_formatted(bounds.get(which))}",
    }
    reason = f"{_figures(value, low, high)} {how[outcome]}"
    return Judgement("bound", metric, of, least, most, value, low, high, outcome, reason)


def judge_loss(
    kind: Kind, metric: str, of: str | None, most: float, lost: Figures | None, decide: str, relative: bool = False
) -> Judgement:
    """Judge a ceiling on a loss: `lost` is positive where the model is worse."""
    value, low, high = _ends(lost)
    if wrong := _wrong(f"the loss of {metric}", lost):
        return Judgement(kind, metric, of, None, most, value, low, high, "fail", wrong, relative)
    if _lacks_interval(metric, low, high, decide):
        reason = _no_interval(f"loses {_formatted(value, 3)}")
        return Judgement(kind, metric, of, None, most, value, low, high, "hold", reason, relative)
    outcome, _ = _outcome(_decisive(value, low, high, decide), None, most)
    how = {"pass": "within", "hold": "which straddles", "fail": "more than"}
    reason = f"loses {_figures(value, low, high, 3)}, {how[outcome]} the allowed {_formatted(most)}"
    return Judgement(kind, metric, of, None, most, value, low, high, outcome, reason, relative)


def required_counts(least: Least) -> dict[str, int]:
    """Return the required numbers of test examples and groups, those of 1 left out."""
    return {unit: getattr(least, unit) for unit in COUNTED if getattr(least, unit) > 1}


def judge_count(unit: str, least: int, count: int | None) -> Judgement:
    """Judge whether there are enough test examples or groups: with fewer the rule holds."""
    if count is None:
        return Judgement("bound", unit, None, least, None, None, None, None, "fail", f"{unit} were not counted")
    short = count < least
    reason = f"{count:,} in the test split, {'fewer than' if short else 'at least'} the {least:,} that a verdict needs"
    return Judgement("bound", unit, None, least, None, count, None, None, "hold" if short else "pass", reason)


def held_for_few_groups(judged: Judgement, least: int, count: int) -> Judgement:
    """Return the judgement, changed to hold where it rests on fewer groups than a verdict needs."""
    if count >= least:
        return judged
    reason = f"{judged.reason}, on {count:,} groups, fewer than the {least:,} that a verdict needs"
    return replace(judged, verdict="hold", reason=reason)


def held_for_chance(judged: Judgement, rule_count: int) -> Judgement:
    """Return the judgement, changed to hold because the failure may be due to chance."""
    chance = (
        f"one of {rule_count} rules may fail by chance"
        if rule_count > 1
        else "on these test examples it may be by chance"
    )
    return replace(judged, verdict="hold", reason=f"{judged.reason}, but {chance}")


def _ends(measured: Figures | None) -> tuple[float | None, float | None, float | None]:
    value, low, high = (_number((measured or {}).get(name)) for name in ("value", "low", "high"))
    return value, low, high


def _wrong(name: str, measured: Figures | None) -> str | None:
    """Return why the measured figures cannot be judged, None where they can."""
    if measured is None:
        return f"{name} was not measured"
    if _number(measured.get("value")) is None:
        return f"{name} is not a finite number"
    ends = [measured.get(end) for end in ("low", "high")]
    if ends != [None, None] and None in map(_number, ends):
        return f"the interval of {name} is not a finite number"
    return None


def _lacks_interval(metric: str, low: float | None, high: float | None, decide: str) -> bool:
    """Whether a rule needs an interval that the test examples do not give."""
    return decide == "interval" and metric not in POINTS and (low is None or high is None)


def _no_interval(figure: str) -> str:
    return f"{figure}, without an interval: the test examples have one group, or the same score in every draw"


def _decisive(value: float | None, low: float | None, high: float | None, decide: str) -> tuple[float, float]:
    """Return the two ends that decide."""
    assert value is not None  # checked by _wrong
    if decide == "point" or low is None or high is None:
        return value, value
    return min(low, value), max(high, value)


def _outcome(ends: tuple[float, float], least: float | None, most: float | None) -> tuple[Outcome, str]:
    """Return the outcome for an interval, and the bound that decided."""
    low, high = ends
    if least is not None and high < least:
        return "fail", "floor"
    if most is not None and low > most:
        return "fail", "ceiling"
    if least is not None and low < least:
        return "hold", "floor"
    if most is not None and high > most:
        return "hold", "ceiling"
    return "pass", ""


def _figures(value: float | None, low: float | None, high: float | None, digits: int = 6) -> str:
    if value is None or low is None or high is None:
        return _formatted(value, digits)
    return (
        f"{_formatted(value, digits)} ({_formatted(min(low, value), digits)} to {_formatted(max(high, value), digits)})"
    )


def _formatted(figure: float | None, digits: int = 6) -> str:
    if figure is None:
        return ""
    return f"{figure:,.0f}" if abs(figure) >= 1e6 else f"{figure:,.{digits}g}"


def _number(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None


def _share(part: float | None, whole: float | None) -> float | None:
    return part / abs(whole) if part is not None and whole else None
