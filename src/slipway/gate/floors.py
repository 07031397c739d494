"""Floors and ceilings by class and by kind of group, judged on what the model that ships says of each test example.

As in `comparison`, all rules must pass and one is enough to fail. So each passes on its own 95 % interval, and fails
when the interval at a level divided by the number of rules (Bonferroni) is beyond the bound too; in between it holds.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from slipway.core.protocol import Ratio, of_column
from slipway.gate.contributions import Scored
from slipway.gate.rules import Gate, Rule
from slipway.gate.slices import slices, units_of
from slipway.gate.verdict import bounded, by_chance, too_few
from slipway.records.verdict import Judgement
from slipway.statistics.intervals import ends
from slipway.statistics.ratios import ratio, resampled, sums


@dataclass(frozen=True)
class _Question:
    metric: str
    of: str
    rule: Rule
    inside: np.ndarray
    parts: Ratio | None


def judge(gate: Gate, shipped: Scored, *, resamples: int, confidence: float, seed: int) -> list[Judgement]:
    """Judge `gate.per_class` and `gate.per_group`.

    Args:
        gate: the rules; the others are not looked at.
        shipped: the model that ships on the test examples.
        resamples: draws of scores that are no ratios of sums.
        confidence: of the intervals, e.g. 0.95.
        seed: of the draws.
    """
    questions = list(_questions(gate, shipped))
    level = (1 - confidence) / 2
    asked = max(1, sum((question.rule.decide_on or gate.decide_on) == "interval" for question in questions))
    judged = list(_unknown_classes(gate, shipped))
    for question in questions:
        value, draws, count = _drawn(question, shipped, resamples, seed)
        decide = question.rule.decide_on or gate.decide_on
        share = shipped.task.metrics[question.metric].share
        surely, one = (
            _judged(question, value, _interval(value, draws, count, of, share), decide) for of in (level / asked, level)
        )
        if decide == "interval" and np.isfinite(value):
            if one.verdict == "fail" and surely.verdict != "fail":
                one = by_chance(one, asked)
            one = too_few(one, gate.least.groups_of_slice, count)
        judged.append(one)
    return judged


def _questions(gate: Gate, shipped: Scored) -> Iterator[_Question]:
    for metric, rule in sorted(gate.per_class.items()):
        for name in rule.classes or shipped.classes:
            if name in shipped.classes:
                yield _Question(metric, name, rule, shipped.actual == name, shipped.of_class(metric, name))
    for kind, of_kind in sorted(gate.per_group.items()):
        for metric, bound in sorted(of_kind.items()):
            for name, inside in slices(of_column(shipped.examples, kind)).items():
                yield _Question(metric, f"{kind} {name}", bound, inside, shipped.ratio(metric))


def _unknown_classes(gate: Gate, shipped: Scored) -> Iterator[Judgement]:
    """A rule on a class that the model does not know fails: it was not measured."""
    for metric, rule in sorted(gate.per_class.items()):
        for name in rule.classes or ():
            if name not in shipped.classes:
                yield bounded(metric, rule.min, rule.max, None, "point", name)


def _drawn(question: _Question, shipped: Scored, resamples: int, seed: int) -> tuple[float, np.ndarray, int]:
    """The score in the slice, on each draw [draws], and how many units were drawn from."""
    units, count = units_of(question.inside, shipped.groups)
    if question.parts is not None:
        totals = sums(question.parts, question.inside, units, count)
        value = float(ratio(totals.sum(axis=1)))
        draws = ratio(resampled(totals, seed))
    else:
        random = np.random.default_rng(seed)
        times = [random.multinomial(count, np.full(count, 1 / count)) for _ in range(resamples if count > 1 else 0)]
        scored = [
            shipped.score(np.where(question.inside, one[units], 0.0))[question.metric]
            for one in (np.ones(count), *times)
        ]
        value, draws = scored[0], np.array(scored[1:])
    return value, draws[np.isfinite(draws)], count


def _interval(value: float, draws: np.ndarray, count: int, level: float, share: bool) -> tuple[float, float] | None:
    return ends(value, draws, level=level, groups=count, share=share, telling=lambda: count)


def _judged(question: _Question, value: float, interval: tuple[float, float] | None, decide: str) -> Judgement:
    low, high = interval or (None, None)
    figures = {"value": round(value, 6), "low": _rounded(low), "high": _rounded(high)}
    return bounded(question.metric, question.rule.min, question.rule.max, figures, decide, question.of)


def _rounded(end: float | None) -> float | None:
    return None if end is None else round(end, 6)
