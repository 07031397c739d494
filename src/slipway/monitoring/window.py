"""What a model was asked in a window of time, from its log."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from slipway.core.errors import ConfigError
from slipway.monitoring.counts import Counts, count
from slipway.traffic import reading

ANSWERED = "answered"
FAILED = ("overload", "deadline", "failed")
"""What became of requests that the server did not answer, as its measures name it."""
OUTCOMES = (ANSWERED, "refused", *FAILED, "gone")


@dataclass(frozen=True)
class Window:
    """The requests to a model.

    Attributes:
        start, end: the times of the window.
        requests: a row for each, in the order of their time: the columns of the table of predictions
            (`slipway.traffic.tables`), with `unit` never missing, and `outcome`, one of `OUTCOMES`.
    """

    start: datetime
    end: datetime
    requests: pd.DataFrame

    @property
    def answered(self) -> pd.DataFrame:
        """The requests that were answered."""
        return self.requests[self.requests["outcome"] == ANSWERED]

    def by_unit(self, mine: np.ndarray, among: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return for each unit [units] the number of requests that are `mine` [n], and of those that are `among`."""
        codes, names = pd.factorize(self.requests["unit"])
        among = np.ones(len(codes), bool) if among is None else among
        counted = [np.bincount(codes[one], minlength=len(names)).astype(float) for one in (mine & among, among)]
        return counted[0], counted[1]

    def counts(self, classes: Sequence[str]) -> Counts:
        """Return what the answers say, summed by unit; see `slipway.monitoring.counts.count`."""
        logged = self.requests[self.requests["predictions"].notna()]
        return count(logged["predictions"].map(json.loads), logged["unit"], classes)


def read(logs: Path, model: str, version: str | None, end: datetime, days: float) -> Window:
    """Return the requests to a version of a model, or with None to all of them, in the days before `end`.

    A request that does not say who asks is a unit of its own.

    Raises:
        ConfigError: there is no such folder of logs.
        DataError: a table is damaged.
    """
    if not logs.is_dir():
        raise ConfigError(f"{logs}: no such folder; give --logs the folder of `slipway serve --log`")
    start = end - timedelta(days=days)
    found = reading.predictions(logs, model, start, end)
    if version is not None:
        found = found[found["model_version"] == version].reset_index(drop=True)
    unit = found["unit"].where(found["unit"].notna(), "request " + found["request_id"])
    return Window(start, end, found.assign(unit=unit, outcome=_outcomes(found["status"].to_numpy(int))))


def _outcomes(status: np.ndarray) -> np.ndarray:
    """What became of requests with a status [n], as the measures of the server count it."""
    kinds = [status < 400, status == 429, status == 504, status == 499, status < 500]
    return np.select(kinds, [ANSWERED, "overload", "deadline", "gone", "refused"], "failed")
