"""Two models on the same test examples: how much worse the new one is, how sure that is, and which examples flipped.

Both are scored on the same draws, so what makes an example hard is not counted as a difference between them. Groups
(videos, matches, places) are drawn with replacement, in a slice that is one group its examples. Intervals are those of
`slipway.statistics.intervals`.

A rule passes when its whole 95 % interval is within what may be lost. All rules must pass, so each may be asked at the
full level (the intersection-union test of Berger, Technometrics 24, 1982). One rule is enough to fail, so for that the
level is divided by the number of rules asked (Bonferroni), and of decisions McNemar's exact test (Psychometrika 12,
1947) must show at that level that more examples got worse than better. In between it holds. So a model that is as good
as the other fails in no more than (1 - confidence) / 2 of all cases, however many classes are looked at.

Where no decision flipped, draws differ in nothing; the interval is then that of a share that was never seen in n trials
(Hanley and Lippman-Hand, "If Nothing Goes Wrong, Is Everything All Right?", JAMA 249, 1983). Models that predict
exactly the same lose exactly nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from slipway.core.metric import Metric
from slipway.core.protocol import Ratio, of_column
from slipway.gate.contributions import Scored
from slipway.gate.rules import MACHINE_OR_FILE, Baseline, BaselineLoss, Decision
from slipway.gate.slices import slices, units_of
from slipway.gate.verdict import by_chance, may_lose
from slipway.records.verdict import Judgement
from slipway.statistics.intervals import agree, tail
from slipway.statistics.paired import mcnemar
from slipway.statistics.proportions import unseen
from slipway.statistics.ratios import ratio, resampled, sums

MOST_SHOWN = 20


@dataclass(frozen=True)
class Flip:
    """A test example on which the models differ: its name, the truth, what the old and the new one say."""

    example: str
    actual: str
    old: str
    new: str
    better: bool


@dataclass(frozen=True)
class Comparison:
    """What the rules on the baseline come to, and what changed example by example.

    `worse` and `better` count the test examples; `p` is McNemar's exact test of both being as likely, two-sided, None
    where nothing is decided. `flips`: those that got worse first, at most `MOST_SHOWN` of each kind.
    """

    rules: tuple[Judgement, ...]
    examples: int
    groups: int
    worse: int
    better: int
    p: float | None
    flips: tuple[Flip, ...]


@dataclass(frozen=True)
class _Question:
    """`decided`: whether it is of decisions that are right or wrong, of which McNemar's test is."""

    metric: Metric
    of: str | None
    rule: BaselineLoss
    inside: np.ndarray
    old: Ratio | None
    new: Ratio | None
    decided: bool


@dataclass(frozen=True)
class _Answer:
    """What is lost, its interval, its lower end at the level that makes it a failure, and McNemar's p."""

    value: float
    low: float | None
    high: float | None
    surely: float | None
    p: float | None


def compare(
    rules: Baseline, old: Scored, new: Scored, decide: Decision, *, resamples: int, confidence: float, seed: int
) -> Comparison:
    """Judge what may be lost against the baseline.

    Args:
        rules: those on scores; the ones on latency and size are not looked at.
        old: the baseline on the test examples.
        new: the model to judge, on the same examples in the same order.
        decide: what decides a rule that does not say.
        resamples: draws of scores that are no ratios of sums.
        confidence: of the intervals, e.g. 0.95.
        seed: of the draws.
    """
    questions, judged = list(_questions(rules, old, new)), list(_unknown_classes(rules, old, new))
    level = (1 - confidence) / 2
    asked = max(1, sum((question.rule.decide_on or decide) == "interval" for question in questions))
    drawn = _drawn(questions, old, new, resamples, seed)
    for number, question in enumerate(questions):
        answer = _answer(question, drawn.get(number), old, new, level, asked, seed)
        judged.append(_judge(question, answer, decide, level / asked, asked))
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


def _questions(rules: Baseline, old: Scored, new: Scored) -> Iterator[_Question]:
    every = np.ones(len(new.examples), bool)
    for metric, rule in sorted(rules.overall.items()):
        if metric not in MACHINE_OR_FILE:
            yield _question(metric, None, rule, every, old, new)
    for metric, one in sorted(rules.per_class.items()):
        for name in one.classes or new.classes:
            if name in new.classes and name in old.classes:
                parts = old.of_class(metric, name), new.of_class(metric, name)
                yield _Question(new.task.metrics[metric], name, one, new.actual == name, *parts, decided=True)
    for kind, of_kind in sorted(rules.per_group.items()):
        for metric, rule in sorted(of_kind.items()):
            for name, inside in slices(of_column(new.examples, kind)).items():
                yield _question(metric, f"{kind} {name}", rule, inside, old, new)


def _question(
    metric: str, of: str | None, rule: BaselineLoss, inside: np.ndarray, old: Scored, new: Scored
) -> _Question:
    declared = new.task.metrics[metric]
    return _Question(declared, of, rule, inside, old.ratio(metric), new.ratio(metric), declared.right)


def _unknown_classes(rules: Baseline, old: Scored, new: Scored) -> Iterator[Judgement]:
    """A rule on a class that the model does not know fails, it was not measured; one new to the baseline holds.

    A rule on all classes is on those of both models, so that a class does not lose its rule with its name.
    """
    for metric, rule in sorted(rules.per_class.items()):
        for name in rule.classes or dict.fromkeys((*new.classes, *old.classes)):
            if name not in new.classes:
                yield may_lose("baseline", metric, name, rule.most, None, "point", rule.relative)
            elif name not in old.classes:
                lost = may_lose("baseline", metric, name, rule.most, None, "point", rule.relative)
                yield replace(lost, verdict="hold", reason="the baseline does not know this class")


def _drawn(
    questions: list[_Question], old: Scored, new: Scored, resamples: int, seed: int
) -> dict[int, list[tuple[float, float]]]:
    """Old and new score on each draw, by the question's number, of those that are no ratios."""
    scored = [number for number, question in enumerate(questions) if question.old is None or question.new is None]
    drawn: dict[int, list[tuple[float, float]]] = {number: [] for number in scored}
    by_slice: dict[bytes, list[int]] = {}
    for number in scored:
        by_slice.setdefault(questions[number].inside.tobytes(), []).append(number)
    for numbers in by_slice.values():
        inside = questions[numbers[0]].inside
        units, count = units_of(inside, new.groups)
        random = np.random.default_rng(seed)
        times = [np.ones(count)] + [
            np.bincount(random.integers(count, size=count), minlength=count).astype(float)
            for _ in range(resamples if count > 1 and not _alike(old, new) else 0)
        ]
        for one in times:
            weight = np.where(inside, one[units], 0)
            before, after = old.score(weight), new.score(weight)
            for number in numbers:
                name = questions[number].metric.name
                drawn[number].append((before[name], after[name]))
    return drawn


def _answer(
    question: _Question,
    drawn: list[tuple[float, float]] | None,
    old: Scored,
    new: Scored,
    level: float,
    asked: int,
    seed: int,
) -> _Answer:
    units, count = units_of(question.inside, new.groups)
    if drawn is not None:
        pairs = np.array(drawn)
        lost = _lost(question, pairs[:, 0], pairs[:, 1])
        value, draws = float(lost[0]), lost[1:]
    else:
        assert question.old is not None and question.new is not None  # else it was drawn
        before, after = (sums(parts, question.inside, units, count) for parts in (question.old, question.new))
        value = float(_lost(question, ratio(before.sum(axis=1)), ratio(after.sum(axis=1))))
        drawn_sums = resampled(np.concatenate([before, after]), seed)
        draws = _lost(question, ratio(drawn_sums[:2]), ratio(drawn_sums[2:]))
    p, unchanged = None, False
    right = old.contributions.right, new.contributions.right
    if question.decided and right[0] is not None and right[1] is not None:
        worse = int((question.inside & right[0] & ~right[1]).sum())
        better = int((question.inside & ~right[0] & right[1]).sum())
        p, unchanged = mcnemar(worse, better), worse == better == 0
    if _alike(old, new):
        return _Answer(value, value, value, value, p)
    draws = draws[np.isfinite(draws)]
    if unchanged and len(draws):
        most = unseen(level, int(question.inside.sum()))
        return _Answer(value, -most, most, -most, p)
    if not len(draws) or agree(draws):
        return _Answer(value, None, None, None, p)
    low, high = (float(np.quantile(draws, end)) for end in (tail(level, count), 1 - tail(level, count)))
    surely = float(np.quantile(draws, tail(level / asked, count)))
    return _Answer(value, min(low, value), max(high, value), min(surely, value), p)


def _judge(question: _Question, answer: _Answer, decide: Decision, level: float, asked: int) -> Judgement:
    how = question.rule.decide_on or decide
    lost = {"value": answer.value, "low": answer.low, "high": answer.high}
    rule = question.rule
    judged = may_lose("baseline", question.metric.name, question.of, rule.most, lost, how, rule.relative)
    if how == "point" or not np.isfinite(answer.value) or answer.low is None:
        return judged
    chance = answer.surely is not None and answer.surely <= rule.most
    if judged.verdict == "fail" and (chance or (answer.p is not None and answer.p > level)):
        return by_chance(judged, asked)
    return judged


def _lost(question: _Question, old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """How much worse the new scores are, any shape, in the unit that the rule asks for."""
    lost = (new - old) if question.metric.lower_is_better else (old - new)
    if question.rule.relative:
        with np.errstate(divide="ignore", invalid="ignore"):
            lost = lost / np.abs(old)
    return np.asarray(lost)


def _alike(old: Scored, new: Scored) -> bool:
    """Whether the two say exactly the same."""
    return (
        old.spec.get("threshold") == new.spec.get("threshold")
        and old.spec["outputs"] == new.spec["outputs"]
        and np.array_equal(old.predictions, new.predictions)
    )


def _flips(old: Scored, new: Scored) -> list[Flip]:
    """Every example on which one model is right and the other is not; of lengths and amounts, where one is closer."""
    names, labels = new.examples["example"].astype(str), new.examples["label"]
    before, after = old.contributions, new.contributions
    if before.right is not None and after.right is not None:
        assert before.decided is not None and after.decided is not None  # what is right was decided
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
    assert before.errors is not None and after.errors is not None  # a task has the one or the other
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
