"""The FastAPI application: everything but the way of a prediction, and the OpenAPI document of all of it."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path as FilePath
from typing import Annotated, Any

from fastapi import FastAPI, Header, Path, Query, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse
from pydantic import BaseModel, Field
from starlette.types import Lifespan

from slipway.registry.state import Version
from slipway.serving import (
    canaries,
    catalogue,
    comparisons,
    examples,
    monitoring,
    openapi,
    problems,
    promotions,
    protocols,
    try_it,
    uploads,
)
from slipway.serving.access import may
from slipway.serving.bodies import whole
from slipway.serving.commands import Commands
from slipway.serving.ensembles import Together
from slipway.serving.measures import CONTENT_TYPE
from slipway.serving.models import ENSEMBLE, Models
from slipway.serving.outcomes import Outcomes
from slipway.serving.outcomes import add as add_outcomes
from slipway.serving.predictions import PREFIX, Predictions
from slipway.serving.problems import Problem
from slipway.serving.release import Loaded
from slipway.serving.rollouts import Rollouts
from slipway.serving.watch import Watch

Address = Annotated[
    str,
    Path(
        description="NAME, NAME@ROLE, NAME@VERSION or NAME@latest. NAME alone means NAME@ROLE with the server's role.",
        examples=["base-ad-detector", "base-ad-detector@staging", "base-ad-detector@v1.2.0"],
    ),
]


class ExperimentInfo(BaseModel):
    """The part of a request in the experiment that it asked for."""

    experiment_id: str
    variant: str | None = Field(description="The arm; null if the request takes no part.")


class Prediction(BaseModel):
    """The predictions for the examples of a request, in their order."""

    request_id: str
    model: str
    model_version: str
    predictions: list[Any] = Field(description="In the form that the model card describes, one for each example.")
    inference_time: float = Field(description="Seconds from the raw examples to their predictions.")
    experiment_info: ExperimentInfo | None = Field(description="Null unless the request asked for an experiment.")
    missing_members: list[str] = Field(
        default=[], description="The members of an ensemble that failed, so that the rest answered."
    )


class Observed(BaseModel):
    """What is kept of the history of a forecast."""

    model: str
    added: int = Field(description="New rows of the request.")
    changed: int = Field(description="Rows of the request that replaced another row of the same place and time.")
    rows: int = Field(description="All rows that are kept.")
    latest: str = Field(description="The latest time of them.")


class Answering(BaseModel):
    """A version that should answer."""

    model: str
    role: str = Field(description="A role, a version that an experiment or an ensemble needs, or `ensemble`.")
    version: str = Field(description="The version that holds the role in Git.")
    answers: str | None = Field(description="The version that answers; null while none is loaded.")


class Readiness(BaseModel):
    """Whether every model answers, and what is wrong."""

    ready: bool
    models: list[Answering]
    problems: list[str]


class InMemory(BaseModel):
    """A loaded version."""

    model: str
    version: str
    roles: list[str] = Field(description="The roles for which it answers.")
    bytes: int = Field(description="The size of its files.")
    milliseconds: float = Field(description="The time of the model alone for one input, measured when it was loaded.")


_ROW = {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean", "null"]}}
_FILE = {
    "oneOf": [
        {"type": "string", "contentEncoding": "base64"},
        {
            "type": "object",
            "required": ["picture", "box"],
            "properties": {
                "picture": {"type": "string", "contentEncoding": "base64"},
                "box": {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4},
            },
            "additionalProperties": False,
        },
    ]
}
_LIST = {"type": "array", "minItems": 1, "items": {"oneOf": [_ROW, *_FILE["oneOf"]]}}
_ROWS = {"oneOf": [{"type": "array", "minItems": 1, "items": _ROW}, _ROW]}
_BINARY = {"schema": {"type": "string", "format": "binary"}}
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            examples.JSON: {
                "schema": {
                    "oneOf": [
                        _LIST,
                        _ROW,
                        {"type": "object", "required": [examples.EXAMPLES], "properties": {examples.EXAMPLES: _LIST}},
                    ]
                }
            },
            "image/*": _BINARY,
            "audio/*": _BINARY,
            "application/octet-stream": _BINARY,
            examples.FORM: {
                "schema": {
                    "type": "object",
                    "properties": {"file": {"type": "array", "items": {"type": "string", "format": "binary"}}},
                }
            },
        },
    }
}


def build(
    models: Models,
    watch: Watch,
    predictions: Predictions,
    rollouts: Rollouts,
    releases: FilePath,
    outcomes: Outcomes | None,
    logs: FilePath | None,
    metrics: Callable[[], bytes],
    draining: Callable[[], bool],
    wrong: Callable[[], tuple[str, ...]],
    lifespan: Lifespan[FastAPI],
) -> FastAPI:
    """Return the application of a worker.

    Args:
        models: its models.
        watch: what keeps them as Git says.
        predictions: what predicts.
        rollouts: which units get the version that is rolled out.
        releases: the folder of the verified files of releases.
        outcomes: where outcomes are written; None without a log.
        logs: the folder of the logs; None without.
        metrics: gives the measures of the server as Prometheus reads them.
        draining: whether the worker is about to end.
        wrong: what is wrong with the state store, the rollouts, the experiments and captures.
        lifespan: starts and ends the worker.
    """
    app = FastAPI(
        title="Slipway",
        summary="The versions that hold a role in Git, as a service.",
        lifespan=lifespan,
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
    )
    problems.install(app)
    openapi.install(app)

    def ready() -> Readiness:
        return readiness(models, watch, draining(), wrong())

    @app.get("/healthz", tags=["server"])
    async def healthz() -> dict[str, str]:
        """Whether the worker is alive."""
        return {"status": "alive"}

    @app.get("/readyz", tags=["server"], responses={503: {"model": Readiness, "description": "Not ready."}})
    async def readyz(request: Request, response: Response) -> Readiness:
        """Whether every model with the server's role answers, and the server is not about to end.

        Who may not read gets no details.
        """
        found = ready()
        response.status_code = 200 if found.ready else 503
        return found if may(request.scope["state"], "read") else Readiness(ready=found.ready, models=[], problems=[])

    @app.get("/metrics", tags=["server"], response_class=PlainTextResponse)
    async def measures() -> Response:
        """The measures of all workers, as Prometheus reads them."""
        return Response(metrics(), media_type=CONTENT_TYPE)

    @app.post("/api/v1/refresh", tags=["server"])
    async def refresh() -> Readiness:
        """Look at the tags of the Git remote now, and load what should answer; all workers follow at once."""
        await watch.refresh(again=True)
        return ready()

    @app.get("/api/v1/loaded", tags=["server"])
    async def loaded() -> list[InMemory]:
        """The versions in memory of the worker that answers."""
        return [in_memory(models, one) for one in models.loaded()]

    @app.put("/api/v1/loaded/{address}", tags=["server"], responses=openapi.responses(404, 429, 503))
    async def load(address: Address) -> InMemory:
        """Load a version into the worker that answers, before it is needed."""
        found = models.find(address)
        if isinstance(found, Together):
            raise Problem(404, "No single model", f"{address} is an ensemble, whose members are always loaded")
        return in_memory(models, await watch.load(address) if isinstance(found, Version) else found)

    @app.delete("/api/v1/loaded/{address}", tags=["server"], status_code=204, responses=openapi.responses(404, 409))
    async def unload(address: Address) -> None:
        """Remove a version without a role from the memory of the worker that answers."""
        _, version = models.resolve(address)
        if models.get(version) is not None and not models.unload(version):
            raise Problem(409, "Version in use", f"{version.name} holds a role or answers for one, so it stays loaded")

    @app.post(PREFIX + "{address}", tags=["predictions"], responses=protocols.PROBLEMS, openapi_extra=BODY)
    async def predict(
        request: Request,
        address: Address,
        experiment_id: Annotated[
            str | None, Query(description="An experiment, whose arm the answer tells if the request takes part.")
        ] = None,
        arm: Annotated[str | None, Query(description="The arm that a tester chooses; needs the scope promote.")] = None,
        x_unit: Annotated[str | None, Header(description="Who is asking, such as a user or a device.")] = None,
    ) -> Prediction:
        """Predict raw examples: rows as JSON; a picture or a sound as the body, in a form, or base64 in JSON."""
        # `app.Worker` answers these requests itself; this route does the same, and is here for the OpenAPI document.
        content = await predictions.respond(request.scope, request.receive)
        return Prediction.model_validate_json(content)

    @app.post(
        "/api/v1/history/{address}",
        tags=["predictions"],
        responses=openapi.responses(404, 413, 422, 429, 503, 504),
        openapi_extra={"requestBody": {"required": True, "content": {examples.JSON: {"schema": _ROWS}}}},
    )
    async def observe(request: Request, address: Address) -> Observed:
        """Keep observed rows of a forecast, each with its target; a row of the same place and time is replaced."""
        model = await predictions.model(address)
        kind = request.headers.get("content-type", "")
        kept = await predictions.observe(model, kind, await whole(request.receive))
        return Observed(model=model.model, **asdict(kept))

    @app.get("/try/{address}", tags=["server"], response_class=HTMLResponse)
    async def try_page(address: Address) -> HTMLResponse:
        """A page to try a model."""
        html, policy = try_it.page()
        return HTMLResponse(html, headers={"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff"})

    catalogue.add(app, models, rollouts, releases)
    add_outcomes(app, outcomes)
    run = Commands()
    promotions.add(app, models, run, watch.refresh)
    canaries.add(app, models, run, logs, watch.refresh)
    uploads.add(app, models, run, watch.refresh)
    comparisons.add(app, run, logs, watch.refresh)
    monitoring.add(app, models, run, logs, metrics)
    protocols.add(app, models, predictions, lambda: ready().ready)
    return app


def readiness(models: Models, watch: Watch, draining: bool, more: Sequence[str] = ()) -> Readiness:
    """Return whether every model answers that should.

    A version of an experiment that cannot be loaded, and an ensemble that does not answer, are a problem only, unless
    the server was told to serve this ensemble.
    """
    answering = [
        Answering(
            model=place[0],
            role=place[1],
            version=version.version,
            answers=now.version.version if (now := models.serving.get(place)) is not None else None,
        )
        for place, version in models.followed().items()
    ]
    ensembles = [
        Answering(
            model=name,
            role=ENSEMBLE,
            version=one.version,
            answers=models.ensembles[name].model_version if name in models.ensembles else None,
        )
        for name, one in models.voting().items()
    ]
    wrong = [*watch.problems, *more]
    if draining:
        wrong.append("the server is about to end")
    lacking = models.unanswered()
    wrong += [f"no version of {name} holds {models.role}: give the role with `slipway promote`" for name in lacking]
    of_role = [one for one in answering if one.role == models.role]
    if not of_role and not ensembles and not lacking:
        wrong.append(f"no version holds {models.role}: give the role with `slipway promote`")
    answered = bool(of_role or models.ensembles) and all(one.answers is not None for one in of_role)
    answered = answered and not lacking and not models.silent()
    return Readiness(ready=answered and not draining, models=[*answering, *ensembles], problems=wrong)


def in_memory(models: Models, loaded: Loaded) -> InMemory:
    """Return the description of a loaded version."""
    return InMemory(
        model=loaded.version.variant,
        version=loaded.version.version,
        roles=[role for (_, role), one in models.serving.items() if one is loaded],
        bytes=loaded.bytes,
        milliseconds=1e3 * loaded.seconds,
    )
