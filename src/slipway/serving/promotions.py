"""Roles by REST: `slipway promote`, `rollback` and `rollout start`, with their refusals, by the name of the token."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal

import fastapi
from fastapi import FastAPI, Request
from pydantic import BaseModel, ConfigDict, Field

from slipway.serving import commands
from slipway.serving.commands import Commands
from slipway.serving.models import Models
from slipway.serving.openapi import responses
from slipway.serving.problems import Problem

Name = Annotated[str, fastapi.Path(description="A model.", examples=["base-ad-detector"])]
Reason = Annotated[str | None, Field(max_length=1000, description="Stored in the tag.")]


class Promotion(BaseModel):
    """The role that a version gets. A canary with a percentage begins a rollout, without one it gets no traffic."""

    model_config = ConfigDict(extra="forbid")

    status: Literal["staging", "canary", "production"]
    rollout_percentage: Annotated[float, Field(ge=0, le=100)] | None = None
    is_production: bool | None = None
    reason: Reason = None


class Rollback(BaseModel):
    """Where a role goes back to: by default, to the last good version that held it."""

    model_config = ConfigDict(extra="forbid")

    to: Annotated[str, Field(max_length=200)] | None = None
    role: Literal["staging", "canary", "production"] = "production"
    reason: Reason = None


class Done(BaseModel):
    """The tags that were written, and the version that holds the role now."""

    model: str
    version: str
    role: str
    tags: list[str]
    pushed: bool


def add(app: FastAPI, models: Models, run: Commands, changed: Callable[[], Awaitable[None]]) -> None:
    """Add the routes to an application.

    Args:
        app: the application.
        models: what the tags say.
        run: runs commands.
        changed: is called when tags were written, so that the server follows them at once.
    """
    tags: list[Any] = ["registry"]

    @app.post(
        "/api/v1/models/{model}/versions/{which}/promote", tags=tags, responses=responses(404, 409, 422, 429, 504)
    )
    async def promote(request: Request, model: Name, which: str, wanted: Promotion) -> Done:
        """Give a version a role: an annotated tag, which is pushed if the repository has a remote."""
        _check(wanted)
        _, version = models.resolve(f"{model}@{which}")
        share = wanted.rollout_percentage
        if wanted.status == "canary" and share:
            command: tuple[str, ...] = ("rollout", "start", version.name, f"--share={share:g}")
        else:
            command = ("promote", version.name, "--to", wanted.status)
        return await done(request, (*command, *_reason(wanted.reason), *await commands.push()))

    @app.post("/api/v1/models/{model}/rollback", tags=tags, responses=responses(404, 409, 422, 429, 504))
    async def rollback(request: Request, model: Name, wanted: Rollback) -> Done:
        """Give a role back to the last good version that held it, or to another that held it."""
        to = () if wanted.to is None else (f"--to={wanted.to}",)
        command = ("rollback", models.variant(model), "--role", wanted.role, *to, *_reason(wanted.reason))
        return await done(request, (*command, *await commands.push()))

    async def done(request: Request, command: tuple[str, ...]) -> Done:
        found = await run.run(*command, token=request.scope["state"]["token"])
        await changed()
        return Done(
            model=found["variant"],
            version=found["version"],
            role=found["role"],
            tags=found["tags"],
            pushed=found["pushed"],
        )


def _check(wanted: Promotion) -> None:
    """Refuse figures that do not go together."""
    share, production = wanted.rollout_percentage, wanted.status == "production"
    if wanted.is_production is not None and wanted.is_production != production:
        raise Problem(
            422,
            "Invalid request",
            f"is_production is {wanted.is_production} and status {wanted.status}: only one can be meant",
        )
    if production and share not in (None, 100):
        raise Problem(
            422, "Invalid request", f"production answers all requests, so rollout_percentage is 100, not {share:g}"
        )
    if wanted.status == "canary" and share == 100:
        raise Problem(
            422, "Invalid request", "a canary is compared with production, so rollout_percentage is below 100"
        )
    if wanted.status == "staging" and share not in (None, 0):
        raise Problem(422, "Invalid request", "a version in staging has no share of the traffic")


def _reason(reason: str | None) -> tuple[str, ...]:
    return () if not (reason or "").strip() else (f"--reason={reason}",)
