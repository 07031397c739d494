"""What the units of an experiment did: one value of each metric for each unit, from the logs.

A unit belongs to the arm of its first exposure. What it did counts from then on, for the window of the metric; a unit
whose window has not ended does not count yet, so that its value never changes. Units that were seen in two arms are
left out.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd

from slipway.experiments.definition import LOGGED, Definition, Metric
from slipway.traffic import answers

FAILED = 500
"""The least status of a request that the server failed to answer."""
UNKNOWN = 0
"""The status of a request of which is not known yet whether it fails."""


@dataclass(frozen=True)
class Observations:
    """The units of an experiment.

    Attributes:
        units: a row for each unit, in the order of first exposure: `unit`, `arm`, `share` (the probability with which
            it got this arm), `first` (the time), and a column for each metric with its value, NaN where it has none or
            does not count yet.
        crossed: the number of units that were seen in two arms.
        late: the number of outcomes after the window of their unit, which do not count.
    """

    units: pd.DataFrame
    crossed: int
    late: int = 0


def observe(definition: Definition, exposures: pd.DataFrame, outcomes: pd.DataFrame, now: datetime) -> Observations:
    """Return what the units of an experiment did until now.

    Args:
        definition: the experiment.
        exposures: its records of predictions (`slipway.traffic.reading.exposures`).
        outcomes: all outcomes (`slipway.traffic.reading.outcomes`).
        now: the time of the look; later records do not count.
    """
    exposures = exposures[(exposures["time"] <= now) & exposures["arm"].isin(list(definition.arms))].copy()
    if definition.unit == "request":
        exposures["unit"] = exposures["request_id"]
    exposures = exposures[exposures["unit"].notna()]
    grouped = exposures.groupby("unit", sort=False)
    crossed = grouped["arm"].nunique() > 1
    units = grouped.agg(arm=("arm", "first"), share=("share", "first"), first=("time", "min"))[~crossed].reset_index()
    units = units.sort_values(["first", "unit"], ignore_index=True)
    exposures = exposures.merge(units[["unit", "first"]], on="unit")
    late = 0
    for name, metric in definition.metrics.items():
        if name in LOGGED:
            values = exposures[["unit", "first", "time"]].assign(value=_LOGGED[name](exposures))
        else:
            values = _outcomes(name, exposures, outcomes[outcomes["time"] <= now])
            late += int((values["time"] > values["first"] + pd.Timedelta(hours=metric.window_hours)).sum())
        units[name] = _of_units(metric, units, values, now)
    return Observations(units, int(crossed.sum()), late)


def _of_units(metric: Metric, units: pd.DataFrame, values: pd.DataFrame, now: datetime) -> np.ndarray:
    """The value of a metric for each unit [n], from single values with the columns unit, first, time and value."""
    window = pd.Timedelta(hours=metric.window_hours)
    values = values[(values["time"] >= values["first"]) & (values["time"] <= values["first"] + window)]
    grouped = values.dropna(subset="value").groupby("unit")["value"]
    match metric.of_unit:
        case "mean":
            found = units["unit"].map(grouped.mean())
        case "sum":
            found = units["unit"].map(grouped.sum()).fillna(0.0)
        case "any":
            found = units["unit"].map(grouped.apply(lambda one: float((one != 0).any()))).fillna(0.0)
    ended = units["first"] + window <= now
    return np.asarray(found.where(ended).to_numpy(float))


def _outcomes(name: str, exposures: pd.DataFrame, outcomes: pd.DataFrame) -> pd.DataFrame:
    """The outcomes of a metric with the unit and its first exposure; of several with the same key the last one."""
    mine = outcomes[outcomes["metric"] == name]
    by_request = mine[mine["request_id"].notna()].drop(columns="unit")
    by_request = by_request.merge(
        exposures[["request_id", "unit", "first"]].drop_duplicates("request_id"), on="request_id"
    )
    by_unit = mine[mine["request_id"].isna()].merge(exposures[["unit", "first"]].drop_duplicates("unit"), on="unit")
    found = pd.concat([one for one in (by_request, by_unit) if len(one)] or [by_unit], ignore_index=True)
    found = found.sort_values("time", kind="stable")
    keyed = found["key"].notna() | found["request_id"].notna()
    return pd.concat(
        [found[keyed].drop_duplicates(["unit", "request_id", "key"], keep="last"), found[~keyed]], ignore_index=True
    )


def _errors(exposures: pd.DataFrame) -> pd.Series:
    return (exposures["status"] >= FAILED).astype(float).where(exposures["status"] != UNKNOWN)


def _seconds(exposures: pd.DataFrame) -> pd.Series:
    return exposures["inference_time"].astype(float)


def _confidence(exposures: pd.DataFrame) -> pd.Series:
    return exposures["predictions"].map(_mean_confidence, na_action="ignore").astype(float)


def _mean_confidence(predictions: str) -> float:
    return answers.mean_confidence(json.loads(predictions))


_LOGGED: dict[str, Callable[[pd.DataFrame], pd.Series]] = {
    "confidence": _confidence,
    "inference_time": _seconds,
    "errors": _errors,
}
