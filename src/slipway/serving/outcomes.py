"""POST /api/v1/outcomes: what came of requests, such as whether a user was satisfied, or the true label."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Any, Self

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field, model_validator

from slipway.experiments.definition import BUILT_IN
from slipway.serving.indexing import INTERVAL, Indexing
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
        if self.metric in BUILT_IN:
            raise ValueError(f"the server measures {self.metric} itself; name this metric otherwise")
        return self


class Kept(BaseModel):
    """How many outcomes are kept."""

    accepted: int


class Outcomes:
    """The outcomes of a worker: a log, what gives units their names in it, and what knows who took part."""

    def __init__(self, log: Log, units: Units, indexing: Indexing) -> None:
        self._log = log
        self._units = units
        self._indexing = indexing

    async def add(self, given: list[Given]) -> None:
        """Write outcomes down.

        Raises:
            Problem: 404 if a request or a unit took part in no experiment, 503 if they cannot be written.
        """
        now = datetime.now(UTC)
        units = {one.unit: self._units.name(one.unit) for one in given if one.unit is not None}
        await self._check(given, units)
        for one in given:
            unit = None if one.unit is None else units[one.unit]
            record = Outcome(now, one.metric, float(one.value), one.request_id, unit, one.key)
            if not self._log.write(record):
                raise Problem(
                    503,
                    "Outcomes cannot be written",
                    "the log cannot be written; send them again later",
                    {"Retry-After": "5"},
                )

    async def _check(self, given: list[Given], units: dict[str, str]) -> None:
        """Refuse outcomes of whom nobody knows; without the state store nobody can tell, so all are taken."""
        requests, names = [one.request_id for one in given if one.request_id is not None], list(units.values())
        strange = await self._indexing.unknown(requests, names)
        if any(strange):
            await asyncio.sleep(2 * INTERVAL + 0.1)  # the index may be a moment behind the log
            strange = await self._indexing.unknown(requests, names)
        if any(strange):
            found = [*strange[0], *(unit for unit, name in units.items() if name in strange[1])]
            named = ", ".join(found[:5]) + (f" and {len(found) - 5} more" if len(found) > 5 else "")
            raise Problem(
                404,
                "Nothing to attach to",
                f"these took part in no experiment: {named}; nothing is kept",
                unknown=found[:100],
            )


def add(app: FastAPI, outcomes: Outcomes | None) -> None:
    """Add the route to an application; without a log it refuses outcomes."""
    tags: list[Any] = ["experiments"]

    @app.post("/api/v1/outcomes", tags=tags, status_code=202, responses=responses(404, 413, 422, 503))
    async def add_outcomes(given: Given | list[Given]) -> Kept:
        """Say what came of requests: late, more than once, or never."""
        listed = given if isinstance(given, list) else [given]
        if len(listed) > MOST:
            raise Problem(
                413, "Too large", f"{len(listed):,} outcomes, and one request may have {MOST:,}; send several"
            )
        if outcomes is None:
            raise Problem(503, "No log", "the server keeps no log, so it keeps no outcomes: start it without --no-log")
        await outcomes.add(listed)
        return Kept(accepted=len(listed))
