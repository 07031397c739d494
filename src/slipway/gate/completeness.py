"""Check that a record judges every rule of its variant, and that each verdict follows from its figures.

Without this check a record with its rules removed would pass: without rules the verdict is a pass.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from slipway.core.errors import ModelError
from slipway.gate.result import named
from slipway.gate.rules import Decision, Gate
from slipway.gate.verdict import COUNTED, judge_bound, judge_count, judge_loss, required_counts
from slipway.records.verdict import Judgement, Verdict, worst


def check(judged: Verdict, gate: Gate, classes: Sequence[str], path: str) -> None:
    """Check that a release record or a benchmark judges every rule.

    Args:
        judged: the verdict of the record or the benchmark.
        gate: the rules that it must judge; those against a baseline are ignored.
        classes: the classes of the model, for a rule on each class.
        path: the path of the record or the benchmark, for messages.

    Raises:
        ModelError: the verdict does not follow from its rules, or a rule is missing, or a rule's verdict does not
            follow from its figures.
    """
    rules = judged.rules
    if judged.verdict != worst([rule.verdict for rule in rules]):
        raise ModelError(f"{path}: the verdict does not follow from its rules")
    for expected, decide in _expected(gate, classes, rules):
        found = [rule for rule in rules if rule_key(rule) == rule_key(expected)]
        if not found:
            raise ModelError(f"{path}: the rule {named(expected)} was not judged")
        if wrong := [rule for rule in found if not _supported(rule, decide)]:
            raise ModelError(
                f"{path}: the rule {named(expected)} says {wrong[0].verdict}, but its figures do not support that"
            )


def _expected(gate: Gate, classes: Sequence[str], judged: Sequence[Judgement]) -> Iterator[tuple[Judgement, Decision]]:
    """Yield each rule without a measurement, and what decides it.

    Only the test data names the groups of a kind, so the groups are taken from the judged rules.
    """
    for unit, least in required_counts(gate.least).items():
        yield judge_count(unit, least, None), "point"
    for metric, rule in gate.rules.items():
        decide = rule.decide_on or gate.decide_on
        yield judge_bound(metric, rule.min, rule.max, None, decide), decide
    for metric, loss in gate.conversion.items():
        decide = loss.decide_on or gate.decide_on
        yield judge_loss("conversion", metric, None, loss.most, None, decide, loss.relative), decide
    for metric, one in gate.per_class.items():
        decide = one.decide_on or gate.decide_on
        for name in one.classes or classes or ("each class",):
            yield judge_bound(metric, one.min, one.max, None, decide, name), decide
    for kind, of_kind in gate.per_group.items():
        groups = dict.fromkeys(rule.of for rule in judged if rule.of is not None and rule.of.startswith(f"{kind} "))
        for metric, rule in of_kind.items():
            decide = rule.decide_on or gate.decide_on
            for group in groups or (f"each {kind}",):
                yield judge_bound(metric, rule.min, rule.max, None, decide, group), decide


def rule_key(rule: Judgement) -> Judgement:
    """Return a rule without its result: equal for two judgements of the same rule."""
    return replace(rule, value=None, low=None, high=None, verdict="hold", reason="")


def _supported(rule: Judgement, decide: Decision) -> bool:
    """Whether the verdict is no better than the figures give; on a class or a group it may be hold instead of fail."""
    figures = {"value": rule.value, "low": rule.low, "high": rule.high}
    if rule.metric in COUNTED:
        again = judge_count(rule.metric, int(rule.min or 0), int(rule.value or 0))
    elif rule.kind == "bound":
        again = judge_bound(rule.metric, rule.min, rule.max, figures, decide, rule.of)
    else:
        again = judge_loss(rule.kind, rule.metric, rule.of, rule.max or 0, figures, decide, rule.relative)
    by_chance = rule.of is not None and rule.verdict == "hold"
    return by_chance or worst([rule.verdict, again.verdict]) == rule.verdict
