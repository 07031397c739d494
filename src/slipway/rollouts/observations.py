"""What the units of a rollout did, from the logs: those of today, and the tables of past days."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from slipway.rollouts.evidence import CANARY, Counting, Exposure
from slipway.rollouts.history import Rollout
from slipway.traffic import answers, reading


def count(rollout: Rollout, logs: Path) -> Counting:
    """Return what was counted so far.

    Args:
        rollout: the rollout.
        logs: the folder of the logs of `slipway serve`; it need not be there.
    """
    counting = Counting(rollout.plan)
    exposures = reading.exposures(logs, rollout.subject)
    canary = exposures["share"].where(exposures["arm"] == CANARY, 1 - exposures["share"]).round(8)
    # by step before time, since a clock that was put back would mix the steps
    for row in _rows(exposures.loc[canary.sort_values(kind="stable").index]):
        predictions = None if not isinstance(row.predictions, str) else json.loads(row.predictions)
        one = exposure(row.request_id, row.unit, row.arm, row.share, row.status, row.seconds, predictions)
        counting.expose(one)
    for row in _rows(reading.outcomes(logs)):
        counting.report(row.metric, row.value, _text(row.request_id), _text(row.unit))
    return counting


def exposure(
    request_id: str, unit: Any, arm: str, share: float, status: int, seconds: float, predictions: list[Any] | None
) -> Exposure:
    """Return an exposure from the fields of a record; a request without a unit is one itself."""
    confidence = None if predictions is None else answers.mean_confidence(predictions)
    known = confidence if confidence is not None and math.isfinite(confidence) else None
    return Exposure(request_id, _text(unit) or request_id, arm, share, status, seconds, known)


def _rows(frame: pd.DataFrame) -> Iterator[Any]:
    yield from frame.itertuples(index=False)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
