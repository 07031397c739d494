"""The `gate` section of a variant: the bounds on its scores, and how much it may lose.

    decide_on: interval         # or point: only the value decides, so a rule never holds
    least:                      # with fewer test examples or groups the verdict is hold
      examples: 30
      groups: 8
      groups_of_slice: 5        # in a class or a group that has a rule
    rules:                      # floors and ceilings of the model that ships
      accuracy: {min: 0.90}
    per_class:                  # the same for each class
      recall: {min: 0.80}
    per_group:                  # and for each group of a kind
      group: {accuracy: {min: 0.50}}
    conversion:                 # the most that the model that ships may be worse than the native one
      accuracy: {most: 0.01}
    baseline:                   # the most that it may be worse than the version in production
      first_release: pass       # the verdict without a version in production; default hold
      overall:
        accuracy: {most: 0.02}
        mae: {most: 0.15, relative: true}
      per_class:
        recall: {most: 0.10}
      per_group:
        group: {accuracy: {most: 0.20}}

A loss is in the unit of its metric, or a share of the other model's value where it is `relative`. It is positive where
the new model is worse, both for metrics that should be high and for those that should be low.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from slipway.core import config
from slipway.core.config import Section
from slipway.core.metric import CONVERSION, LATENCY, Metric

Decision = Literal["interval", "point"]
FirstRelease = Literal["hold", "pass"]

POINTS = frozenset({*LATENCY, *CONVERSION})
"""Metrics that are measured without drawing examples, and have no interval."""
MACHINE_OR_FILE = frozenset({*LATENCY, "size_bytes"})
"""Metrics that are compared with the baseline by value: there are no examples to draw."""


class Rule(config.Rule):
    """A floor, a ceiling or both for one metric of the model that ships; `slipway.gate.verdict` judges it."""

    decide_on: Decision | None = None


class ClassRule(Rule):
    """A floor or ceiling for each class, or for the named classes only."""

    classes: tuple[str, ...] | None = None


class Loss(Section):
    """The largest allowed loss in one metric: in its unit, or as a share of the other model's value."""

    most: Annotated[float, Field(ge=0)]
    relative: bool = False
    decide_on: Decision | None = None


class BaselineLoss(Loss):
    """The largest allowed loss against the baseline, and the verdict where there is no baseline yet."""

    first_release: FirstRelease | None = None


class ClassLoss(BaselineLoss):
    """The largest allowed loss against the baseline for each class, or for the named classes only."""

    classes: tuple[str, ...] | None = None


class Baseline(Section):
    """The allowed losses against the version in production, by metric: overall, by class and by kind of group.

    A kind of group is `group`, which every task has, or another column of the test examples (`kinds`).
    """

    first_release: FirstRelease = "hold"
    overall: dict[str, BaselineLoss] = Field(default_factory=dict)
    per_class: dict[str, ClassLoss] = Field(default_factory=dict)
    per_group: dict[str, dict[str, BaselineLoss]] = Field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.overall or self.per_class or any(self.per_group.values()))


class Least(Section):
    """The test examples and groups that a verdict needs, and the groups that a rule on a slice needs: fewer hold."""

    examples: Annotated[int, Field(ge=1)] = 1
    groups: Annotated[int, Field(ge=1)] = 1
    groups_of_slice: Annotated[int, Field(ge=1)] = 1


class Gate(config.Gate):
    """All rules of a variant; a rule without `decide_on` uses that of the gate."""

    decide_on: Decision = "interval"
    least: Least = Least()
    rules: dict[str, Rule]  # type: ignore[assignment]  # the rules of the base class with one more key
    per_class: dict[str, ClassRule] = Field(default_factory=dict)
    per_group: dict[str, dict[str, Rule]] = Field(default_factory=dict)
    conversion: dict[str, Loss] = Field(default_factory=dict)
    baseline: Baseline = Baseline()

    @property
    def of_machine(self) -> "Gate":
        """The rules on latency, which the benchmark judges."""
        kept = {metric: rule for metric, rule in self.rules.items() if metric in LATENCY}
        return self.model_copy(
            update={
                "rules": kept, "least": Least(), "per_class": {}, "per_group": {}, "conversion": {},
                "baseline": Baseline(),
            }
        )  # fmt: skip

    @property
    def of_model(self) -> "Gate":
        """The rules on the model alone, which go into the release record."""
        kept = {metric: rule for metric, rule in self.rules.items() if metric not in LATENCY}
        return self.model_copy(update={"rules": kept, "baseline": Baseline()})


class Refusal(NamedTuple):
    """A rule that can never be judged: its path in the configuration, what is wrong with it, and what to do."""

    path: tuple[str, ...]
    what: str
    instead: str


def refusals(
    gate: Gate, metrics: Mapping[str, Metric], kinds: frozenset[str], classes: tuple[str, ...] | None
) -> Iterator[Refusal]:
    """Yield the rules on a metric, a class or a kind of group that the task does not have.

    Args:
        gate: the rules.
        metrics: the metrics that the task declares.
        kinds: the kinds of group of the task.
        classes: the classes of the task: empty where it does not decide between classes, None where only the raw data
            names them.
    """
    yield from _unknown(gate.rules, metrics.keys() | POINTS, "metric", ("rules",))
    yield from _unknown(gate.conversion, metrics.keys(), "metric", ("conversion",))
    yield from _unknown(gate.baseline.overall, metrics.keys() | MACHINE_OR_FILE, "metric", ("baseline", "overall"))
    for part, above in ((gate, ()), (gate.baseline, ("baseline",))):
        yield from _of_slices(part, above, metrics, kinds, classes)


def _of_slices(
    part: Gate | Baseline,
    above: tuple[str, ...],
    metrics: Mapping[str, Metric],
    kinds: frozenset[str],
    classes: tuple[str, ...] | None,
) -> Iterator[Refusal]:
    """Yield the refused rules by class and by group."""
    yield from _unknown(part.per_group, kinds, "kind of group", (*above, "per_group"))
    for kind, rules in part.per_group.items():
        yield from _unknown(rules, metrics.keys(), "metric", (*above, "per_group", kind))
    of_one = {metric.name for metric in metrics.values() if metric.by_class}
    for metric, rule in part.per_class.items():
        path = (*above, "per_class", metric)
        if classes == ():
            yield Refusal(path, "the task does not decide between classes", "remove per_class")
            continue
        yield from _unknown([metric], of_one, "metric of one class", path[:-1])
        if classes is not None:
            yield from _unknown(rule.classes or (), classes, "class", (*path, "classes"), below=False)


def _unknown(
    names: Collection[str], known: Collection[str], what: str, above: tuple[str, ...], below: bool = True
) -> Iterator[Refusal]:
    listed = f"known: {', '.join(known if isinstance(known, tuple) else sorted(known))}"
    for name in names:
        if name not in known:
            yield Refusal(
                (*above, name) if below else above, f"no such {what}{'' if below else f' as {name!r}'}", listed
            )
