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
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field

from slipway.core import config
from slipway.core.config import CONVERSION_METRICS, LATENCY_METRICS, Section

Decision = Literal["interval", "point"]
FirstRelease = Literal["hold", "pass"]

LOWER_IS_BETTER = (
    LATENCY_METRICS
    | {"size_bytes", "max_difference", "mean_difference", "ece", "log_loss", "mae", "rmse", "mape"}
    | {"mae_ratio_to_naive", "false_positives_per_picture", "mean_error"}
)
"""Metrics of which less is better; of all others more is."""
CLASS_METRICS = frozenset({"recall"})
"""What is known of one class by itself, where a task decides between classes."""
POINTS = LATENCY_METRICS | CONVERSION_METRICS
"""What is measured without drawing examples, and has no interval."""
MACHINE_OR_FILE = LATENCY_METRICS | {"size_bytes"}
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
        kept = {metric: rule for metric, rule in self.rules.items() if metric in LATENCY_METRICS}
        return self.model_copy(
            update={
                "rules": kept, "least": Least(), "per_class": {}, "per_group": {}, "conversion": {},
                "baseline": Baseline(),
            }
        )  # fmt: skip

    @property
    def of_model(self) -> "Gate":
        """The rules on the model alone, which go into the release record."""
        kept = {metric: rule for metric, rule in self.rules.items() if metric not in LATENCY_METRICS}
        return self.model_copy(update={"rules": kept, "baseline": Baseline()})


class Refusal(NamedTuple):
    """A rule that can never be judged: its place in the configuration, what is wrong with it, and what to do."""

    path: tuple[str, ...]
    what: str
    instead: str


def kinds(task: str, data: Mapping[str, Any]) -> frozenset[str]:
    """The kinds of group of a task, by its `data` section: columns of its test examples, first the raw data's."""
    more = {"tabular_classification": data.get("categorical") or (), "tabular_regression": ("hour",)}
    return frozenset({"group", *more.get(task, ())})


def classes(task: str, data: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The classes of a task by its `data` section: none at all, or None where the raw data's folders name them."""
    match task:
        case "image_classification" | "audio_classification":
            return tuple(data["classes"]) if data.get("classes") else None
        case "tabular_classification":
            return (data["name"], f"not {data['name']}")
        case _:
            return ()


def refusals(gate: Gate, metrics: frozenset[str], task: str, data: Mapping[str, Any]) -> Iterator[Refusal]:
    """Rules on a metric, a class or a kind of group that the task does not have.

    Args:
        gate: the rules.
        metrics: every metric that the task's `score` gives.
        task: its name.
        data: the variant's `data` section.
    """
    yield from _unknown(gate.rules, metrics | LATENCY_METRICS | CONVERSION_METRICS, "metric", ("rules",))
    yield from _unknown(gate.conversion, metrics, "metric", ("conversion",))
    yield from _unknown(gate.baseline.overall, metrics | MACHINE_OR_FILE, "metric", ("baseline", "overall"))
    for part, above in ((gate, ()), (gate.baseline, ("baseline",))):
        yield from _of_slices(part, above, metrics, task, data)


def _of_slices(
    part: Gate | Baseline, above: tuple[str, ...], metrics: frozenset[str], task: str, data: Mapping[str, Any]
) -> Iterator[Refusal]:
    """The same for rules by class and by group."""
    yield from _unknown(part.per_group, kinds(task, data), "kind of group", (*above, "per_group"))
    for kind, rules in part.per_group.items():
        yield from _unknown(rules, metrics, "metric", (*above, "per_group", kind))
    known = classes(task, data)
    for metric, rule in part.per_class.items():
        path = (*above, "per_class", metric)
        if known == ():
            yield Refusal(path, f"{task} does not decide between classes", "take per_class out")
            continue
        yield from _unknown([metric], CLASS_METRICS, "metric of one class", path[:-1])
        if known is not None:
            yield from _unknown(rule.classes or (), known, "class", (*path, "classes"), below=False)


def _unknown(
    names: Collection[str], known: Collection[str], what: str, above: tuple[str, ...], below: bool = True
) -> Iterator[Refusal]:
    listed = f"known: {', '.join(known if isinstance(known, tuple) else sorted(known))}"
    for name in names:
        if name not in known:
            yield Refusal(
                (*above, name) if below else above, f"no such {what}{'' if below else f' as {name!r}'}", listed
            )
