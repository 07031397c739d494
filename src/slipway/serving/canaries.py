"""Rollouts by REST: `slipway rollout list`, `status`, `pause`, `resume` and `abort`, under the name of the token.

One begins with a promotion to `canary` that names a percentage (`slipway.serving.promotions`).
"""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import fastapi
from fastapi import FastAPI, Request
from pydantic import BaseModel, Field

from slipway.serving import commands
from slipway.serving.commands import Commands, Why
from slipway.serving.models import Models
from slipway.serving.openapi import responses

Name = Annotated[str, fastapi.Path(description="A model.", examples=["base-ad-detector"])]
Change = Literal["pause", "resume", "abort"]


class Listed(BaseModel):
    """A rollout that goes on."""

    variant: str
    version: str
    share: float = Field(description="Percent of the units that get the version.")
    state: str = Field(description="running, paused, or watched: at 100 %.")
    since: str
    tag: str


class Step(BaseModel):
    """The units that were seen at a share."""

    share: float
    canary: int
    production: int


class Finding(BaseModel):
    """The outcome of a rule, and the reason."""

    subject: str
    outcome: str
    reason: str


class Status(Listed):
    """How far a rollout is, and what it waits for."""

    hours: dict[str, float]
    hours_to_go: float | None = Field(description="Hours to 100 % at the earliest; null while no units come.")
    units: list[Step]
    decision: str = Field(description="What follows now: wait, step, pause, or take back.")
    findings: list[Finding]


class Written(BaseModel):
    """The tags that were written."""

    model: str
    version: str
    tags: list[str]


def add(app: FastAPI, models: Models, run: Commands, logs: Path | None, changed: Callable[[], Awaitable[None]]) -> None:
    """Add the routes to an application.

    Args:
        app: the application.
        models: what the tags say.
        run: runs commands.
        logs: the folder of the logs; None without.
        changed: is called when a tag was written, so that the server follows it at once.
    """
    tags: list[Any] = ["rollouts"]
    folder = () if logs is None else (f"--logs={logs}",)

    @app.get("/api/v1/rollouts", tags=tags, responses=responses(429, 504))
    async def list_rollouts() -> list[Listed]:
        """The rollouts that go on."""
        return [Listed(**one) for one in await run.run("rollout", "list", token=None)]

    @app.get("/api/v1/rollouts/{model}", tags=tags, responses=responses(404, 409, 422, 429, 504))
    async def status(model: Name) -> Status:
        """How far a rollout is, what it waits for, and for how long at least."""
        return Status(**await run.run("rollout", "status", models.variant(model), *folder, token=None))

    @app.post("/api/v1/rollouts/{model}/{change}", tags=tags, responses=responses(404, 409, 422, 429, 504))
    async def change(request: Request, model: Name, change: Change, why: Why) -> Written:
        """Pause a rollout, let it go on, or end it: a tag, which is pushed if the repository has a remote."""
        command = ("rollout", change, models.variant(model), f"--reason={why.reason}", *await commands.push())
        found = await run.run(*command, token=request.scope["state"]["token"])
        await changed()
        return Written(model=found["variant"], version=found["version"], tags=found["tags"])
