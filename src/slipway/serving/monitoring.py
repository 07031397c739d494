"""A model in use by REST: `slipway watch performance`, `drift` and `health`, with what the server uses."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import fastapi
from fastapi import FastAPI, Query
from pydantic import BaseModel, ConfigDict, Field

from slipway.registry.state import Version
from slipway.serving.commands import Commands
from slipway.serving.measures import resources
from slipway.serving.models import Models
from slipway.serving.openapi import responses
from slipway.serving.problems import Problem

Name = Annotated[str, fastapi.Path(description="A model.", examples=["base-ad-detector"])]
Which = Annotated[str, Query(description="A version, a role, or `latest`.", examples=["production", "v1.2.0"])]
Days = Annotated[float, Query(ge=0.001, le=3660, description="The days until now to look at.")]
ALL = "all"
NO_LOG = "the server keeps no log of predictions (--no-log)"


class Figure(BaseModel):
    """A figure with its 95 % interval; null for what is not known."""

    value: float | None
    low: float | None
    high: float | None


class Used(BaseModel):
    """What the workers of this server use for all of their models."""

    workers: int
    resident_bytes: int
    cpu_seconds: float = Field(description="CPU time since the start of the workers.")
    lost_records: int = Field(description="Records that could not be written, so that the log lacks them.")


class Performance(BaseModel):
    """What a version was asked, and how it answered; of all versions if `version` is null.

    With two classes, `CLASS_detection_rate` is the share of the first one, such as `ad_detection_rate`.
    """

    model_config = ConfigDict(extra="allow")

    model: str
    version: str | None
    start: str = Field(alias="from", description="The time at which the window begins.")
    until: str
    first: str | None = Field(description="The time of the first request of the window.")
    last: str | None
    requests: int
    outcomes: dict[str, int]
    units: int = Field(description="Those who asked; a request without X-Unit is one of its own.")
    total_inferences: int = Field(description="Predicted examples.")
    requests_per_second: float | None = Field(description="From the first request until the end of the window.")
    error_rate: Figure
    slow_rate: Figure = Field(description="The share of answers that took longer than a second.")
    latency_ms: dict[str, float | None] = Field(description="mean, p50, p95 and p99 of answered requests.")
    inference_ms: dict[str, float | None]
    avg_inference_time_ms: float | None
    confidence: Figure
    avg_confidence: float | None
    class_shares: dict[str, Figure]
    server: Used


class Side(Figure):
    """A figure of one side of a comparison, with the number of units of the window, or of groups of test examples."""

    units: int | None = None
    groups: int | None = None


class Difference(BaseModel):
    """A figure of the window beside that of the test examples."""

    name: str
    window: Side
    reference: Side
    difference: Figure
    margin: float
    verdict: str = Field(description="pass: within the margin; fail: beyond it; hold: not known.")
    reason: str


class Compared(BaseModel):
    """The differences of the answers from those on the version's own test examples."""

    verdict: str = Field(description="pass, fail or hold.")
    drift_metrics: dict[str, float | None] = Field(description="The differences by name, such as confidence_drift.")
    findings: list[Difference]
    issues: list[str] = Field(description="Why nothing could be compared.")


class Drift(Compared):
    """The drift of a version."""

    model: str
    version: str


class Finding(BaseModel):
    """The answer to one question: the level, the points that it costs, the reason, and what to do."""

    name: str
    level: str
    points: int
    reason: str
    recommendation: str


class Evidence(BaseModel):
    """What the health follows from; null for what could not be measured."""

    performance: dict[str, Any] | None
    drift: Compared | None


class Health(BaseModel):
    """The health of a version."""

    model: str
    version: str
    status: str = Field(description="healthy, warning, critical or unknown.")
    health_score: int | None = Field(description="100 less the deductions; null if the status is unknown.")
    deductions: dict[str, int]
    issues: list[str]
    recommendations: list[str]
    findings: list[Finding]
    evidence: Evidence


def add(app: FastAPI, models: Models, run: Commands, logs: Path | None, metrics: Callable[[], bytes]) -> None:
    """Add the routes to an application.

    Args:
        app: the application.
        models: what the tags say.
        run: runs commands, since a log can be large.
        logs: the folder of the logs; None without.
        metrics: gives the measures of the server as Prometheus reads them.
    """
    tags: list[Any] = ["monitoring"]
    path = "/api/v1/monitoring/models/{model}/"

    async def watched(what: str, variant: str, version: str, days: float, *codes: int) -> Any:
        if logs is None:
            raise Problem(404, "No log", f"{NO_LOG}; `slipway serve --log FOLDER` does")
        options = (f"--version={version}", f"--days={days}", f"--logs={logs}")
        return await run.run("watch", what, variant, *options, token=None, codes=(0, *codes))

    @app.get(path + "performance", tags=tags, responses=responses(404, 422, 429, 504))
    async def performance(
        model: Name,
        version: Annotated[str, Query(description="A version, a role, `latest`, or `all`.")] = "production",
        days: Days = 7.0,
    ) -> Performance:
        """Requests, failures, times, confidence, and the share of each class, from the log of predictions."""
        variant, which = models.variant(model), ALL
        if version != ALL:
            which = models.resolve(f"{variant}@{version}")[1].version
        found = await watched("performance", variant, which, days)
        return Performance(**found, server=Used(**asdict(resources(metrics().decode()))))

    @app.get(path + "drift", tags=tags, responses=responses(404, 422, 429, 504))
    async def drift(model: Name, version: Which = "production", days: Days = 7.0) -> Drift:
        """Mean confidence and the share of each class beside those on the version's own test examples."""
        _, found = models.resolve(f"{model}@{version}")
        return Drift(**await watched("drift", found.variant, found.version, days, 1, 2))

    @app.get(path + "health", tags=tags, responses=responses(404, 422, 429, 504))
    async def health(model: Name, version: Which = "production", days: Days = 7.0) -> Health:
        """Whether a version is healthy, what was deducted, and what to do."""
        _, found = models.resolve(f"{model}@{version}")
        if logs is None:
            return _without_log(found)
        return Health(**await watched("health", found.variant, found.version, days, 1, 2))


def _without_log(version: Version) -> Health:
    """The health of a version of which nothing is logged; the server does without what `slipway watch` imports."""
    keep = "`slipway serve --log FOLDER` keeps one"
    return Health(
        model=version.variant,
        version=version.version,
        status="unknown",
        health_score=None,
        deductions={},
        issues=[NO_LOG],
        recommendations=[keep],
        findings=[Finding(name="log", level="unknown", points=0, reason=NO_LOG, recommendation=keep)],
        evidence=Evidence(performance=None, drift=None),
    )
