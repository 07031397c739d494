"""Verdicts: the outcome of each rule, and of all rules together."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pydantic import ConfigDict

Outcome = Literal["pass", "hold", "fail"]
Kind = Literal["bound", "conversion", "baseline"]
STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, frozen=True)
"""Text is not converted to a number, nor a number to a boolean; infinite numbers and unknown keys are errors."""
_WORSE: dict[Outcome, int] = {"pass": 0, "hold": 1, "fail": 2}


@dataclass(frozen=True)
class Judgement:
    """The outcome of one rule, with its bounds, the measured value and the reason.

    For a `conversion` or `baseline` rule, `max` is the largest permitted loss, and `value`, `low` and `high` are the
    loss. `of` names the class or group that the rule applies to, None for all examples. `relative` means that the loss
    is a share of the other model's score.
    """

    __pydantic_config__ = STRICT

    kind: Kind
    metric: str
    of: str | None
    min: float | None
    max: float | None
    value: float | None
    low: float | None
    high: float | None
    verdict: Outcome
    reason: str
    relative: bool = False

    @property
    def subject(self) -> str:
        """The metric of the rule, with its class or group if it has one."""
        return self.metric if self.of is None else f"{self.metric} of {self.of}"


@dataclass(frozen=True)
class Verdict:
    """The worst outcome, and the outcome of each rule: bounds first, then the other kinds, sorted by metric."""

    __pydantic_config__ = STRICT

    verdict: Outcome
    rules: tuple[Judgement, ...]

    @classmethod
    def of(cls, rules: Sequence[Judgement]) -> "Verdict":
        """Return the verdict over some rules; a pass if there are none."""
        return cls(worst([rule.verdict for rule in rules]), tuple(rules))

    def to_json(self) -> dict[str, Any]:
        """Return JSON values: {"verdict", "rules": [{"kind", "metric", "of", "min", "max", "value", "low", ...}]}."""
        return {"verdict": self.verdict, "rules": [asdict(rule) for rule in self.rules]}


def worst(outcomes: Sequence[Outcome]) -> Outcome:
    """Return the worst of several outcomes: fail, then hold, then pass; a pass if there are none."""
    return max(outcomes, key=_WORSE.__getitem__, default="pass")


Figures = Mapping[str, float | None]
"""`value`, and `low` and `high` if there is an interval."""
