"""Run models: one thread for each worker beside the event loop, which is never blocked for long.

Rows of requests that wait in the same turn of the event loop go through a model together: there is no timer, so a
single request does not wait. Where a model takes under a millisecond, they run on the event loop itself, which saves
two changes of thread. Pictures and sounds are never combined, since a batch of them leaves the caches of the processor.

A model is used by one thread at a time: the event loop runs it only while it has no job on the thread.
"""

import asyncio
import logging
import math
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from slipway.core.errors import DataError, ModelError
from slipway.serving.background import Background
from slipway.serving.problems import Problem
from slipway.serving.release import Loaded

logger = logging.getLogger("slipway.serving")

MOST_TOGETHER = 64
"""The most rows that go through a model together, and that run on the event loop."""


@dataclass(frozen=True)
class Predicted:
    """The result for the examples of a request.

    `array` are the predictions [n, *p] as `Predictor.predict_array` gives them, `values` the same in the form for
    callers (empty for encoded examples), and `seconds` the time from raw examples to these, for all requests that went
    through together. `missing` are the members of an ensemble that failed, so that the rest answered.
    """

    array: np.ndarray
    values: list[Any]
    seconds: float
    missing: tuple[str, ...] = ()


Outcome = Predicted | Exception
Work = Callable[[Any], tuple[np.ndarray, list[Any]]]
"""What gives the predictions of examples, as an array and for callers."""


@dataclass(eq=False)
class _Waiting:
    """The examples of one request, what gives their predictions, and where the result goes."""

    examples: Any
    done: "asyncio.Future[Predicted]"
    work: Work

    def answer(self, outcome: Outcome) -> None:
        if self.done.done():  # its deadline has passed
            return
        if isinstance(outcome, Exception):
            self.done.set_exception(outcome)
        else:
            self.done.set_result(outcome)


@dataclass(eq=False)
class _Turn:
    """The requests of one turn of the event loop for a model."""

    model: Loaded
    requests: list[_Waiting] = field(default_factory=list)


class Inference:
    """The models' thread of a worker, with the requests that wait for it; `most_waiting` bounds them."""

    def __init__(self, most_waiting: int) -> None:
        self._most_waiting = most_waiting
        self._thread = Background("models")
        self._turns: dict[Loaded, _Turn] = {}
        self._mean = 0.0
        self.waiting = 0
        """The number of jobs on the thread or waiting for it; requests that go through a model together are one."""

    def start(self) -> None:
        """Start the thread, for the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    async def predict(self, model: Loaded, examples: Sequence[Any], deadline: float) -> Predicted:
        """Return the predictions of raw examples, at least one.

        Raises:
            DataError: an example cannot be used; the message says which one.
            ModelError: the model gives values that are not finite.
            Problem: 429 if too many requests wait, 504 if `deadline` seconds pass.
        """
        request = _Waiting(examples, self._loop.create_future(), partial(of_raw, model))
        if model.by_row and len(examples) <= MOST_TOGETHER:
            self._join(model, request)
        else:
            self._submit(model, [request])
        return await self._answered(model, request, deadline)

    async def predict_encoded(self, model: Loaded, inputs: np.ndarray, deadline: float) -> Predicted:
        """Return the predictions of encoded examples [n, *shape]; it raises the same as `predict`."""
        return await self.run(model, inputs, partial(_of_encoded, model), deadline)

    async def run(self, model: Loaded, examples: Any, work: Work, deadline: float) -> Predicted:
        """Return what `work` gives for examples, on the thread of models; it raises the same as `predict`."""
        request = _Waiting(examples, self._loop.create_future(), work)
        self._submit(model, [request])
        return await self._answered(model, request, deadline)

    async def _answered(self, model: Loaded, request: _Waiting, deadline: float) -> Predicted:
        try:
            async with asyncio.timeout(deadline):
                return await request.done
        except TimeoutError:
            raise Problem(
                504, "Deadline passed", f"{model.version.name} did not answer within {deadline:g} s; try again later"
            )

    def _join(self, model: Loaded, request: _Waiting) -> None:
        """Add a request to those of this turn of the event loop, which run at its end."""
        turn = self._turns.get(model)
        if turn is None:
            turn = self._turns[model] = _Turn(model)
            self._loop.call_soon(self._run, turn)
        turn.requests.append(request)

    def _run(self, turn: _Turn) -> None:
        """Run the requests of a turn, in groups of at most `MOST_TOGETHER` rows."""
        del self._turns[turn.model]
        for group in _groups(turn.requests):
            if turn.model.quick and not turn.model.busy:
                for request, outcome in zip(group, _outcomes(turn.model, group), strict=True):
                    request.answer(outcome)
                continue
            try:
                self._submit(turn.model, group)
            except Problem as problem:
                for request in group:
                    request.answer(problem)

    def _submit(self, model: Loaded, requests: list[_Waiting]) -> None:
        """Give requests to the thread as one job."""
        if self.waiting >= self._most_waiting:
            seconds = max(1, math.ceil(self._mean * self.waiting))
            raise Problem(
                429,
                "Too many requests",
                f"{self.waiting} requests wait for a model, as many as may; try again in {seconds} s",
                {"Retry-After": str(seconds)},
            )
        self.waiting += 1
        model.busy += 1

        def job() -> list[tuple[_Waiting, Outcome]]:
            left = [one for one in requests if not one.done.done()]
            return list(zip(left, _outcomes(model, left), strict=True)) if left else []

        def finish(done: "asyncio.Future[list[tuple[_Waiting, Outcome]]]") -> None:
            self.waiting -= 1
            model.busy -= 1
            for request, outcome in done.result():
                if isinstance(outcome, Predicted):
                    self._mean += 0.1 * (outcome.seconds - self._mean)
                request.answer(outcome)

        self._thread.run(job).add_done_callback(finish)


def _groups(requests: list[_Waiting]) -> list[list[_Waiting]]:
    """Requests in groups of at most `MOST_TOGETHER` rows, all with the same columns, in order.

    A column is missing if no row has it. With other columns beside it, a request would be checked differently.
    """
    groups: list[list[_Waiting]] = []
    rows, names = 0, None
    for request in requests:
        given = (
            request.examples[0].keys() if len(request.examples) == 1 else {n for row in request.examples for n in row}
        )
        if not groups or names != given or rows + len(request.examples) > MOST_TOGETHER:
            groups.append([])
            rows, names = 0, given
        groups[-1].append(request)
        rows += len(request.examples)
    return groups


def _outcomes(model: Loaded, requests: Sequence[_Waiting]) -> list[Outcome]:
    """The result or the error of each request, all of which go through the model together if none has an error."""
    if len(requests) == 1:
        return [_outcome(model, requests[0].examples, requests[0].work)]
    together = _outcome(model, [example for request in requests for example in request.examples], requests[0].work)
    if isinstance(together, Exception):  # perhaps one of them is to blame
        return [_outcome(model, request.examples, request.work) for request in requests]
    found: list[Outcome] = []
    at = 0
    for request in requests:
        part = slice(at, at + len(request.examples))
        found.append(Predicted(together.array[part], together.values[part], together.seconds))
        at = part.stop
    return found


def of_raw(model: Loaded, examples: Any) -> tuple[np.ndarray, list[Any]]:
    """Return the predictions of raw examples, as an array and for callers."""
    predictor = model.predictor
    array = predictor.predict_array(examples)
    return array, predictor.task.present(array, examples, predictor.spec)


def _of_encoded(model: Loaded, inputs: np.ndarray) -> tuple[np.ndarray, list[Any]]:
    predictor = model.predictor
    return predictor.task.postprocess(predictor.interpreter(inputs), inputs, predictor.spec), []


def _outcome(model: Loaded, examples: Any, work: Work) -> Outcome:
    """What the model gives for examples, or the error."""
    start = time.perf_counter()
    try:
        array, values = work(examples)
        if not np.isfinite(array).all():
            raise ModelError(f"{model.version.name} gives values that are not finite")
    except (DataError, ModelError, Problem) as error:
        return error
    except Exception as error:  # one request must not end the thread
        # Without its text, which could hold an input.
        places = "".join(traceback.format_tb(error.__traceback__))
        logger.error("%s failed: %s\n%s", model.version.name, type(error).__name__, places)
        return ModelError(f"{model.version.name} failed: {type(error).__name__}")
    return Predicted(array, values, time.perf_counter() - start)
