"""Two models on the same test examples: how much worse the new one is, how sure that is, and which examples flipped.

Both are scored on the same draws, so what makes an example hard is not counted as a difference between them. Groups
(videos, matches, places) are drawn with replacement, in a slice that is one group its examples. The interval is the
percentile one with its tails widened for few groups (Hesterberg, "What Teachers Should Know About the Bootstrap", The
American Statistician 69, 2015, section 5.4: a bootstrap of n groups is too narrow by sqrt((n-1)/n), and normal where
Student's t is due).

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
from functools import lru_cache

import numpy as np
import pandas as pd
from scipy import stats

from slipway.gate.contributions import Ratio, Scored
from slipway.gate.rules import LOWER_IS_BETTER, MACHINE_OR_FILE, Baseline, BaselineLoss, Decision
from slipway.gate.verdict import Judgement, may_lose

LEAST_EXAMPLES = 20
"""Groups with fewer test examples are judged together, as `OTHERS`."""
OTHERS = "(others)"
RATIO_RESAMPLES = 4000
"""Draws of scores that are ratios of sums, which cost little."""
MOST_KEPT = 1000
BLOCK = 100
"""Draws of more units than `MOST_KEPT` are made and used so many at a time, which bounds the memory."""
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
    metric: str
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
    questions, judged = list(_questions(rules, old, new)), list(_unknown_classes(rules, new))
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
        p=None if new.right is None else mcnemar(worse, better, "two-sided"),
        flips=tuple(shown),
    )


def mcnemar(worse: int, better: int, alternative: str = "greater") -> float:
    """The exact p-value of as many or more examples getting worse where worse and better are as likely."""
    if worse + better == 0:
        return 1.0
    return float(stats.binomtest(worse, worse + better, 0.5, alternative=alternative).pvalue)


def tail(level: float, groups: int) -> float:
    """The share of draws beyond an end of the interval: `level` itself for many groups, less for few."""
    return float(stats.norm.cdf(stats.t.ppf(level, groups - 1) * np.sqrt(groups / (groups - 1))))


def slices(values: pd.Series) -> dict[str, np.ndarray]:
    """Which examples [n] have each value of a column; rare values together."""
    text = values.astype(object).where(values.notna(), "(missing)").astype(str)
    counts = text.value_counts()
    text = text.where(text.map(counts) >= LEAST_EXAMPLES, OTHERS)
    return {name: (text == name).to_numpy() for name in sorted(text.unique())}


def _questions(rules: Baseline, old: Scored, new: Scored) -> Iterator[_Question]:
    every = np.ones(len(new.examples), bool)
    for metric, rule in sorted(rules.overall.items()):
        if metric not in MACHINE_OR_FILE:
            yield _question(metric, None, rule, every, old, new)
    for metric, one in sorted(rules.per_class.items()):
        for name in one.classes or new.classes:
            if name in new.classes and name in old.classes:
                inside = new.actual == name
                yield _Question(metric, name, one, inside, old.recall(name), new.recall(name), True)
    for kind, of_kind in sorted(rules.per_group.items()):
        for metric, rule in sorted(of_kind.items()):
            for name, inside in slices(new.examples[kind]).items():
                yield _question(metric, f"{kind} {name}", rule, inside, old, new)


def _question(
    metric: str, of: str | None, rule: BaselineLoss, inside: np.ndarray, old: Scored, new: Scored
) -> _Question:
    return _Question(metric, of, rule, inside, old.ratio(metric), new.ratio(metric), metric == "accuracy")


def _unknown_classes(rules: Baseline, new: Scored) -> Iterator[Judgement]:
    """A rule on a class that the model does not know fails: it was not measured."""
    for metric, rule in sorted(rules.per_class.items()):
        for name in rule.classes or ():
            if name not in new.classes:
                yield may_lose("baseline", metric, name, rule.most, None, "point")


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
        units, count = _units(inside, new.groups)
        random = np.random.default_rng(seed)
        times = [np.ones(count)] + [
            np.bincount(random.integers(count, size=count), minlength=count).astype(float)
            for _ in range(resamples if count > 1 and not _alike(old, new) else 0)
        ]
        for one in times:
            weight = np.where(inside, one[units], 0)
            before, after = old.score(weight), new.score(weight)
            for number in numbers:
                drawn[number].append((before[questions[number].metric], after[questions[number].metric]))
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
    units, count = _units(question.inside, new.groups)
    if drawn is not None:
        pairs = np.array(drawn)
        lost = _lost(question, pairs[:, 0], pairs[:, 1])
        value, draws = float(lost[0]), lost[1:]
    else:
        assert question.old is not None and question.new is not None  # else it was drawn
        before, after = (_sums(parts, question.inside, units, count) for parts in (question.old, question.new))
        value = float(_lost(question, _ratio(before.sum(axis=1)), _ratio(after.sum(axis=1))))
        drawn_sums = _resampled(np.concatenate([before, after]), seed)
        draws = _lost(question, _ratio(drawn_sums[:2]), _ratio(drawn_sums[2:]))
    p, unchanged = None, False
    if question.decided and old.right is not None and new.right is not None:
        worse = int((question.inside & old.right & ~new.right).sum())
        better = int((question.inside & ~old.right & new.right).sum())
        p, unchanged = mcnemar(worse, better), worse == better == 0
    if _alike(old, new):
        return _Answer(value, value, value, value, p)
    draws = draws[np.isfinite(draws)]
    if not len(draws):
        return _Answer(value, None, None, None, p)
    low, high = (float(np.quantile(draws, end)) for end in (tail(level, count), 1 - tail(level, count)))
    surely = float(np.quantile(draws, tail(level / asked, count)))
    if unchanged:
        unseen = 1 - level ** (1 / int(question.inside.sum()))
        low, high, surely = -unseen, unseen, -unseen
    return _Answer(value, min(low, value), max(high, value), min(surely, value), p)


def _judge(question: _Question, answer: _Answer, decide: Decision, level: float, asked: int) -> Judgement:
    how = question.rule.decide_on or decide
    lost = {"value": answer.value, "low": answer.low, "high": answer.high}
    rule = question.rule
    judged = may_lose("baseline", question.metric, question.of, rule.most, lost, how, rule.relative)
    if how == "point" or not np.isfinite(answer.value):
        return judged
    if answer.low is None:
        return replace(judged, verdict="hold", reason=f"{judged.reason}: one test example gives no interval")
    chance = answer.surely is not None and answer.surely <= rule.most
    if judged.verdict == "fail" and (chance or (answer.p is not None and answer.p > level)):
        among = f"one of {asked} rules" if asked > 1 else "the test examples"
        return replace(judged, verdict="hold", reason=f"{judged.reason}, but {among} may come to that by chance")
    return judged


def _lost(question: _Question, old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """How much worse the new scores are, any shape, in the unit that the rule asks for."""
    lost = (new - old) if question.metric in LOWER_IS_BETTER else (old - new)
    if question.rule.relative:
        with np.errstate(divide="ignore", invalid="ignore"):
            lost = lost / np.abs(old)
    return np.asarray(lost)


def _units(inside: np.ndarray, groups: pd.Series) -> tuple[np.ndarray, int]:
    """The unit [n] that each example of a slice is drawn with, and how many there are; 0 for examples outside."""
    units = np.zeros(len(inside), np.int64)
    codes, names = pd.factorize(groups[inside], sort=True)
    if len(names) <= 1:
        codes, names = np.arange(int(inside.sum())), pd.Index(range(int(inside.sum())))
    units[inside] = codes
    return units, len(names)


def _sums(parts: Ratio, inside: np.ndarray, units: np.ndarray, count: int) -> np.ndarray:
    """Numerator and denominator [2, units] of a slice."""
    return np.stack([np.bincount(units, part * inside, minlength=count) for part in parts])


def _resampled(sums: np.ndarray, seed: int) -> np.ndarray:
    """Totals [k, draws] of sums [k, units] over units drawn with replacement; none of a single unit."""
    count = sums.shape[1]
    if count < 2:
        return np.empty((len(sums), 0))
    if count <= MOST_KEPT:
        totals: np.ndarray = sums @ _times(count, RATIO_RESAMPLES, seed)
        return totals
    seeds = np.random.default_rng(seed).integers(2**63, size=RATIO_RESAMPLES // BLOCK)
    return np.concatenate([sums @ _drawn_times(count, BLOCK, int(one)) for one in seeds], axis=1)


@lru_cache(maxsize=4)
def _times(count: int, draws: int, seed: int) -> np.ndarray:
    """How often each unit is drawn [units, draws]: kept, since a variant's rules ask for the same ones."""
    return _drawn_times(count, draws, seed)


def _drawn_times(count: int, draws: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    times = random.multinomial(count, np.full(count, 1 / count), size=draws)
    return np.ascontiguousarray(times.T, np.float64)


def _ratio(sums: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio: np.ndarray = np.asarray(sums[0] / sums[1])
    return ratio


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
    if old.right is not None and new.right is not None:
        changed = np.flatnonzero(old.right != new.right)
        said = [_decided(one) for one in (old, new)]
        return [
            Flip(names.iloc[at], str(labels.iloc[at]), said[0][at], said[1][at], bool(new.right[at])) for at in changed
        ]
    assert old.errors is not None and new.errors is not None  # a task has the one or the other
    change = new.errors - old.errors
    order = np.argsort(-np.abs(change), kind="stable")
    label = labels.map(lambda one: f"{one:,.4g}" if isinstance(one, float) else str(one))
    return [
        Flip(
            names.iloc[at],
            label.iloc[at],
            f"off by {old.errors[at]:.4g}",
            f"off by {new.errors[at]:.4g}",
            bool(change[at] < 0),
        )
        for at in order
        if change[at] != 0
    ]


def _decided(scored: Scored) -> np.ndarray:
    """[n] what a model made of each example, in words."""
    if scored.decisions is not None:
        return scored.decisions
    assert scored.right is not None  # decisions or pictures
    return np.where(scored.right, "all found, nothing else", "missed or found too much")
