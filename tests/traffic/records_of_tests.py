"""Records for tests."""

from dataclasses import replace
from datetime import UTC, datetime

from slipway.traffic.records import Prediction

MOMENT = datetime(2026, 1, 31, 8, 0, 0, 1250, UTC)
RECORD = Prediction(
    time=MOMENT,
    request_id="r1",
    model="shot",
    model_version="v1.2.0",
    unit=None,
    status=200,
    problem=None,
    examples=1,
    seconds=0.0041,
    inference_time=0.0034,
    predictions=[{"drive": 0.75, "cut": 0.25}],
)


def numbered(count: int) -> list[Prediction]:
    """Return records that differ in their id, every third of them a refusal."""
    refused = {"status": 422, "problem": "Input cannot be used"}
    without = {"examples": None, "inference_time": None, "predictions": None}
    return [
        replace(RECORD, request_id=f"r{number}", **(refused | without if number % 3 == 0 else {}))
        for number in range(count)
    ]
