"""The counts and sums of an experiment: all that its verdict follows from, small enough for a tag.

{"units": {"control": 1012, "night": 988}, "crossed": 0, "a_day": 480.5, "days": 4.2,
 "metrics": {"satisfaction": {"night": {"control": [1000, 412, 412], "treatment": [1000, 455, 455],
                                        "events": true, "ended": true}}}}
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field, TypeAdapter

from slipway.experiments.definition import Definition
from slipway.experiments.observations import Observations
from slipway.records.verdict import STRICT
from slipway.statistics.moments import Sums

Count = Annotated[int, Field(ge=0, le=10**12)]


@dataclass(frozen=True)
class Comparison:
    """The sums of a metric in the control and in a treatment: units, total, and sum of squares of their values.

    `events`: whether each value is 0 or 1. `ended`: whether these are the sums of the planned sample, which decides;
    later units are left out.
    """

    __pydantic_config__ = STRICT

    control: tuple[Count, float, float]
    treatment: tuple[Count, float, float]
    events: bool
    ended: bool

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
    """

    __pydantic_config__ = STRICT

    units: dict[str, Count]
    crossed: Count
    days: Annotated[float, Field(ge=0)]
    a_day: Annotated[float, Field(ge=0)]
    metrics: dict[str, dict[str, Comparison]]
    late: Count = 0

    def to_json(self) -> str:
        """Return it as one line of JSON."""
        return _EVIDENCE.dump_json(self).decode()


_EVIDENCE: TypeAdapter[Evidence] = TypeAdapter(Evidence)


def parse(content: str) -> Evidence:
    """Return what `Evidence.to_json` wrote.

    Raises:
        pydantic.ValidationError: it is not of this form.
    """
    return _EVIDENCE.validate_json(content)


def count(definition: Definition, observed: Observations, began: datetime, now: datetime) -> Evidence:
    """Return the counts and sums of what the units did.

    Args:
        definition: the experiment.
        observed: the value of each metric for each unit.
        began: the start of the experiment.
        now: the time of the look.
    """
    units = observed.units
    days = max((now - began).total_seconds() / 86_400, 0.0)
    recent = int((units["first"] > now - pd.Timedelta(days=1)).sum())
    return Evidence(
        units={arm: int((units["arm"] == arm).sum()) for arm in definition.arms},
        crossed=observed.crossed,
        days=round(days, 4),
        a_day=round(recent / min(days, 1.0), 2) if days else 0.0,
        metrics={
            name: {arm: _compare(definition, units, name, arm) for arm in definition.treatments}
            for name in definition.metrics
        },
        late=observed.late,
    )


def _compare(definition: Definition, units: pd.DataFrame, metric: str, arm: str) -> Comparison:
    """The sums of a metric over the first units in which both arms reach the minimum sample, or over all so far."""
    known = units[units["arm"].isin((definition.control, arm)) & units[metric].notna()]
    treated, values = (known["arm"] == arm).to_numpy(), known[metric].to_numpy(float)
    fewest = np.minimum(treated.cumsum(), (~treated).cumsum())
    ended = bool(len(fewest) and fewest[-1] >= definition.minimum_sample)
    if ended and definition.metrics[metric].role == "goal":
        last = int(np.searchsorted(fewest, definition.minimum_sample)) + 1
        treated, values = treated[:last], values[:last]
    return Comparison(
        control=_sums(values[~treated]),
        treatment=_sums(values[treated]),
        events=bool(len(values)) and bool(np.isin(values, (0.0, 1.0)).all()),
        ended=ended,
    )


def _sums(values: np.ndarray) -> tuple[int, float, float]:
    found = Sums.of_values(values)
    return len(values), float(found.total), float(found.squares)
