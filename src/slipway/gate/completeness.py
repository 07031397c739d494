"""Whether what a stage judged is all that a variant's rules ask, and each verdict that of its own figures.

A record whose rules were taken out would pass without this: where nothing is asked, the verdict is a pass.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from slipway.core.errors import ModelError
from slipway.gate.result import named
from slipway.gate.rules import Decision, Gate
from slipway.gate.verdict import COUNTED, bounded, enough, may_lose, required
from slipway.records.verdict import Judgement, Verdict, worst


def check(judged: Verdict, gate: Gate, classes: Sequence[str], path: str) -> None:
    """See that a release record or a benchmark judged all that is asked.

    Args:
        judged: the verdict of the record or the benchmark.
        gate: the rules that it must have judged; those against a baseline are not looked at.
        classes: the model's, for a rule on each class.
        path: where it is, for messages.

    Raises:
        ModelError: its verdict is not that of its rules, or one that is asked is missing or not that of its figures.
    """
    rules = judged.rules
    if judged.verdict != worst([rule.verdict for rule in rules]):
        raise ModelError(f"{path}: the verdict is not that of its rules")
    for asked, decide in _asked(gate, classes, rules):
        found = [rule for rule in rules if question(rule) == question(asked)]
        if not found:
            raise ModelError(f"{path}: the rule {named(asked)} was not judged")
        if better := [rule for rule in found if not _follows(rule, decide)]:
            raise ModelError(f"{path}: the rule {named(asked)} says {better[0].verdict}, and its figures do not")


def _asked(gate: Gate, classes: Sequence[str], judged: Sequence[Judgement]) -> Iterator[tuple[Judgement, Decision]]:
    """Each rule as it is when nothing was measured, and what decides it.

    The groups of a kind are those that any rule was judged on: the test data names them.
    """
    for unit, least in required(gate.least).items():
        yield enough(unit, least, None), "point"
    for metric, rule in gate.rules.items():
        decide = rule.decide_on or gate.decide_on
        yield bounded(metric, rule.min, rule.max, None, decide), decide
    for metric, loss in gate.conversion.items():
        decide = loss.decide_on or gate.decide_on
        yield may_lose("conversion", metric, None, loss.most, None, decide, loss.relative), decide
    for metric, one in gate.per_class.items():
        decide = one.decide_on or gate.decide_on
        for name in one.classes or classes or ("each class",):
            yield bounded(metric, one.min, one.max, None, decide, name), decide
    for kind, of_kind in gate.per_group.items():
        groups = dict.fromkeys(rule.of for rule in judged if rule.of is not None and rule.of.startswith(f"{kind} "))
        for metric, rule in of_kind.items():
            decide = rule.decide_on or gate.decide_on
            for group in groups or (f"each {kind}",):
                yield bounded(metric, rule.min, rule.max, None, decide, group), decide


def question(rule: Judgement) -> Judgement:
    """A rule without what came of it: equal for two that ask the same."""
    return replace(rule, value=None, low=None, high=None, verdict="hold", reason="")


def _follows(rule: Judgement, decide: Decision) -> bool:
    """Whether the verdict is no better than the figures; one on a class or a group may hold where they fail."""
    figures = {"value": rule.value, "low": rule.low, "high": rule.high}
    if rule.metric in COUNTED:
        again = enough(rule.metric, int(rule.min or 0), int(rule.value or 0))
    elif rule.kind == "bound":
        again = bounded(rule.metric, rule.min, rule.max, figures, decide, rule.of)
    else:
        again = may_lose(rule.kind, rule.metric, rule.of, rule.max or 0, figures, decide, rule.relative)
    by_chance = rule.of is not None and rule.verdict == "hold"
    return by_chance or worst([rule.verdict, again.verdict]) == rule.verdict
