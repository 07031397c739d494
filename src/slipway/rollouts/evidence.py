"""The counts of a rollout: all that a decision about it follows from, small enough for a tag.

Units are drawn into the canary, so units count, not requests (`slipway.statistics.rare_events` says how a unit counts
that is seen in several steps). A cell of an event is the step in which it was counted, and the step before in which
the same units counted last, as units of production.
"""

from collections import OrderedDict
from dataclasses import dataclass
from hashlib import blake2b
from typing import Annotated

from pydantic import Field, TypeAdapter

from slipway.records.verdict import STRICT
from slipway.rollouts.plan import Plan
from slipway.statistics.rare_events import share_of_rest

CANARY, PRODUCTION = "canary", "production"
FAILED = 500
"""The least status of a request that the server failed to answer."""
MOST_REQUESTS = 200_000
"""The requests whose unit is remembered, for what is reported of a request later."""
AGREEMENT = "agreement"
"""The metric of shadowed requests: 1 where the prediction is that of production."""
Count = Annotated[int, Field(ge=0, le=10**12)]
Probability = Annotated[float, Field(gt=0, lt=1)]
Sums = tuple[Count, float, float]
"""Units, total, and sum of squares of their values."""


@dataclass(frozen=True)
class Step:
    """The units that were seen at a share, in percent, of canary and production."""

    __pydantic_config__ = STRICT

    share: float
    canary: Count
    production: Count


@dataclass(frozen=True)
class Event:
    """How many units had an event, such as an error.

    `cells`: for each cell the probability that a unit is the canary's, and the units with the event of canary and
    production. `first`: how many of the canary's units had it at their first request of a step, and how many there are.
    """

    __pydantic_config__ = STRICT

    cells: tuple[tuple[Probability, Count, Count], ...]
    first: tuple[Count, Count]


@dataclass(frozen=True)
class Evidence:
    """What was counted.

    Attributes:
        hours: since the share is what it is, and since the start.
        steps: the units at each share.
        errors: requests that the server failed to answer.
        slow: answers slower than the limit of the plan.
        disagreements: shadowed units whose prediction differs from production's, and all shadowed units.
        parity: the largest relative difference of an output for golden inputs; None where it is not known.
        goal: at each share, the sums of the goal in production and in the canary; empty without a goal.
    """

    __pydantic_config__ = STRICT

    hours: tuple[float, float]
    steps: tuple[Step, ...]
    errors: Event
    slow: Event
    disagreements: tuple[Count, Count] = (0, 0)
    parity: float | None = None
    goal: tuple[tuple[Sums, Sums], ...] = ()

    def to_json(self) -> str:
        """Return it as one line of JSON."""
        return _EVIDENCE.dump_json(self).decode()

    def units(self, share: float) -> int:
        """Return the canary's units that were seen at a share, in percent."""
        return next((one.canary for one in self.steps if one.share == share), 0)


_EVIDENCE: TypeAdapter[Evidence] = TypeAdapter(Evidence)


def parse(content: str) -> Evidence:
    """Return what `Evidence.to_json` wrote.

    Raises:
        pydantic.ValidationError: it is not of this form.
    """
    return _EVIDENCE.validate_json(content)


@dataclass(frozen=True, slots=True)
class Exposure:
    """A request that took part in a rollout.

    `unit` is who asked, by its name in the logs, or the request; `arm` is canary or production, `share` the probability
    of this arm, `seconds` the time to the answer, and `confidence` that of the prediction, None where there is none.
    """

    request_id: str
    unit: str
    arm: str
    share: float
    status: int
    seconds: float
    confidence: float | None = None


class Counting:
    """Counts what the units of a rollout did, request by request, in the order of time.

    It remembers each unit: about 200 bytes, so 200 MB for a million units.
    """

    def __init__(self, plan: Plan) -> None:
        self._limit = plan.rules.latency.limit
        self._goal = plan.rules.goal.metric if plan.rules.goal is not None else None
        self._shares: list[float] = []
        self._units: list[list[int]] = []
        self._seen: dict[int, int] = {}
        self._errors, self._slow = _Counted(), _Counted()
        self._requests: OrderedDict[str, int] = OrderedDict()
        self._shadowed: dict[int, bool] = {}
        self._arms: dict[int, tuple[int, bool]] = {}
        self._values: dict[int, tuple[int, float]] = {}

    def expose(self, one: Exposure) -> None:
        """Count a request."""
        inside, unit = one.arm == CANARY, _number(one.unit)
        step = self._step(round(100 * (one.share if inside else 1 - one.share), 6))
        before = self._seen.get(unit, -1)
        if step is None or before > step:
            return  # written by a worker that was a moment behind
        if self._goal is not None:
            self._arms.setdefault(unit, (step, inside))
        self._requests[one.request_id] = unit
        if len(self._requests) > MOST_REQUESTS:
            self._requests.popitem(last=False)
        first = before < step
        if first:
            self._seen[unit] = step
            self._units[step][not inside] += 1
        self._errors.count(unit, step, inside, first, one.status >= FAILED)
        self._slow.count(unit, step, inside, first, one.seconds > self._limit)
        if self._goal == "confidence" and one.confidence is not None:
            self._add(unit, one.confidence)

    def report(self, metric: str, value: float, request_id: str | None, unit: str | None) -> None:
        """Count an outcome, of a request or of a unit; one of whom nothing is known is left out."""
        number = self._requests.get(request_id) if request_id is not None else _number(unit or "")
        if number is None or number not in self._seen:
            return
        if metric == AGREEMENT:
            self._shadowed.setdefault(number, value < 1)
        if metric == self._goal:
            self._add(number, value)

    def evidence(self, hours: tuple[float, float], parity: float | None) -> Evidence:
        """Return what was counted so far; arguments as the fields of `Evidence`."""
        steps = [
            Step(share, canary, production)
            for share, (canary, production) in zip(self._shares, self._units, strict=True)
        ]
        return Evidence(
            hours=(round(hours[0], 4), round(hours[1], 4)),
            steps=tuple(steps),
            errors=self._errors.event(self._shares),
            slow=self._slow.event(self._shares),
            disagreements=(sum(self._shadowed.values()), len(self._shadowed)),
            parity=parity,
            goal=() if self._goal is None else tuple(self._sums(at) for at in range(len(steps))),
        )

    def _step(self, share: float) -> int | None:
        """The number of the step with a share; None for one that came before the current one and was not seen."""
        if share in self._shares:
            return self._shares.index(share)
        if self._shares and share < self._shares[-1]:
            return None
        self._shares.append(share)
        self._units.append([0, 0])
        return len(self._shares) - 1

    def _add(self, unit: int, value: float) -> None:
        count, total = self._values.get(unit, (0, 0.0))
        self._values[unit] = count + 1, total + value

    def _sums(self, step: int) -> tuple[Sums, Sums]:
        """The sums of the means of units that were seen first at a step, of production and of the canary."""
        found = {False: [0, 0.0, 0.0], True: [0, 0.0, 0.0]}
        for unit, (count, total) in self._values.items():
            at, inside = self._arms.get(unit, (-1, False))
            if at == step:
                mean, sums = total / count, found[inside]
                sums[0], sums[1], sums[2] = sums[0] + 1, sums[1] + mean, sums[2] + mean * mean
        (few, total, squares), (others, theirs, squared) = found[False], found[True]
        return (int(few), total, squares), (int(others), theirs, squared)


class _Counted:
    """Counts the units with an event."""

    def __init__(self) -> None:
        self._last: dict[int, int] = {}
        self._cells: dict[tuple[int, int], list[int]] = {}
        self._first = [0, 0]

    def count(self, unit: int, step: int, inside: bool, first: bool, occurred: bool) -> None:
        if first and inside:
            self._first[0] += occurred
            self._first[1] += 1
        if not occurred:
            return
        before = self._last.get(unit, -1)
        if before >= step or before == _INSIDE:
            return
        self._cells.setdefault((step, before), [0, 0])[not inside] += 1
        self._last[unit] = _INSIDE if inside else step

    def event(self, shares: list[float]) -> Event:
        cells = []
        for (step, before), (canary, production) in sorted(self._cells.items()):
            share = shares[step] / 100
            fresh = share if before < 0 else share_of_rest(share, shares[before] / 100)
            if fresh < 1:
                cells.append((fresh, canary, production))
        return Event(tuple(cells), (self._first[0], self._first[1]))


_INSIDE = 1 << 30
"""The step of a unit that counted in the canary, where it stays."""


def _number(unit: str) -> int:
    return int.from_bytes(blake2b(unit.encode(), digest_size=8).digest(), "big")
