"""How a model performs on its traffic: requests, failures, times, confidence, and the share of each class.

Percentiles are exact: the least time within which that share of the requests was answered.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from slipway.monitoring.counts import Counts
from slipway.monitoring.limits import SLOW_SECONDS
from slipway.monitoring.window import FAILED, OUTCOMES, Window
from slipway.records.release import Record
from slipway.statistics import ratio_intervals
from slipway.statistics.ratio_intervals import Estimate

PERCENTILES = (50, 95, 99)
Figures = dict[str, float | None]


@dataclass(frozen=True)
class Performance:
    """The figures of a window; times are in milliseconds, and None where nothing was measured.

    Attributes:
        start, end: the times of the window.
        first, last: the times of its first and last request.
        outcomes: the number of requests by what became of them (`slipway.monitoring.window.OUTCOMES`).
        units: the number of those who asked.
        examples: the number of predicted examples.
        requests_per_second: the requests after the first one, by the time from it until the end of the window.
        error_rate: the share of requests that failed.
        slow_rate: the share of answers that took longer than `SLOW_SECONDS`.
        latency: of answered requests, mean and percentiles, from the request to its answer.
        inference: the same for the model with its pre- and postprocessing.
        confidence: the mean confidence of an example.
        class_shares: the share of examples whose answer names a class.
        positive: the class whose share is the detection rate; None if there is none.
    """

    start: datetime
    end: datetime
    first: datetime | None
    last: datetime | None
    outcomes: Mapping[str, int]
    units: int
    examples: int
    requests_per_second: float | None
    error_rate: Estimate
    slow_rate: Estimate
    latency: Figures
    inference: Figures
    confidence: Estimate
    class_shares: Mapping[str, Estimate]
    positive: str | None

    @property
    def requests(self) -> int:
        """The number of requests."""
        return sum(self.outcomes.values())

    def to_json(self) -> dict[str, Any]:
        """Return JSON values, also under the names that the systems behind the variants use."""
        shares = {name: figures(one) for name, one in self.class_shares.items()}
        rate = (
            {} if self.positive is None else {f"{slug(self.positive)}_detection_rate": shares[self.positive]["value"]}
        )
        return {
            "from": written(self.start),
            "until": written(self.end),
            "first": written(self.first),
            "last": written(self.last),
            "requests": self.requests,
            "outcomes": dict(self.outcomes),
            "units": self.units,
            "total_inferences": self.examples,
            "requests_per_second": self.requests_per_second,
            "error_rate": figures(self.error_rate),
            "slow_rate": figures(self.slow_rate),
            "latency_ms": self.latency,
            "inference_ms": self.inference,
            "avg_inference_time_ms": self.inference["mean"],
            "confidence": figures(self.confidence),
            "avg_confidence": figures(self.confidence)["value"],
            "class_shares": shares,
            **rate,
        }


def measure(window: Window, counts: Counts, positive: str | None = None) -> Performance:
    """Return the figures of a window.

    Args:
        window: the requests.
        counts: what their answers say.
        positive: the class whose share is the detection rate; None if there is none.
    """
    requests, answered = window.requests, window.answered
    outcome = requests["outcome"].to_numpy(str)
    failed, slow = np.isin(outcome, FAILED), (requests["seconds"] > SLOW_SECONDS).to_numpy(bool)
    first, last = (requests["time"].iloc[at].to_pydatetime() if len(requests) else None for at in (0, -1))
    passed = (window.end - first).total_seconds() if first is not None else 0.0
    return Performance(
        start=window.start,
        end=window.end,
        first=first,
        last=last,
        outcomes={name: int((outcome == name).sum()) for name in OUTCOMES},
        units=int(requests["unit"].nunique()),
        examples=int(answered["examples"].sum()),
        requests_per_second=(len(requests) - 1) / passed if passed > 0 else None,
        error_rate=ratio_intervals.share(*window.by_unit(failed)),
        slow_rate=ratio_intervals.share(*window.by_unit(slow, outcome == "answered")),
        latency=_milliseconds(answered["seconds"]),
        inference=_milliseconds(answered["inference_time"].dropna()),
        confidence=counts.mean_confidence(),
        class_shares={name: counts.share(name) for name in counts.classes},
        positive=positive,
    )


def classes(record: Record) -> Sequence[str]:
    """Return the classes that answers of a release name; empty if its task decides between no classes."""
    return list(record.spec["outputs"]) if record.classes else []


def positive(record: Record) -> str | None:
    """Return the class whose share is the detection rate: of two classes the one that the variant lists first, or the
    only kind of object; None if there is none."""
    several = record.spec["objective"] == "multilabel" or len(record.classes) > 2
    return None if several or not record.classes else str(record.spec["outputs"][0])


def slug(name: str) -> str:
    """Return a class as a part of a name."""
    return re.sub(r"\W+", "_", name).strip("_")


def figures(found: Estimate) -> dict[str, float | None]:
    """Return an estimate as JSON values, None for what is not known."""
    return {end: _finite(getattr(found, end)) for end in ("value", "low", "high")}


def written(time: datetime | None) -> str | None:
    """Return a time as in the log."""
    return None if time is None else time.isoformat().replace("+00:00", "Z")


def _milliseconds(seconds: pd.Series) -> Figures:
    values = 1e3 * seconds.to_numpy(float)
    if not len(values):
        return dict.fromkeys(("mean", *(f"p{one}" for one in PERCENTILES)))
    found = np.percentile(values, PERCENTILES, method="inverted_cdf")
    percentiles = {f"p{one}": _rounded(value) for one, value in zip(PERCENTILES, found, strict=True)}
    return {"mean": _rounded(values.mean()), **percentiles}


def _rounded(milliseconds: float) -> float:
    """A time to nanoseconds: what is below it is rounding."""
    return round(float(milliseconds), 6)


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
