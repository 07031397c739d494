"""Count, time and log each request for predictions, before it is answered."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from slipway.serving.ensembles import Together
from slipway.serving.experiments import Assigned
from slipway.serving.inference import Predicted
from slipway.serving.measures import OTHER, Measures
from slipway.serving.problems import Problem
from slipway.serving.release import Loaded
from slipway.serving.rules import Rule
from slipway.traffic.log import Log
from slipway.traffic.records import Prediction
from slipway.traffic.units import Units

UNIT = b"x-unit"
"""The header that says who asks."""
_UNIT = re.compile(rb"[\x21-\x7e]{1,256}")
_GONE = 499
"""What is logged as the status of a request whose sender went away before an answer (nginx's number for it)."""


class Recording:
    """ASGI middleware: each request for predictions is counted and logged.

    The application notes in `scope["state"]` what is known of the request: `model`, `predicted`
    (`Predicted`), and `assigned` (`Assigned`) if it takes part in an experiment. The state also has the `caller`, who
    asks, and its name in logs, `unit`; both are None if the request does not say.

    Args:
        app: the application.
        measures: where requests are counted.
        log: where they are logged; None for no log.
        units: gives units their names in logs; None for no log.
        named: whether a version may be a label of its own: others are counted as `OTHER`.
        answered: is told of each request to a version, with whether it failed.
    """

    def __init__(
        self,
        app: ASGIApp,
        measures: Measures,
        log: Log | None,
        units: Units | None,
        named: Callable[[Loaded | Together], bool],
        answered: Callable[[Loaded | Together, bool], None],
    ) -> None:
        self.app = app
        self._measures = measures
        self._log = log
        self._units = units
        self._named = named
        self._answered = answered

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http" or not _predicts(scope):
            await self.app(scope, receive, send)
            return
        began, state, recorded = time.perf_counter(), scope["state"], False
        state["unit"] = state["caller"] = None

        def record(status: int) -> None:
            nonlocal recorded
            if not recorded:
                recorded = True
                self._record(scope, status, time.perf_counter() - began)

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                record(message["status"])
            await send(message)

        try:
            caller = state["caller"] = unit_of(scope)
            if caller is not None and self._units is not None:
                state["unit"] = self._units.name(caller)
            await self.app(scope, receive, answer)
        except ClientDisconnect:
            record(_GONE)
            raise
        except HTTPException as error:
            state.setdefault("problem", error.title if isinstance(error, Problem) else None)
            record(error.status_code)
            raise
        except Exception:
            record(500)
            raise
        finally:
            record(_GONE)  # if it was cancelled

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        state = scope["state"]
        model: Loaded | Together | None = state.get("model")
        predicted: Predicted | None = state.get("predicted") if status < 400 else None
        name = version = ""
        if model is not None and status != _GONE:
            self._answered(model, status >= 500)
        if model is not None:
            name, version = model.model, model.model_version if self._named(model) else OTHER
        self._measures.request(name, version, _outcome(status), seconds)
        if predicted is not None:
            self._measures.predicted(name, version, len(predicted.array), predicted.seconds)
        if self._log is not None:
            assigned: Assigned | None = state.get("assigned")
            if assigned is not None and assigned.share is None:
                assigned = None  # a tester's choice
            self._log.write(
                Prediction(
                    time=datetime.now(UTC),
                    request_id=state["request_id"],
                    model=None if model is None else name,
                    model_version=None if model is None else model.model_version,
                    unit=state["unit"],
                    status=status,
                    problem=state.get("problem"),
                    examples=None if predicted is None else len(predicted.array),
                    seconds=round(seconds, 6),
                    inference_time=None if predicted is None else round(predicted.seconds, 6),
                    predictions=None if predicted is None else predicted.values or None,
                    experiment=None if assigned is None else assigned.experiment,
                    arm=None if assigned is None else assigned.arm,
                    share=None if assigned is None else assigned.share,
                ),
                keep=assigned is not None,
            )


def unit_of(scope: Scope) -> str | None:
    """Return who asks, by the header X-Unit; None without one.

    Raises:
        Problem: 422 if it is not 1 to 256 visible ASCII characters.
    """
    for name, value in scope["headers"]:
        if name == UNIT:
            if not _UNIT.fullmatch(value):
                raise Problem(422, "Invalid unit", "X-Unit must have 1 to 256 visible ASCII characters, without spaces")
            return str(value.decode("ascii"))
    return None


def _predicts(scope: Scope) -> bool:
    """Whether a request asks for predictions."""
    rule: Rule = scope["state"]["rule"]
    return scope["method"] == "POST" and "predict" in rule.scopes


def _outcome(status: int) -> str:
    """What became of a request, one of `OUTCOMES`."""
    if status < 400:
        return "answered"
    return {429: "overload", 504: "deadline", _GONE: "gone"}.get(status, "refused" if status < 500 else "failed")
