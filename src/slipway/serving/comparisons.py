"""Experiments by REST: `slipway experiment` under the name of the token.

There is no `create`: an experiment is a file in Git, so that others review it before anybody takes part.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

import fastapi
from fastapi import FastAPI, Query, Request
from pydantic import BaseModel, Field

from slipway.serving import commands
from slipway.serving.commands import Commands, Why
from slipway.serving.openapi import responses

MOST_RUNS = 10_000
"""The most experiments that a request may have simulated."""
SIMULATED = 60.0
"""The time limit for simulations, in seconds."""
Id = Annotated[str, fastapi.Path(pattern="^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", examples=["night-games"])]


class Listed(BaseModel):
    """An experiment."""

    id: str
    state: str = Field(description="not started, running or stopped; or why its file or its tags cannot be used.")
    model: str | None
    arms: str | None
    started: str | None
    by: str | None


class Finding(BaseModel):
    """The outcome of one question, and the reason."""

    subject: str
    outcome: str
    reason: str


class Estimate(BaseModel):
    """A metric in the control and a treatment, and the difference with its interval; null where nothing can be said."""

    metric: str
    role: str
    arm: str
    units: dict[str, int]
    control: float | None
    treatment: float | None
    difference: float | None
    low: float | None
    high: float | None
    p: float
    lift: float | None


class Shares(BaseModel):
    """The shares of a bandit now."""

    period: int = Field(description="0 until the first update.")
    since: str | None = Field(description="The start of the period; null for the start of the experiment.")
    weights: dict[str, float] | None = Field(
        description="The probability that each arm is the best; null at the start."
    )
    shares: dict[str, float] = Field(description="The probability with which a new unit gets each arm.")


class Analysis(BaseModel):
    """The verdict of an experiment."""

    id: str
    verdict: str = Field(description="pass, fail or hold.")
    units: dict[str, int]
    crossed: int = Field(description="Units that were seen in two arms, and count in none.")
    late: int = Field(description="Outcomes after the window of their unit, which do not count.")
    split_e: float = Field(description="E-value against the shares of the arms; above 1000 the split is not sound.")
    findings: list[Finding]
    estimates: list[Estimate]
    bandit: Shares | None = Field(description="Null for an experiment with fixed shares.")


class Status(BaseModel):
    """What an experiment has so far, and what it waits for."""

    id: str
    state: str = Field(description="running or stopped.")
    days: float
    units: dict[str, int]
    late: int = Field(description="Outcomes after the window of their unit, which do not count.")
    verdict: str = Field(description="pass, fail or hold.")
    waits_for: list[Finding]


class Found(BaseModel):
    """How often simulated experiments with a true difference show one, and their mean length as a part of the plan."""

    metric: str
    effect: float
    found: float
    length: float


class Tagged(BaseModel):
    """The tag that was written."""

    id: str
    tag: str
    commit: str


def add(app: FastAPI, run: Commands, logs: Path | None, changed: Callable[[], Awaitable[None]]) -> None:
    """Add the routes to an application.

    Args:
        app: the application.
        run: runs commands.
        logs: the folder of the logs; None without.
        changed: is called when a tag was written, so that the server follows it at once.
    """
    tags: list[Any] = ["experiments"]
    folder = () if logs is None else (f"--logs={logs}",)

    @app.get("/api/v1/experiments", tags=tags, responses=responses(429, 504))
    async def list_experiments() -> list[Listed]:
        """The experiments: those with a file, and those with tags."""
        return [Listed(**one) for one in await run.run("experiment", "list", token=None)]

    @app.get("/api/v1/experiments/{id}", tags=tags, responses=responses(404, 429, 504))
    async def analyze(id: Id) -> Analysis:
        """Compare the arms by what their units did until now."""
        found = await run.run("experiment", "analyze", id, *folder, token=None, codes=(0, 1, 2))
        return Analysis(**found)

    @app.get("/api/v1/experiments/{id}/status", tags=tags, responses=responses(404, 429, 504))
    async def status(id: Id) -> Status:
        """Say what an experiment has so far, and what it waits for."""
        return Status(**await run.run("experiment", "status", id, *folder, token=None))

    @app.get("/api/v1/experiments/{id}/simulate", tags=tags, responses=responses(404, 422, 429, 504))
    async def simulate(
        id: Id,
        effect: Annotated[
            float | None, Query(description="The difference to find; by default none and several.", allow_inf_nan=False)
        ] = None,
        runs: Annotated[int, Query(ge=100, le=MOST_RUNS, description="Simulated experiments.")] = 1_000,
        seed: Annotated[int, Query(ge=0, lt=2**32, description="Seed of the draws.")] = 0,
    ) -> list[Found]:
        """Say what an experiment would find, by drawing from the values that its units have so far."""
        options = (f"--runs={runs}", f"--seed={seed}", *(() if effect is None else (f"--effect={effect!r}",)))
        found = await run.run("experiment", "simulate", id, *options, *folder, token=None, seconds=SIMULATED)
        return [Found(**one) for one in found]

    @app.post("/api/v1/experiments/{id}/start", tags=tags, responses=responses(409, 422, 429, 504))
    async def start(request: Request, id: Id, why: Why) -> Tagged:
        """Start an experiment whose file is in the repository, or let a running one go on with a wider share."""
        return await written(request, ("start", id, f"--reason={why.reason}"))

    @app.post("/api/v1/experiments/{id}/stop", tags=tags, responses=responses(409, 422, 429, 504))
    async def stop(request: Request, id: Id, why: Why) -> Tagged:
        """Stop an experiment; the tag has its counts, sums and verdict."""
        return await written(request, ("stop", id, f"--reason={why.reason}", *folder))

    async def written(request: Request, command: tuple[str, ...]) -> Tagged:
        token = request.scope["state"]["token"]
        found = await run.run("experiment", *command, *await commands.push(), token=token)
        await changed()
        return Tagged(id=found["id"], tag=found["tag"], commit=found["commit"])
