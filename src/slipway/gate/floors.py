"""Judge floors and ceilings by class and by kind of group, on the predictions of the model that ships.

As in `comparison`, all rules must pass, and one failed rule fails the gate. So a rule passes on its own 95 % interval.
It fails when the interval at the level divided by the number of rules (Bonferroni) is also beyond the bound. In between
it holds.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from slipway.core.protocol import Ratio, of_column
from slipway.gate.contributions import Scored
from slipway.gate.rules import Gate, Rule
from slipway.gate.slices import slices, units_of
from slipway.gate.verdict import held_for_chance, held_for_few_groups, judge_bound
from slipway.records.verdict import Judgement
from slipway.statistics.intervals import ends
from slipway.statistics.ratios import ratio, resampled, sums


@dataclass(frozen=True)
class _Case:
    metric: str
    of: str
    rule: Rule
    inside: np.ndarray
    parts: Ratio | None


def judge(gate: Gate, shipped: Scored, *, resamples: int, confidence: float, seed: int) -> list[Judgement]:
    """Judge `gate.per_class` and `gate.per_group`.

    Args:
        gate: the rules of the variant; the others are ignored.
        shipped: the model that ships, on the test examples.
        resamples: number of draws for scores that are not ratios of sums.
        confidence: confidence level of the intervals, e.g. 0.95.
        seed: seed of the draws.
    """
    cases = list(_cases(gate, shipped))
    level = (1 - confidence) / 2
    rule_count = max(1, sum((case.rule.decide_on or gate.decide_on) == "interval" for case in cases))
    judged = list(_unknown_classes(gate, shipped))
    for case in cases:
        value, draws, count = _score_draws(case, shipped, resamples, seed)
        decide = case.rule.decide_on or gate.decide_on
        share = shipped.task.metrics[case.metric].share
        corrected, one = (
            _judgement(case, value, _interval(value, draws, count, of, share), decide)
            for of in (level / rule_count, level)
        )
        if decide == "interval" and np.isfinite(value):
            if one.verdict == "fail" and corrected.verdict != "fail":
                one = held_for_chance(one, rule_count)
            one = held_for_few_groups(one, gate.least.groups_of_slice, count)
        judged.append(one)
    return judged


def _cases(gate: Gate, shipped: Scored) -> Iterator[_Case]:
    for metric, rule in sorted(gate.per_class.items()):
        for name in rule.classes or shipped.classes:
            if name in shipped.classes:
                yield _Case(metric, name, rule, shipped.members(name), shipped.of_class(metric, name))
    for kind, of_kind in sorted(gate.per_group.items()):
        for metric, bound in sorted(of_kind.items()):
            for name, inside in slices(of_column(shipped.examples, kind)).items():
                yield _Case(metric, f"{kind} {name}", bound, inside, shipped.ratio(metric))


def _unknown_classes(gate: Gate, shipped: Scored) -> Iterator[Judgement]:
    """Judge the rules on classes that the model does not know: they fail, because nothing was measured."""
    for metric, rule in sorted(gate.per_class.items()):
        for name in rule.classes or ():
            if name not in shipped.classes:
                yield judge_bound(metric, rule.min, rule.max, None, "point", name)


def _score_draws(case: _Case, shipped: Scored, resamples: int, seed: int) -> tuple[float, np.ndarray, int]:
    """Return the score in the slice, the score on each draw [draws], and the number of units drawn from."""
    units, count = units_of(case.inside, shipped.groups)
    if case.parts is not None:
        totals = sums(case.parts, case.inside, units, count)
        value = float(ratio(totals.sum(axis=1)))
        draws = ratio(resampled(totals, seed))
    else:
        random = np.random.default_rng(seed)
        times = [random.multinomial(count, np.full(count, 1 / count)) for _ in range(resamples if count > 1 else 0)]
        scored = [
            shipped.score(np.where(case.inside, one[units], 0.0))[case.metric] for one in (np.ones(count), *times)
        ]
        value, draws = scored[0], np.array(scored[1:])
    return value, draws[np.isfinite(draws)], count


def _interval(value: float, draws: np.ndarray, count: int, level: float, share: bool) -> tuple[float, float] | None:
    return ends(value, draws, level=level, groups=count, share=share, informative_groups=lambda: count)


def _judgement(case: _Case, value: float, interval: tuple[float, float] | None, decide: str) -> Judgement:
    low, high = interval or (None, None)
    figures = {"value": round(value, 6), "low": _rounded(low), "high": _rounded(high)}
    return judge_bound(case.metric, case.rule.min, case.rule.max, figures, decide, case.of)


def _rounded(end: float | None) -> float | None:
    return None if end is None else round(end, 6)
