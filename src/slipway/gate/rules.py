"""The `gate` section of a variant: what its model must keep to, and what it may lose.

    decide_on: interval         # or point: the naive reading, which never holds
    least:                      # fewer test examples or groups hold, whatever the scores
      examples: 30
      groups: 8
      groups_of_slice: 5        # of a class or a group that a rule is on
    rules:                      # floors and ceilings of the model that ships
      accuracy: {min: 0.90}
    per_class:                  # the same for each class
      recall: {min: 0.80}
    per_group:                  # and for each group of a kind
      group: {accuracy: {min: 0.50}}
    conversion:                 # the most that the model that ships may be worse than the native one
      accuracy: {most: 0.01}
    baseline:                   # the most that it may be worse than the version in production
      first_release: pass       # without a version in production; hold if it is not said
      overall:
        accuracy: {most: 0.02}
        mae: {most: 0.15, relative: true}
      per_class:
        recall: {most: 0.10}
      per_group:
        group: {accuracy: {most: 0.20}}

Losses are in the metric's own unit, or as shares of the baseline's value where they are `relative`, and positive where
the new model is worse, whichever way the metric runs.
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
"""What is measured without drawing examples, and has no interval."""
MACHINE_OR_FILE = frozenset({*LATENCY, "size_bytes"})
"""What is compared with the baseline by its value: there are no examples to draw."""


class Rule(config.Rule):
    """A floor, a ceiling or both for one metric of the model that ships; see `verdict` for what decides."""

    decide_on: Decision | None = None


class ClassRule(Rule):
    """The same for each class, or for those that are named."""

    classes: tuple[str, ...] | None = None


class Loss(Section):
    """The most that may be lost in one metric: in its unit, or as a share of the other model's value."""

    most: Annotated[float, Field(ge=0)]
    relative: bool = False
    decide_on: Decision | None = None


class BaselineLoss(Loss):
    """The same against the baseline; what it says where there is none yet."""

    first_release: FirstRelease | None = None


class ClassLoss(BaselineLoss):
    """The same for each class, or for those that are named."""

    classes: tuple[str, ...] | None = None


class Baseline(Section):
    """What may be lost against the version that holds production, by metric: in all, by class, by kind of group.

    A kind of group is `group`, which every task has, or another column of the test examples (`kinds`).
    """

    first_release: FirstRelease = "hold"
    overall: dict[str, BaselineLoss] = Field(default_factory=dict)
    per_class: dict[str, ClassLoss] = Field(default_factory=dict)
    per_group: dict[str, dict[str, BaselineLoss]] = Field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.overall or self.per_class or any(self.per_group.values()))


class Least(Section):
    """How many test examples and groups a verdict needs, and a rule on a class or a group: with fewer it holds."""

    examples: Annotated[int, Field(ge=1)] = 1
    groups: Annotated[int, Field(ge=1)] = 1
    groups_of_slice: Annotated[int, Field(ge=1)] = 1


class Gate(config.Gate):
    """All rules of a variant; a rule without `decide_on` of its own takes the gate's."""

    decide_on: Decision = "interval"
    least: Least = Least()
    rules: dict[str, Rule]  # type: ignore[assignment]  # each of the base's rules with one key more
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
    """A rule that can never be judged: its place in the configuration, what is wrong with it, and what to do."""

    path: tuple[str, ...]
    what: str
    instead: str


def refusals(
    gate: Gate, metrics: Mapping[str, Metric], kinds: frozenset[str], classes: tuple[str, ...] | None
) -> Iterator[Refusal]:
    """Rules on a metric, a class or a kind of group that a task does not have.

    Args:
        gate: the rules.
        metrics: those that the task declares.
        kinds: its kinds of group.
        classes: those that it decides between, none at all, or None where the raw data names them.
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
    """The same for rules by class and by group."""
    yield from _unknown(part.per_group, kinds, "kind of group", (*above, "per_group"))
    for kind, rules in part.per_group.items():
        yield from _unknown(rules, metrics.keys(), "metric", (*above, "per_group", kind))
    of_one = {metric.name for metric in metrics.values() if metric.by_class}
    for metric, rule in part.per_class.items():
        path = (*above, "per_class", metric)
        if classes == ():
            yield Refusal(path, "the task does not decide between classes", "take per_class out")
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
