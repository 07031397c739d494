"""Verdicts: what became of each rule, and of all of them together."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pydantic import ConfigDict

Outcome = Literal["pass", "hold", "fail"]
Kind = Literal["bound", "conversion", "baseline"]
STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, frozen=True)
"""Text is not read as a number, nor a number as a truth value; no number is infinite; no key is unknown."""
_WORSE: dict[Outcome, int] = {"pass": 0, "hold": 1, "fail": 2}


@dataclass(frozen=True)
class Judgement:
    """One rule's outcome: its bounds, what was measured, and why.

    Of a `conversion` or `baseline` rule `max` is the most that may be lost, and value, low and high are what was. `of`
    names the class or the group that the rule is on, None where it is on all examples; `relative` says that a loss is a
    share of what the other model has.
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
        """What the rule is on: its metric, and the class or group if it is on one."""
        return self.metric if self.of is None else f"{self.metric} of {self.of}"


@dataclass(frozen=True)
class Verdict:
    """The worst outcome, and every rule's own: bounds first, each in the order of the metrics' names."""

    __pydantic_config__ = STRICT

    verdict: Outcome
    rules: tuple[Judgement, ...]

    @classmethod
    def of(cls, rules: Sequence[Judgement]) -> "Verdict":
        """The verdict over some rules; a pass where there are none."""
        return cls(worst([rule.verdict for rule in rules]), tuple(rules))

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values: {"verdict", "rules": [{"kind", "metric", "of", "min", "max", "value", "low", ...}]}."""
        return {"verdict": self.verdict, "rules": [asdict(rule) for rule in self.rules]}


def worst(outcomes: Sequence[Outcome]) -> Outcome:
    """The worst of several outcomes: fail, then hold, then pass; a pass where there are none."""
    return max(outcomes, key=_WORSE.__getitem__, default="pass")


Figures = Mapping[str, float | None]
"""`value`, and where there is an interval `low` and `high`."""
