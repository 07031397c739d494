"""POST /api/v1/predict/MODEL: the predictions of raw examples, by a plain ASGI endpoint in front of the application.

It is a function of ASGI, since a route of the framework takes three times the CPU for a row.
"""

import asyncio
from collections.abc import Awaitable
from functools import partial
from typing import Any

import numpy as np
import orjson
from starlette.types import Receive, Scope, Send

from slipway.core.errors import DataError, ExampleError, ModelError
from slipway.registry.state import Version
from slipway.serving import examples, experiments
from slipway.serving.bodies import whole
from slipway.serving.ensembles import Together
from slipway.serving.experiments import Asked, Assigned, Experiments
from slipway.serving.forecasts import Forecasts, Kept, forecasts, is_ahead
from slipway.serving.inference import MOST_TOGETHER, Inference, Predicted, of_raw
from slipway.serving.models import Models
from slipway.serving.problems import Problem
from slipway.serving.release import Loaded
from slipway.serving.rollouts import Rollouts
from slipway.serving.settings import Settings
from slipway.serving.shadow import Shadow
from slipway.serving.watch import Watch
from slipway.traffic.log import Log

PREFIX = "/api/v1/predict/"
_TOO_MUCH = ("too large", "too long")
"""The kinds of errors of examples that are above a limit of the decoder."""


class Predictions:
    """Answers requests for predictions by the models of a worker."""

    def __init__(
        self,
        models: Models,
        inference: Inference,
        watch: Watch,
        experiments: Experiments,
        rollouts: Rollouts,
        outcomes: Log | None,
        settings: Settings,
    ) -> None:
        self.limits = settings.limits
        self._models = models
        self._inference = inference
        self._watch = watch
        self._experiments = experiments
        self._rollouts = rollouts
        self._deadline = settings.deadline
        self._forecasts = Forecasts(settings.history)
        self._shadow = Shadow(models, inference, self.predict, outcomes, settings.shadow) if settings.shadow else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request whose path begins with `PREFIX`."""
        content = await self.respond(scope, receive)
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})
        state = scope["state"]
        if self._shadow is not None and state["assigned"] is not None:
            self._shadow.consider(state["assigned"], state["given"], state["predicted"], state["request_id"])

    async def respond(self, scope: Scope, receive: Receive) -> bytes:
        """Return the answer to a request, as JSON.

        Raises:
            Problem: there is no such model, an example cannot be used, or there are too many requests.
            ClientDisconnect: the client went away.
        """
        state, name = scope["state"], scope["path"][len(PREFIX) :]
        asked = experiments.asked(scope["query_string"]) if scope["query_string"] else None
        assigned = None if asked is None else self._experiments.choose(name, asked, state)
        if assigned is None:
            caller, request_id = state.get("caller"), state["request_id"]
            assigned = self._experiments.assign(name, caller, state.get("unit"), request_id)
            assigned = assigned or self._rollouts.assign(name, caller, request_id)
        state["assigned"] = assigned
        model = state["model"] = await self.model(name) if assigned is None else assigned.model
        content = await whole(receive)
        given = state["given"] = examples.read(model, header(scope, b"content-type"), content, self.limits)
        predicted = state["predicted"] = await self.predict(model, given)
        if isinstance(model, Loaded):  # an ensemble has no raw data of its own
            state["examples"] = given
        answer = {
            "request_id": state["request_id"],
            "model": model.model,
            "model_version": model.model_version,
            "predictions": predicted.values,
            "inference_time": predicted.seconds,
            "experiment_info": None if asked is None else _info(asked, assigned),
        }
        if predicted.missing:
            answer["missing_members"] = predicted.missing
        return orjson.dumps(answer)

    async def model(self, address: str) -> Loaded | Together:
        """Return the version or the ensemble that an address means; a version is loaded first if need be.

        Raises:
            Problem: there is none, or it cannot be loaded.
        """
        found = self._models.find(address)
        if not isinstance(found, Version):
            return found
        try:
            async with asyncio.timeout(self._deadline):
                return await self._watch.load(address)
        except TimeoutError:
            raise Problem(504, "Deadline passed", f"{found.name} is being loaded; try again in some seconds")

    async def predict(self, model: Loaded | Together, given: list[Any]) -> Predicted:
        """Return the predictions of raw examples.

        Raises:
            Problem: an example cannot be used, the model fails, or there are too many requests.
        """
        if isinstance(model, Together):
            each = (self.predict(member, given) for member in model.members)
            found = await asyncio.gather(*each, return_exceptions=True)
            if len(given) > MOST_TOGETHER:
                return await asyncio.to_thread(model.combine, found, given)
            return model.combine(found, given)
        if is_ahead(model, given):
            work = partial(self._forecasts.predict, model)
            return await _or_problem(self._inference.run(model, given, work, self._deadline))
        if not model.takes_rows:
            work = partial(self._of_files, model)
            return await _or_problem(self._inference.run(model, given, work, self._deadline))
        return await _or_problem(self._inference.predict(model, given, self._deadline))

    def _of_files(self, model: Loaded, given: list[Any]) -> tuple[np.ndarray, list[Any]]:
        examples.check_sizes(model, given, self.limits)
        return of_raw(model, given)

    async def observe(self, model: Loaded | Together, content_type: str, content: bytes) -> Kept:
        """Add observed rows to the history of a forecast.

        Raises:
            Problem: the model does not forecast, a row cannot be used, or there are too many requests.
        """
        if isinstance(model, Together):
            members = ", ".join(dict.fromkeys(member.model for member in model.members))
            raise Problem(422, "No forecast", f"{model.model} is an ensemble: send the rows to its members, {members}")
        if not forecasts(model):
            raise Problem(422, "No forecast", f"{model.model} does not forecast, so it keeps no history")
        given = examples.read(model, content_type, content, self.limits)
        kept: list[Kept] = []

        def work(rows: list[Any]) -> tuple[np.ndarray, list[Any]]:
            kept.append(self._forecasts.add(model, rows))
            return np.zeros(0), []

        await _or_problem(self._inference.run(model, given, work, self._deadline))
        return kept[0]

    async def predict_encoded(self, model: Loaded, inputs: np.ndarray) -> Predicted:
        """Return the predictions of encoded examples [n, *shape]; it raises the same as `predict`."""
        return await _or_problem(self._inference.predict_encoded(model, inputs, self._deadline))


async def _or_problem(predicting: Awaitable[Predicted]) -> Predicted:
    """Wait for predictions; what is wrong with examples or model becomes a problem."""
    try:
        return await predicting
    except DataError as error:
        cause = error.__context__
        if isinstance(cause, ExampleError) and cause.kind in _TOO_MUCH:
            raise Problem(413, "Example too large", str(error))
        raise examples.unusable(str(error))
    except ModelError as error:
        raise Problem(500, "Model failed", str(error))


def header(scope: Scope, name: bytes) -> str:
    """Return the value of a header, empty if it is not there; `name` is in lower case."""
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


def _info(asked: Asked, assigned: Assigned | None) -> dict[str, str | None]:
    """What a caller that asked for an experiment is told of it; no arm if it takes no part in this one."""
    mine = assigned is not None and assigned.experiment == asked.experiment
    return {"experiment_id": asked.experiment, "variant": assigned.arm if assigned is not None and mine else None}
