"""Routes for clients of other servers: the Open Inference Protocol V2, and MLflow's model server."""

from collections.abc import Callable
from importlib.metadata import version as installed
from typing import Annotated, Any

import orjson
from fastapi import FastAPI, Query, Request, Response
from fastapi.responses import PlainTextResponse

from slipway.registry.state import Version
from slipway.serving import invocations, open_inference
from slipway.serving.bodies import whole
from slipway.serving.ensembles import Together
from slipway.serving.models import Models
from slipway.serving.openapi import responses
from slipway.serving.predictions import Predictions, header
from slipway.serving.problems import Problem

PROBLEMS = responses(404, 413, 422, 429, 500, 503, 504)
"""The problems of every way to predict, in the OpenAPI document; the middleware adds its own."""
_NOT_READY: dict[int | str, dict[str, Any]] = {503: {"description": "Not ready."}}
_TENSOR = {
    "type": "object",
    "required": ["name", "shape", "datatype"],
    "properties": {
        "name": {"type": "string"},
        "shape": {"type": "array", "items": {"type": "integer"}},
        "datatype": {"type": "string"},
        "data": {"type": "array"},
        "parameters": {"type": "object"},
    },
}
_INFER: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["inputs"],
                    "properties": {
                        "id": {"type": "string"},
                        "inputs": {"type": "array", "items": _TENSOR, "minItems": 1},
                        "outputs": {"type": "array", "items": {"type": "object", "required": ["name"]}},
                        "parameters": {"type": "object"},
                    },
                }
            },
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}
_INVOKE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"oneOf": [{"type": "object", "required": [one]} for one in invocations.FORMATS]}
            }
        },
    }
}


def add(app: FastAPI, models: Models, predictions: Predictions, ready: Callable[[], bool]) -> None:
    """Add the routes to an application; `ready` says whether every model answers that should."""
    _add_open_inference(app, models, predictions, ready)
    _add_mlflow(app, models, predictions)


def _add_open_inference(app: FastAPI, models: Models, predictions: Predictions, ready: Callable[[], bool]) -> None:
    tags: list[Any] = ["Open Inference Protocol V2"]

    @app.get("/v2", tags=tags)
    async def server_metadata() -> dict[str, Any]:
        """The name and version of the server."""
        return {"name": "slipway", "version": installed("slipway"), "extensions": open_inference.EXTENSIONS}

    @app.get("/v2/health/live", tags=tags)
    async def live() -> dict[str, bool]:
        """Whether the worker is alive."""
        return {"live": True}

    @app.get("/v2/health/ready", tags=tags, responses=_NOT_READY)
    async def server_ready(response: Response) -> dict[str, bool]:
        """Whether every model with the server's role answers."""
        response.status_code = 200 if ready() else 503
        return {"ready": ready()}

    async def metadata(name: str, version: str = "") -> dict[str, Any]:
        """The inputs and outputs of a model."""
        try:
            found = await predictions.model(f"{name}@{version}" if version else name)
        except Problem as problem:
            raise _as_protocol(problem)
        if isinstance(found, Together):
            return open_inference.metadata(found, [found.model_version])
        return open_inference.metadata(found, list(models.roles.variants[found.model].versions))

    async def model_ready(name: str, response: Response, version: str = "") -> dict[str, Any]:
        """Whether a model answers."""
        try:
            found = models.find(f"{name}@{version}" if version else name)
        except Problem as problem:
            raise _as_protocol(problem)
        is_ready = not isinstance(found, Version)
        response.status_code = 200 if is_ready else 503
        return {"name": name, "ready": is_ready}

    async def infer(request: Request, name: str, version: str = "") -> Response:
        """Predict raw examples, given as tensors."""
        try:
            state = request.scope["state"]
            model = state["model"] = await predictions.model(f"{name}@{version}" if version else name)
            content = await whole(request.receive)
            length = header(request.scope, open_inference.LENGTH.encode())
            asked, given = open_inference.read(model, content, length, predictions.limits)
            predicted = state["predicted"] = await predictions.predict(model, given)
            answer, json_bytes = open_inference.answer(model, asked, predicted)
            if not isinstance(model, Together):
                state["examples"] = given
        except Problem as problem:
            raise _as_protocol(problem)
        if json_bytes is None:
            return Response(answer, media_type="application/json")
        return Response(answer, headers={open_inference.LENGTH: str(json_bytes)}, media_type="application/octet-stream")

    for path in ("/v2/models/{name}", "/v2/models/{name}/versions/{version}"):
        app.get(path, tags=tags, responses=responses(404, 503, 504))(metadata)
        app.get(f"{path}/ready", tags=tags, responses=responses(404) | _NOT_READY)(model_ready)
        app.post(f"{path}/infer", tags=tags, responses=PROBLEMS, openapi_extra=_INFER)(infer)


def _add_mlflow(app: FastAPI, models: Models, predictions: Predictions) -> None:
    tags: list[Any] = ["MLflow"]

    @app.get("/ping", tags=tags, response_class=PlainTextResponse, responses=_NOT_READY)
    @app.get("/health", tags=tags, response_class=PlainTextResponse, responses=_NOT_READY)
    async def ping() -> PlainTextResponse:
        """Whether a model answers."""
        return PlainTextResponse("\n", 200 if models.serving else 503)

    @app.get("/version", tags=tags, response_class=PlainTextResponse)
    async def version() -> PlainTextResponse:
        """The version of MLflow whose protocol this is."""
        return PlainTextResponse(installed("mlflow"))

    @app.post("/invocations", tags=tags, responses=PROBLEMS, openapi_extra=_INVOKE)
    async def invoke(
        request: Request, model: Annotated[str, Query(description="Which model, if the server has several.")] = ""
    ) -> Response:
        """Predict encoded examples, as MLflow's server does."""
        state = request.scope["state"]
        found = state["model"] = await predictions.model(model or _only(models))
        if isinstance(found, Together):
            raise Problem(
                422,
                "No encoded examples",
                f"{found.model} is an ensemble, whose members encode in their own ways: "
                "send raw examples to /api/v1/predict",
            )
        inputs = invocations.read(found, await whole(request.receive), predictions.limits)
        predicted = state["predicted"] = await predictions.predict_encoded(found, inputs)
        return Response(orjson.dumps({"predictions": predicted.array.tolist()}), media_type="application/json")


def _only(models: Models) -> str:
    """The only model of the server.

    Raises:
        Problem: it has several, or none.
    """
    known = models.variants()
    if len(known) != 1:
        names = ", ".join(known) or "none"
        raise Problem(
            404, "Unknown model", f"say which model: /invocations?model=NAME; there are: {names}", known=known
        )
    return known[0]


def _as_protocol(problem: Problem) -> Problem:
    """The problem with its detail as the member `error`, where clients of the protocol look for it."""
    return Problem(
        problem.status, problem.title, problem.detail, problem.headers, **{**problem.members, "error": problem.detail}
    )
