"""The counts and sums of an experiment: all that its verdict follows from, small enough for a tag.

{"units": {"control": 1012, "night": 988}, "crossed": 0, "a_day": 480.5, "days": 4.2,
 "metrics": {"satisfaction": {"night": {"control": [1000, 412, 412], "treatment": [1000, 455, 455],
                                        "events": true, "ended": true}}}}

Those of a bandit stand by periods too: with its shares in each, its estimates and the test of its split follow.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field, TypeAdapter

from slipway.experiments import bandit
from slipway.experiments.bandit import Update
from slipway.experiments.definition import Definition
from slipway.experiments.observations import Observations
from slipway.records.verdict import STRICT
from slipway.statistics.moments import Sums

Count = Annotated[int, Field(ge=0, le=10**12)]
Triple = tuple[Count, float, float]
"""Units, total, and sum of squares of their values."""


@dataclass(frozen=True)
class Period:
    """The shares of the arms of a bandit, in the order of the definition, and the units that got each arm by them."""

    __pydantic_config__ = STRICT

    shares: tuple[Annotated[float, Field(gt=0, le=1)], ...]
    units: tuple[Count, ...]


@dataclass(frozen=True)
class Comparison:
    """The sums of a metric in the control and in a treatment: units, total, and sum of squares of their values.

    `events`: whether each value is 0 or 1. `ended`: whether these are the sums of the planned sample, which decides;
    later units are left out. `periods`: of a bandit, those of control and treatment in each of its periods.
    """

    __pydantic_config__ = STRICT

    control: Triple
    treatment: Triple
    events: bool
    ended: bool
    periods: tuple[tuple[Triple, Triple], ...] = ()

    def sums(self) -> tuple[Sums, Sums]:
        """Return the sums of control and treatment."""
        one, other = (
            Sums(float(units), total, squares, self.events) for units, total, squares in (self.control, self.treatment)
        )
        return one, other


@dataclass(frozen=True)
class Evidence:
    """What was counted.

    Attributes:
        units: the number of units of each arm.
        crossed: the units that were seen in two arms, which are in none of these.
        days: how long the experiment has run.
        a_day: new units a day, over the last day or, if it is younger, since its start.
        metrics: for each metric, the comparison of each treatment with the control.
        late: outcomes that came after the window of their unit, which are in none of these.
        periods: of a bandit, its shares, each with the units that got their arms by them.
    """

    __pydantic_config__ = STRICT

    units: dict[str, Count]
    crossed: Count
    days: Annotated[float, Field(ge=0)]
    a_day: Annotated[float, Field(ge=0)]
    metrics: dict[str, dict[str, Comparison]]
    late: Count = 0
    periods: tuple[Period, ...] = ()

    def to_json(self) -> str:
        """Return it as one line of JSON."""
        return _EVIDENCE.dump_json(self, exclude_defaults=True).decode()


_EVIDENCE: TypeAdapter[Evidence] = TypeAdapter(Evidence)


def parse(content: str) -> Evidence:
    """Return what `Evidence.to_json` wrote.

    Raises:
        pydantic.ValidationError: it is not of this form.
    """
    return _EVIDENCE.validate_json(content)


def count(
    definition: Definition, observed: Observations, began: datetime, now: datetime, updates: Sequence[Update] = ()
) -> Evidence:
    """Return the counts and sums of what the units did.

    Args:
        definition: the experiment.
        observed: the value of each metric for each unit.
        began: the start of the experiment.
        now: the time of the look.
        updates: the log of weights of a bandit (`slipway.experiments.bandit.read`).

    Raises:
        DataError: a unit of a bandit has a share that is not in its log.
    """
    units = observed.units
    days = max((now - began).total_seconds() / 86_400, 0.0)
    recent = int((units["first"] > now - pd.Timedelta(days=1)).sum())
    found: tuple[Period, ...] = ()
    if definition.bandit is not None:
        times = units["first"].dt.tz_convert(None).to_numpy("datetime64[us]")
        arm = pd.Index(list(definition.arms)).get_indexer(pd.Index(units["arm"]))
        each, period = bandit.periods(definition, updates, arm, units["share"].to_numpy(float), times)
        units = units.assign(period=period)
        counts = np.zeros((len(each), len(definition.arms)), int)
        np.add.at(counts, (period, arm), 1)
        found = tuple(Period(shares, tuple(of)) for shares, of in zip(each, counts.tolist(), strict=True))
    return Evidence(
        units={arm: int((units["arm"] == arm).sum()) for arm in definition.arms},
        crossed=observed.crossed,
        days=round(days, 4),
        a_day=round(recent / min(days, 1.0), 2) if days else 0.0,
        metrics={
            name: {arm: _compare(definition, units, name, arm, len(found)) for arm in definition.treatments}
            for name in definition.metrics
        },
        late=observed.late,
        periods=found,
    )


def _compare(definition: Definition, units: pd.DataFrame, metric: str, arm: str, periods: int) -> Comparison:
    """The sums of a metric over the first units, until the minimum sample is reached, or over all so far.

    It is reached when both arms have it; in a bandit, when all arms together have as many units as without a bandit:
    when one of its arms has them depends on the rewards.
    """
    known = units[units[metric].notna()]
    if definition.bandit is None:
        known = known[known["arm"].isin((definition.control, arm))]
        fewest, needed = _fewest(known["arm"] == arm), definition.minimum_sample
    else:
        fewest, needed = np.arange(1, len(known) + 1), definition.planned(*definition.arms)
    ended = bool(len(fewest) and fewest[-1] >= needed)
    if ended and definition.metrics[metric].role == "goal":
        known = known[: int(np.searchsorted(fewest, needed)) + 1]
    values = known[metric].to_numpy(float)
    of_control, of_arm = ((known["arm"] == one).to_numpy() for one in (definition.control, arm))
    of_periods: tuple[tuple[Triple, Triple], ...] = ()
    if periods:
        period = known["period"].to_numpy(int)
        of_periods = tuple(
            zip(*(_each(values[one], period[one], periods) for one in (of_control, of_arm)), strict=True)
        )
    return Comparison(
        control=_sums(values[of_control]),
        treatment=_sums(values[of_arm]),
        events=bool(len(values)) and bool(np.isin(values, (0.0, 1.0)).all()),
        ended=ended,
        periods=of_periods,
    )


def _each(values: np.ndarray, period: np.ndarray, periods: int) -> list[Triple]:
    """The sums of values [n] by the period [n] of their units."""
    of_values = (np.bincount(period, one, periods).tolist() for one in (np.ones(len(values)), values, values**2))
    return [(int(units), total, squares) for units, total, squares in zip(*of_values, strict=True)]


def _fewest(treated: pd.Series) -> np.ndarray:
    """The units of the smaller arm, after each of the units [n]."""
    one = treated.to_numpy()
    return np.asarray(np.minimum(one.cumsum(), (~one).cumsum()))


def _sums(values: np.ndarray) -> Triple:
    found = Sums.of_values(values)
    return len(values), float(found.total), float(found.squares)
