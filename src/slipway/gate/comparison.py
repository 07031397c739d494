"""Compare two models on the same test examples: how much worse the new one is, how certain that is, and what flipped.

Both models are scored on the same bootstrap draws, so the difficulty of an example does not count as a difference
between them. Groups (videos, matches, places) are drawn with replacement; where a slice consists of a single group, its
examples are drawn. The intervals are those of `slipway.statistics.intervals`.

A rule passes when its whole 95 % interval is within the allowed loss. All rules must pass, so each is tested at the
full level (the intersection-union test of Berger, Technometrics 24, 1982). One failed rule fails the gate, so for a
failure the level is divided by the number of rules (Bonferroni). For decisions, McNemar's exact test (Psychometrika 12,
1947) must also show at that level that more examples got worse than better. In between, the rule holds. So a model that
is as good as the baseline fails in at most (1 - confidence) / 2 of all cases, however many classes have rules.

Where no decision flipped, all draws give the same loss. The interval is then that of a share that was never seen in n
trials (Hanley and Lippman-Hand, "If Nothing Goes Wrong, Is Everything All Right?", JAMA 249, 1983). Models with exactly
the same predictions lose exactly nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from slipway.core.metric import Metric
from slipway.core.protocol import Ratio, of_column
from slipway.gate.contributions import Scored
from slipway.gate.rules import MACHINE_OR_FILE, Baseline, BaselineLoss, Decision
from slipway.gate.slices import slices, units_of
from slipway.gate.verdict import held_for_chance, judge_loss
from slipway.records.verdict import Judgement
from slipway.statistics.intervals import agree, tail
from slipway.statistics.paired import mcnemar
from slipway.statistics.proportions import unseen
from slipway.statistics.ratios import ratio, resampled, sums

MOST_SHOWN = 20
"""The largest number of flipped examples of each kind that are kept."""


@dataclass(frozen=True)
class Flip:
    """A test example on which the models differ: its name, the truth, and the output of the old and the new model."""

    example: str
    actual: str
    old: str
    new: str
    better: bool


@dataclass(frozen=True)
class Comparison:
    """The result of the rules against the baseline, and the examples that changed.

    `worse` and `better` count test examples. `p` is the two-sided p-value of McNemar's exact test that both are equally
    likely, None where the task makes no decisions. `flips` has first the examples that got worse, then those that got
    better, at most `MOST_SHOWN` of each.
    """

    rules: tuple[Judgement, ...]
    examples: int
    groups: int
    worse: int
    better: int
    p: float | None
    flips: tuple[Flip, ...]


@dataclass(frozen=True)
class _Case:
    """One rule on one slice of the test examples.

    `right`: whether the old and the new model decide each example right, if the metric counts such decisions.
    """

    metric: Metric
    of: str | None
    rule: BaselineLoss
    inside: np.ndarray
    old: Ratio | None
    new: Ratio | None
    right: tuple[np.ndarray, np.ndarray] | None


@dataclass(frozen=True)
class _Estimate:
    """The loss, its interval, the lower end at the level divided by the number of rules, and McNemar's p-value."""

    value: float
    low: float | None
    high: float | None
    corrected_low: float | None
    p: float | None


def compare(
    rules: Baseline, old: Scored, new: Scored, decide: Decision, *, resamples: int, confidence: float, seed: int
) -> Comparison:
    """Judge the rules against the baseline.

    Args:
        rules: the rules against the baseline; those on latency and size are ignored.
        old: the baseline on the test examples.
        new: the model to judge, on the same examples in the same order.
        decide: what decides a rule without `decide_on`.
        resamples: number of draws for scores that are not ratios of sums.
        confidence: confidence level of the intervals, e.g. 0.95.
        seed: seed of the draws.
    """
    cases, judged = list(_cases(rules, old, new)), list(_unknown_classes(rules, old, new))
    level = (1 - confidence) / 2
    rule_count = max(1, sum((case.rule.decide_on or decide) == "interval" for case in cases))
    drawn = _score_draws(cases, old, new, resamples, seed)
    for number, case in enumerate(cases):
        estimate = _estimate(case, drawn.get(number), old, new, level, rule_count, seed)
        judged.append(_judge(case, estimate, decide, level / rule_count, rule_count))
    flips = _flips(old, new)
    worse, better = sum(not flip.better for flip in flips), sum(flip.better for flip in flips)
    shown = [flip for flip in flips if not flip.better][:MOST_SHOWN] + [flip for flip in flips if flip.better][
        :MOST_SHOWN
    ]
    return Comparison(
        rules=tuple(judged),
        examples=len(new.examples),
        groups=int(new.groups.nunique()),
        worse=worse,
        better=better,
        p=None if new.contributions.right is None else mcnemar(worse, better, "two-sided"),
        flips=tuple(shown),
    )


def _cases(rules: Baseline, old: Scored, new: Scored) -> Iterator[_Case]:
    every = np.ones(len(new.examples), bool)
    for metric, rule in sorted(rules.overall.items()):
        if metric not in MACHINE_OR_FILE:
            yield _case(metric, None, rule, every, old, new)
    for metric, one in sorted(rules.per_class.items()):
        for name in one.classes or new.classes:
            if name in new.classes and name in old.classes:
                before, after = old.of_class(metric, name), new.of_class(metric, name)
                right = _decisions(before, after)
                yield _Case(new.task.metrics[metric], name, one, new.members(name), before, after, right)
    for kind, of_kind in sorted(rules.per_group.items()):
        for metric, rule in sorted(of_kind.items()):
            for name, inside in slices(of_column(new.examples, kind)).items():
                yield _case(metric, f"{kind} {name}", rule, inside, old, new)


def _case(metric: str, of: str | None, rule: BaselineLoss, inside: np.ndarray, old: Scored, new: Scored) -> _Case:
    declared, before, after = new.task.metrics[metric], old.contributions.right, new.contributions.right
    right = (before, after) if declared.right and before is not None and after is not None else None
    return _Case(declared, of, rule, inside, old.ratio(metric), new.ratio(metric), right)


def _decisions(old: Ratio | None, new: Ratio | None) -> tuple[np.ndarray, np.ndarray] | None:
    """Return whether the old and the new model decide each example right, by the parts of a score of a class.

    None where an example counts several times, as a picture with several objects does: it is not one decision.
    """
    if old is None or new is None or max(old[1].max(initial=0), new[1].max(initial=0)) > 1:
        return None
    return old[0] > 0, new[0] > 0


def _unknown_classes(rules: Baseline, old: Scored, new: Scored) -> Iterator[Judgement]:
    """Judge the rules on classes that one model does not know: unknown to the new model fails, to the baseline holds.

    A rule on all classes covers the classes of both models, so a class that is renamed or removed keeps its rule.
    """
    for metric, rule in sorted(rules.per_class.items()):
        for name in rule.classes or dict.fromkeys((*new.classes, *old.classes)):
            if name not in new.classes:
                yield judge_loss("baseline", metric, name, rule.most, None, "point", rule.relative)
            elif name not in old.classes:
                lost = judge_loss("baseline", metric, name, rule.most, None, "point", rule.relative)
                yield replace(lost, verdict="hold", reason="the baseline does not know this class")


def _score_draws(
    cases: list[_Case], old: Scored, new: Scored, resamples: int, seed: int
) -> dict[int, list[tuple[float, float]]]:
    """Return the old and the new score on each draw, by case number, for metrics that are not ratios of sums."""
    scored = [number for number, case in enumerate(cases) if case.old is None or case.new is None]
    drawn: dict[int, list[tuple[float, float]]] = {number: [] for number in scored}
    by_slice: dict[bytes, list[int]] = {}
    for number in scored:
        by_slice.setdefault(cases[number].inside.tobytes(), []).append(number)
    for numbers in by_slice.values():
        inside = cases[numbers[0]].inside
        units, count = units_of(inside, new.groups)
        random = np.random.default_rng(seed)
        times = [np.ones(count)] + [
            np.bincount(random.integers(count, size=count), minlength=count).astype(float)
            for _ in range(resamples if count > 1 and not _identical(old, new) else 0)
        ]
        for one in times:
            weight = np.where(inside, one[units], 0)
            before, after = old.score(weight), new.score(weight)
            for number in numbers:
                name = cases[number].metric.name
                drawn[number].append((before[name], after[name]))
    return drawn


def _estimate(
    case: _Case,
    drawn: list[tuple[float, float]] | None,
    old: Scored,
    new: Scored,
    level: float,
    rule_count: int,
    seed: int,
) -> _Estimate:
    units, count = units_of(case.inside, new.groups)
    if drawn is not None:
        pairs = np.array(drawn)
        lost = _lost(case, pairs[:, 0], pairs[:, 1])
        value, draws = float(lost[0]), lost[1:]
    else:
        assert case.old is not None and case.new is not None  # other cases have draws
        before, after = (sums(parts, case.inside, units, count) for parts in (case.old, case.new))
        value = float(_lost(case, ratio(before.sum(axis=1)), ratio(after.sum(axis=1))))
        drawn_sums = resampled(np.concatenate([before, after]), seed)
        draws = _lost(case, ratio(drawn_sums[:2]), ratio(drawn_sums[2:]))
    p, unchanged = None, False
    if case.right is not None:
        before_right, after_right = case.right
        worse = int((case.inside & before_right & ~after_right).sum())
        better = int((case.inside & ~before_right & after_right).sum())
        p, unchanged = mcnemar(worse, better), worse == better == 0
    if _identical(old, new):
        return _Estimate(value, value, value, value, p)
    draws = draws[np.isfinite(draws)]
    if unchanged and len(draws):
        most = unseen(level, int(case.inside.sum()))
        return _Estimate(value, -most, most, -most, p)
    if not len(draws) or agree(draws):
        return _Estimate(value, None, None, None, p)
    low, high = (float(np.quantile(draws, end)) for end in (tail(level, count), 1 - tail(level, count)))
    corrected_low = float(np.quantile(draws, tail(level / rule_count, count)))
    return _Estimate(value, min(low, value), max(high, value), min(corrected_low, value), p)


def _judge(case: _Case, estimate: _Estimate, decide: Decision, level: float, rule_count: int) -> Judgement:
    how = case.rule.decide_on or decide
    lost = {"value": estimate.value, "low": estimate.low, "high": estimate.high}
    rule = case.rule
    judged = judge_loss("baseline", case.metric.name, case.of, rule.most, lost, how, rule.relative)
    if how == "point" or not np.isfinite(estimate.value) or estimate.low is None:
        return judged
    uncertain = estimate.corrected_low is not None and estimate.corrected_low <= rule.most
    if judged.verdict == "fail" and (uncertain or (estimate.p is not None and estimate.p > level)):
        return held_for_chance(judged, rule_count)
    return judged


def _lost(case: _Case, old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Return how much worse the new scores (of any shape) are, in the unit of the rule."""
    lost = (new - old) if case.metric.lower_is_better else (old - new)
    if case.rule.relative:
        with np.errstate(divide="ignore", invalid="ignore"):
            lost = lost / np.abs(old)
    return np.asarray(lost)


def _identical(old: Scored, new: Scored) -> bool:
    """Whether both models give exactly the same predictions and decisions."""
    return (
        old.spec.get("threshold") == new.spec.get("threshold")
        and old.spec["outputs"] == new.spec["outputs"]
        and np.array_equal(old.predictions, new.predictions)
    )


def _flips(old: Scored, new: Scored) -> list[Flip]:
    """Return the examples that only one model gets right; for numeric predictions, those where the errors differ."""
    names, labels = new.examples["example"].astype(str), new.examples["label"]
    before, after = old.contributions, new.contributions
    if before.right is not None and after.right is not None:
        assert before.decided is not None and after.decided is not None  # a task with `right` has `decided`
        return [
            Flip(
                names.iloc[at],
                str(labels.iloc[at]),
                before.decided[at],
                after.decided[at],
                bool(after.right[at]),
            )
            for at in np.flatnonzero(before.right != after.right)
        ]
    assert before.errors is not None and after.errors is not None  # a task has either `right` or `errors`
    change = after.errors - before.errors
    order = np.argsort(-np.abs(change), kind="stable")
    label = labels.map(lambda one: f"{one:,.4g}" if isinstance(one, float) else str(one))
    return [
        Flip(
            names.iloc[at],
            label.iloc[at],
            f"off by {before.errors[at]:.4g}",
            f"off by {after.errors[at]:.4g}",
            bool(change[at] < 0),
        )
        for at in order
        if change[at] != 0
    ]
