"""POST /api/v1/outcomes: what came of requests, such as whether a user was satisfied, or the true label."""

from datetime import UTC, datetime
from typing import Annotated, Any, Self

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field, model_validator

from slipway.serving.openapi import responses
from slipway.serving.problems import Problem
from slipway.traffic.log import Log
from slipway.traffic.records import Outcome
from slipway.traffic.units import Units

MOST = 10_000
"""The most outcomes of one request."""
_Text = Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,256}$")]


class Given(BaseModel):
    """The value of a metric, for the request with an id or for a unit: who asked, as in the header X-Unit.

    An outcome that comes twice counts once: of a request by its metric, of a unit by its metric and `key`. An outcome
    of a unit without a key adds to the others.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    metric: Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,62}$")]
    value: float | bool
    request_id: _Text | None = None
    unit: _Text | None = None
    key: _Text | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.request_id is None) == (self.unit is None):
            raise ValueError("give either request_id or unit")
        return self


class Kept(BaseModel):
    """How many outcomes are kept."""

    accepted: int


class Outcomes:
    """The outcomes of a worker: a log, and what gives units their names in it."""

    def __init__(self, log: Log, units: Units) -> None:
        self._log = log
        self._units = units

    def add(self, given: list[Given]) -> None:
        """Write outcomes down.

        Raises:
            Problem: 503 if they cannot be written.
        """
        now = datetime.now(UTC)
        for one in given:
            unit = None if one.unit is None else self._units.name(one.unit)
            record = Outcome(now, one.metric, float(one.value), one.request_id, unit, one.key)
            if not self._log.write(record):
                raise Problem(
                    503,
                    "Outcomes cannot be written",
                    "the log cannot be written; send them again later",
                    {"Retry-After": "5"},
                )


def add(app: FastAPI, outcomes: Outcomes | None) -> None:
    """Add the route to an application; without a log it refuses outcomes."""
    tags: list[Any] = ["experiments"]

    @app.post("/api/v1/outcomes", tags=tags, status_code=202, responses=responses(413, 422, 503))
    async def add_outcomes(given: Given | list[Given]) -> Kept:
        """Say what came of requests: late, more than once, or never."""
        listed = given if isinstance(given, list) else [given]
        if len(listed) > MOST:
            raise Problem(
                413, "Too large", f"{len(listed):,} outcomes, and one request may have {MOST:,}; send several"
            )
        if outcomes is None:
            raise Problem(503, "No log", "the server keeps no log, so it keeps no outcomes: start it without --no-log")
        outcomes.add(listed)
        return Kept(accepted=len(listed))
