"""What `experiments/<id>.yaml` says: which versions are compared, on which share of the units, by which metrics.

    hypothesis: The model that learnt night games finds more advertisements.
    model: base-ad-detector
    arms:
      control: v1.0.0
      night: v1.1.0
    allocation: {control: 50, night: 50}
    metrics:
      satisfaction: {role: goal, better: higher}
      errors: {role: guardrail, better: lower, margin: 0.01}
    minimum_sample: 1000

The first arm is the control. All mistakes of a file are told at once, each with its line.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from slipway.core import definitions
from slipway.core.config import NAME
from slipway.core.errors import ConfigError
from slipway.experiments import assignment
from slipway.experiments.assignment import Assignment, Range, Split, percent
from slipway.registry.grammar import VERSION

FOLDER = Path("experiments")
LOGGED = ("confidence", "inference_time", "errors")
"""The metrics that the log of predictions has: the probability of the most probable class, seconds in the model, and
whether a request failed. Every other metric comes from outcomes."""
AGREEMENT = "agreement"
"""The metric whose outcomes the server writes itself: whether production predicts the same for a request."""
BUILT_IN = (*LOGGED, AGREEMENT)
"""The metrics that nobody has to report."""
_ENSEMBLE = re.compile(rf"ensembles/(?P<name>{definitions.NAME.pattern})@(?P<version>[0-9a-f]{{12}})")
_ARM = "^[a-z0-9]([a-z0-9_-]{0,30}[a-z0-9])?$"
_METRIC = "^[a-z][a-z0-9_]{0,62}$"
_EVERY = re.compile("([1-9][0-9]{0,5})(s|min|h|d)")
_SECONDS = {"s": 1, "min": 60, "h": 3_600, "d": 86_400}
MOST_UPDATES = 1_000
"""The most updates of a bandit, so that the tag of its stop has room for the sums of each period."""


def _version(name: str) -> str:
    if not VERSION.fullmatch(name) and ensemble_of(name) is None:
        raise ValueError(
            f"{name!r} is neither a version, such as v1.2.0, nor an ensemble with its version, such as "
            "ensembles/both@b8fb283dbb0e; a role would change its holder"
        )
    return name


def ensemble_of(version: str) -> tuple[str, str] | None:
    """Return the name and the version of the ensemble that is an arm; None if a version of the model is."""
    found = _ENSEMBLE.fullmatch(version)
    return (found["name"], found["version"]) if found is not None else None


def _frequency(text: str) -> str:
    if not _EVERY.fullmatch(text):
        raise ValueError(f"{text!r} is not a time such as 90s, 30min, 1h or 2d")
    return text


Name = Annotated[str, Field(pattern=_ARM)]
VersionName = Annotated[str, AfterValidator(_version)]
MetricName = Annotated[str, Field(pattern=_METRIC)]
Share = Annotated[float, Field(gt=0, le=100)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Metric(_Part):
    """A metric of a unit.

    `role`: a goal must be shown to be better by more than `margin`; a guardrail must not be worse by more than it.
    `of_unit`: what is made of the values of one unit. `window_hours`: how long after its first exposure they count.
    """

    role: Literal["goal", "guardrail"]
    better: Literal["higher", "lower"]
    margin: Annotated[float, Field(ge=0)] = 0.0
    of_unit: Literal["mean", "sum", "any"] = "mean"
    window_hours: Annotated[float, Field(ge=0, le=24 * 90)] = 24.0


class Layer(_Part):
    """The part of a layer that an experiment has: from `start` on, `share` percent of all units."""

    name: Name
    start: Annotated[float, Field(ge=0, lt=100)]
    share: Share

    @model_validator(mode="after")
    def _within(self) -> Self:
        if percent(self.start) + percent(self.share) > 100:
            raise ValueError(f"start and share sum to {self.start + self.share:g} %, more than 100 %")
        return self

    @property
    def end(self) -> Fraction:
        """The right end in percent, which is not a part of it."""
        return percent(self.start) + percent(self.share)


class Bandit(_Part):
    """Shares of the arms that follow the rewards.

    `reward_metric` is the goal that they follow. `exploration_rate` is the part of the units that gets its arm at
    random, so each arm has a share of at least this divided by the number of arms. `update_frequency` is the time
    between two updates of the shares.
    """

    reward_metric: MetricName
    exploration_rate: Annotated[float, Field(ge=0.001, le=1)] = 0.05
    update_frequency: Annotated[str, AfterValidator(_frequency)] = "1h"

    @property
    def every(self) -> timedelta:
        """The time between two updates."""
        found = _EVERY.fullmatch(self.update_frequency)
        assert found is not None  # checked above
        return timedelta(seconds=int(found[1]) * _SECONDS[found[2]])


class Definition(_Part):
    """An experiment.

    `unit` is who is assigned: the `caller`, who says in the header X-Unit who it is, or each `request`. `share` is the
    percentage of the units that take part, of those in the part of the layer if there is a layer. `minimum_sample`
    counts units of the smallest arm; it is where the experiment decides. `confidence` is 1 - alpha of the verdict. With
    a `bandit`, the allocation is the start, and the experiment decides at as many units of all arms as without.
    `stop`: whether a server stops the experiment by itself, at its verdict or its maximum duration.
    """

    hypothesis: Annotated[str, Field(min_length=1, max_length=1000)]
    model: Annotated[str, Field(pattern=f"^{NAME.pattern}$")]
    arms: Annotated[dict[Name, VersionName], Field(min_length=2, max_length=10)]
    allocation: dict[Name, Share]
    metrics: Annotated[dict[MetricName, Metric], Field(min_length=1, max_length=20)]
    minimum_sample: Annotated[int, Field(ge=100, le=10**9)]
    maximum_days: Annotated[float, Field(gt=0, le=365)] = 14.0
    confidence: Annotated[float, Field(ge=0.8, le=0.999)] = 0.95
    unit: Literal["caller", "request"] = "caller"
    share: Share = 100.0
    salt: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    layer: Layer | None = None
    stop: Literal["automatic", "manual"] = "automatic"
    bandit: Bandit | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if wrong := [*self._mistakes(), *self._mistakes_of_bandit()]:
            raise definitions.MistakesError(wrong)
        return self

    def _mistakes(self) -> Iterator[tuple[tuple[str, ...], str]]:
        if self.allocation.keys() != self.arms.keys():
            arms, given = ", ".join(self.arms), ", ".join(self.allocation)
            yield ("allocation",), f"allocation has {given}, and the arms are {arms}"
        elif (total := sum(map(percent, self.allocation.values()))) != 100:
            yield ("allocation",), f"allocation sums to {float(total):g} %, not 100 %"
        if all(one.role != "goal" for one in self.metrics.values()):
            yield ("metrics",), "metrics has no goal; give one the role goal"
        if self.unit == "request" and (long := [name for name in LOGGED if self._waits(name)]):
            named = ", ".join(long)
            yield ("metrics",), f"a request is over when it is answered: give {named} a window_hours of 0"
        if AGREEMENT in self.metrics and not self._waits(AGREEMENT):
            told = f"{AGREEMENT} is known a moment after the answer: give it a window_hours above 0"
            yield ("metrics", AGREEMENT), told

    def _mistakes_of_bandit(self) -> Iterator[tuple[tuple[str, ...], str]]:
        if (bandit := self.bandit) is None:
            return
        reward, days = bandit.reward_metric, self.maximum_days
        goals = [name for name, metric in self.metrics.items() if metric.role == "goal"]
        if reward not in goals:
            known = f"the goals are {', '.join(goals)}" if goals else "there is none"
            yield ("bandit", "reward_metric"), f"the reward of a bandit is a goal: {reward} is none, and {known}"
        elif self.metrics[reward].window_hours / 24 >= days:
            hours = f"{self.metrics[reward].window_hours:g} hours after its first exposure"
            yield (
                ("metrics", reward, "window_hours"),
                f"the reward of a unit is known {hours}, and the experiment ends after {days:g} days, before any is",
            )
        floor = 100 * Fraction(str(bandit.exploration_rate)) / len(self.arms)
        for arm, part in self.allocation.items():
            if percent(part) < floor:
                yield (
                    ("allocation", arm),
                    f"a bandit gives each arm at least its exploration rate divided by the number of arms: {arm} has "
                    f"{part:g} %, less than {float(floor):g} %",
                )
        if (updates := timedelta(days=days) / bandit.every) > MOST_UPDATES:
            yield (
                ("bandit", "update_frequency"),
                f"{bandit.update_frequency} are {updates:,.0f} updates in {days:g} days, more than {MOST_UPDATES:,}",
            )

    def _waits(self, name: str) -> bool:
        return name in self.metrics and self.metrics[name].window_hours > 0

    @property
    def control(self) -> str:
        """The first arm."""
        return next(iter(self.arms))

    @property
    def treatments(self) -> tuple[str, ...]:
        """The other arms."""
        return tuple(self.arms)[1:]

    @property
    def alpha(self) -> float:
        """The level of the verdict."""
        return round(1 - self.confidence, 9)

    def shares(self) -> dict[str, float]:
        """Return the share of each arm among the units of the experiment; the sum is 1."""
        return {arm: float(percent(self.allocation[arm]) / 100) for arm in self.arms}

    def planned(self, *arms: str) -> int:
        """Return the planned units of some arms: the smallest arm of the experiment has the minimum sample."""
        least = min(percent(one) for one in self.allocation.values())
        return round(
            float(sum((percent(self.allocation[arm]) for arm in arms), Fraction(0)) / least * self.minimum_sample)
        )


@dataclass(frozen=True)
class Experiment:
    """A definition with its id."""

    id: str
    definition: Definition

    @cached_property
    def subject(self) -> str:
        """Its name in the state store, and the beginning of the names of its tags."""
        return f"experiments/{self.id}"

    @property
    def salt(self) -> str:
        """The salt of its arms."""
        return self.definition.salt or self.subject

    @cached_property
    def shares(self) -> dict[str, float]:
        """The share of each arm among the units of the experiment; the sum is 1."""
        return self.definition.shares()

    @cached_property
    def assignment(self) -> Assignment:
        """Which arm a unit gets; for a bandit, which units take part: `slipway.experiments.bandit` gives the arm."""
        definition = self.definition
        if definition.bandit is None:
            allocation = {arm: definition.allocation[arm] for arm in definition.arms}
            arms = assignment.experiment(self.salt, allocation, definition.share)
        else:
            arms = assignment.rollout(self.salt, definition.share, "any arm")
        if (layer := definition.layer) is None:
            return Assignment(self.id, arms)
        return Assignment(self.id, arms, Split(f"layers/{layer.name}", (_range(self.id, layer),)))


def read(path: Path) -> Experiment:
    """Return what a file says.

    Raises:
        ConfigError: there is no such file, or it has mistakes: all of them, each with its line.
    """
    check_id(path.stem)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such experiment; `slipway experiment create {path.stem}` writes one")
    return parse(content, path.stem, path.as_posix())


def parse(content: bytes, name: str, path: str) -> Experiment:
    """Return what a file contains.

    Args:
        content: the file.
        name: the id of the experiment.
        path: the path, for messages.

    Raises:
        ConfigError: it has mistakes: all of them, each with its line.
    """
    return Experiment(name, definitions.parse(content, path, Definition))


def read_all(folder: Path = FOLDER) -> list[Experiment]:
    """Return all experiments, sorted by id. Raises as `read`."""
    return [read(path) for path in sorted(folder.glob("*.yaml"))]


def check_id(name: str) -> None:
    """Check the id of an experiment.

    Raises:
        ConfigError: it is not of the right form.
    """
    definitions.check_name(name, "an experiment")


def check_together(experiments: Sequence[Experiment]) -> None:
    """Check that experiments can run at the same time.

    Raises:
        ConfigError: two of one model can both have a unit; a request has one version.
    """
    for at, one in enumerate(experiments):
        for other in experiments[:at]:
            if one.definition.model != other.definition.model:
                continue
            mine, theirs = one.definition.layer, other.definition.layer
            if mine is None or theirs is None or mine.name != theirs.name:
                raise ConfigError(
                    f"{one.id} and {other.id} are both about {one.definition.model}: a request has one version, so "
                    "give both a part of the same layer"
                )
            if mine.start < theirs.end and theirs.start < mine.end:
                raise ConfigError(
                    f"{one.id} and {other.id} overlap in the layer {mine.name}: from {mine.start:g} to "
                    f"{float(mine.end):g} %, and from {theirs.start:g} to {float(theirs.end):g} %"
                )


def check_successor(before: Experiment, after: Experiment) -> None:
    """Check that a running experiment may go on with another definition: only more units may take part.

    Raises:
        ConfigError: something else differs, or a unit would change its arm.
    """
    old, new = before.definition.model_dump(), after.definition.model_dump()
    free = {"hypothesis", "share", "layer", "stop"}
    if differing := sorted(key for key in old if key not in free and old[key] != new[key]):
        raise ConfigError(
            f"{after.id} is running, and its {', '.join(differing)} changed; a new comparison needs a new id"
        )
    try:
        assignment.check_widening(before.assignment.arms, after.assignment.arms)
        if before.assignment.layer is not None and after.assignment.layer is not None:
            assignment.check_widening(before.assignment.layer, after.assignment.layer)
        elif before.assignment.layer is not after.assignment.layer:
            raise ValueError("the layer differs")
    except ValueError as error:
        raise ConfigError(f"{after.id} is running: {error}")


def _range(name: str, layer: Layer) -> Range:
    return Range(name, percent(layer.start), percent(layer.share))
