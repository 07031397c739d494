"""What `rollouts/<variant>.yaml` says: the steps of a rollout, and what takes it back. Every key has a default.

    steps: [5, 20, 50, 80, 100]
    minimum_units: 500
    rules:
      errors: {most: 0.1}
      latency: {limit: 0.25}
      goal: {metric: satisfaction, better: higher, margin: 0.02}
    outcomes: [satisfaction]

All mistakes of a file are told at once, each with its line. A rollout keeps the plan with which it started: the tag of
its start has it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from slipway.core import definitions
from slipway.core.errors import ConfigError
from slipway.experiments.assignment import percent
from slipway.records.release import Record

FOLDER = Path("rollouts")
CONFIDENCE = "confidence"
"""The metric that the log of predictions has for models with classes; every other goal comes from outcomes."""
_METRIC = "^[a-z][a-z0-9_]{0,62}$"
Metric = Annotated[str, Field(pattern=_METRIC)]
Share = Annotated[float, Field(gt=0, lt=1)]
Hours = Annotated[float, Field(ge=0, le=24 * 90)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Errors(_Part):
    """Requests that the server failed to answer: no more than production has, and no more than the share `most`."""

    most: Share = 0.1


class Latency(_Part):
    """Answers slower than `limit` seconds: no more than production has, and no more than the share `most`; with 0.05,
    the limit is one for the p95."""

    limit: Annotated[float, Field(gt=0, le=600)] = 1.0
    most: Share = 0.05


class Disagreement(_Part):
    """The share of shadowed requests whose prediction differs from that of production."""

    most: Share


class Parity(_Part):
    """How far an output for a golden input may be, on this machine, from that of the build: relative to the larger of
    the output and 1."""

    most: Annotated[float, Field(gt=0, le=1)]


class Goal(_Part):
    """A metric of units that must not be worse than production's by more than `margin`."""

    metric: Metric
    better: Literal["higher", "lower"]
    margin: Annotated[float, Field(ge=0)] = 0.0


class Rules(_Part):
    """What takes a rollout back. Errors and latency are always judged."""

    errors: Errors = Errors()
    latency: Latency = Latency()
    disagreement: Disagreement | None = None
    parity: Parity | None = None
    goal: Goal | None = None


class Plan(_Part):
    """A rollout.

    `steps` are percentages of the units, the last one 100. At each step the canary needs `minimum_units` and
    `minimum_hours`, and `canary_duration_hours` before 100 %. A step that takes longer than `maximum_hours` is a pause.
    At 100 % the version is watched for `watch_hours`. `canary_success_threshold` is the least share of requests that
    succeed. `false_alarm` is the probability with which a version that is as good as production is taken back.
    `outcomes` are the metrics that somebody sends to POST /api/v1/outcomes.
    """

    steps: Annotated[tuple[float, ...], Field(min_length=1, max_length=20)] = (5.0, 20.0, 50.0, 80.0, 100.0)
    minimum_units: Annotated[int, Field(ge=1, le=10**9)] = 100
    minimum_hours: Hours = 1.0
    canary_duration_hours: Hours = 24.0
    maximum_hours: Annotated[float, Field(gt=0, le=24 * 90)] = 72.0
    watch_hours: Hours = 24.0
    canary_success_threshold: Share = 0.95
    false_alarm: Annotated[float, Field(ge=0.001, le=0.2)] = 0.05
    rules: Rules = Rules()
    outcomes: Annotated[tuple[Metric, ...], Field(max_length=20)] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        wrong = []
        if any(not 0 < one <= 100 for one in self.steps):
            wrong.append("steps are percentages above 0 and at most 100")
        elif list(self.steps) != sorted(set(self.steps)):
            wrong.append("steps grow, and none is there twice")
        elif self.steps[-1] != 100:
            wrong.append(f"the last step is {self.steps[-1]:g} %; it is 100, where the version gets production")
        if self.minimum_hours > self.maximum_hours:
            wrong.append(f"minimum_hours is {self.minimum_hours:g}, more than maximum_hours, {self.maximum_hours:g}")
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

    def after(self, share: float) -> float:
        """Return the step that follows a share."""
        return next(one for one in self.steps if one > share)

    def starting_at(self, share: float) -> "Plan":
        """Return this plan with another first step; the steps that are not above it are left out.

        Raises:
            ConfigError: it is not a percentage above 0 and below 100.
        """
        if not 0 < percent(share) < 100:
            raise ConfigError(f"a rollout starts between 0 and 100 %, not at {share:g} %")
        return self.model_copy(update={"steps": (float(share), *(one for one in self.steps if one > share))})

    def to_json(self) -> str:
        """Return it as one line of JSON, with all defaults: a later version of slipway may have others."""
        return self.model_dump_json(exclude_none=True)


def path_of(variant: str) -> Path:
    """Return the path of a variant's plan."""
    return FOLDER / f"{variant}.yaml"


def read(variant: str) -> Plan:
    """Return the plan of a variant: what its file says, or the defaults where there is none.

    Raises:
        ConfigError: the file has mistakes: all of them, each with its line.
    """
    path = path_of(variant)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return Plan()
    return definitions.parse(content, path.as_posix(), Plan)


def objections(plan: Plan, record: Record | None) -> list[str]:
    """Return why the rules of a plan cannot be judged for a variant; empty if they can.

    Args:
        plan: the plan.
        record: the release record of the variant; None if there is none yet.
    """
    goal = plan.rules.goal
    if goal is None or goal.metric in plan.outcomes:
        return []
    built_in = [CONFIDENCE] if record is None or _has_classes(record) else []
    if goal.metric in built_in:
        return []
    known = [*built_in, *plan.outcomes]
    return [
        f"rules.goal names {goal.metric}, which nobody reports: {_listed(known)}; a metric that is sent to "
        "POST /api/v1/outcomes is named in `outcomes`"
    ]


def _has_classes(record: Record) -> bool:
    return bool(record.spec.get("classes"))


def _listed(known: Sequence[str]) -> str:
    return f"there are {', '.join(known)}" if known else "the log has none for this variant"
