"""Does another version answer as production does? A sample of its requests is predicted by production too.

This happens after the answer was sent, and only while no request waits for a model. Whether the two agree goes into the
log of outcomes, as the metric `agreement` of the request: 1 if they agree on all of its examples, else 0.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from slipway.experiments import assignment
from slipway.experiments.definition import AGREEMENT
from slipway.serving.ensembles import Together
from slipway.serving.experiments import ROLE, Assigned
from slipway.serving.inference import Inference, Predicted
from slipway.serving.models import Models
from slipway.serving.problems import Problem
from slipway.serving.release import Loaded
from slipway.traffic.log import Log
from slipway.traffic.records import Outcome
from slipway_edge.tasks.tabular_classification import DECISION

TOLERANCE = 0.01
"""Two numbers agree if they differ by no more than this share of that of production, as a converted model must."""
OVERLAP = 0.5
"""Two boxes are of the same object if their intersection is at least this share of their union."""
DISTANCE = 0.1
"""Two keypoints agree if they are no further apart than this share of the larger side of the person (PCK at 0.1)."""
VISIBLE = 0.5
"""The least score with which production finds a keypoint that must agree."""


class Shadow:
    """Lets production predict what other versions answered.

    Args:
        models: the versions that answer.
        inference: which knows whether requests wait.
        predict: gives the predictions of a version.
        log: that of outcomes; None without a log.
        share: percent of the requests, by their id.
    """

    def __init__(
        self,
        models: Models,
        inference: Inference,
        predict: Callable[[Loaded, list[Any]], Awaitable[Predicted]],
        log: Log | None,
        share: float,
    ) -> None:
        self._models = models
        self._inference = inference
        self._predict = predict
        self._log = log
        self._sample = assignment.rollout("shadow", share)
        self._task: asyncio.Task[None] | None = None

    def consider(self, assigned: Assigned, given: list[Any], predicted: Predicted, request_id: str) -> None:
        """Compare an answer that was sent with that of production, if its request is one of the sample.

        Args:
            assigned: the arm of the request and the version that answered.
            given: its raw examples.
            predicted: its predictions.
            request_id: its id.
        """
        production = self._models.serving.get((self._variant(assigned), ROLE))
        if production is None or assigned.share is None or self._sample.of(request_id) is None:
            return
        compared = {one.id: AGREEMENT in one.definition.metrics for one in self._models.roles.experiments}
        if not compared.get(assigned.experiment, True):
            return
        if assigned.model is not production:
            if not self._inference.waiting and (self._task is None or self._task.done()):
                self._task = asyncio.create_task(self._compare(production, given, predicted, request_id))
        elif assigned.experiment in compared:  # a control; a rollout asks about the canary alone
            self._write(request_id, True)

    def _variant(self, assigned: Assigned) -> str:
        """The variant that the request named; an ensemble answers for the model of its experiment."""
        if isinstance(assigned.model, Together):
            running = {one.id: one.definition.model for one in self._models.roles.experiments}
            return running.get(assigned.experiment, "")
        return assigned.model.version.variant

    async def _compare(self, production: Loaded, given: list[Any], predicted: Predicted, request_id: str) -> None:
        try:
            other = await self._predict(production, given)
        except Problem:
            return  # production does not answer this request, so nothing is known
        pairs = zip(predicted.values, other.values, strict=True)
        self._write(request_id, all(agree(one, theirs) for one, theirs in pairs))

    def _write(self, request_id: str, agrees: bool) -> None:
        if self._log is not None:
            self._log.write(Outcome(datetime.now(UTC), AGREEMENT, float(agrees), request_id, None, None))


def agree(answer: Any, production: Any) -> bool:
    """Return whether two predictions of an example, in the form for callers, say the same.

    Classes: the same most probable class. A decision at a threshold, or several labels: the same. Numbers: within
    `TOLERANCE`. Boxes: as many, each with one of the same label that overlaps it by `OVERLAP`. Keypoints: those that
    production finds, within `DISTANCE`. Predictions of different forms do not agree.
    """
    if isinstance(answer, list) and isinstance(production, list):
        return _same_boxes(answer, production)
    if not (isinstance(answer, dict) and isinstance(production, dict) and answer.keys() == production.keys()):
        return False
    for decided in (DECISION, "labels"):
        if decided in production:
            return bool(answer[decided] == production[decided])
    if all(isinstance(one, dict) for one in production.values()):
        return _same_points(answer, production)
    numbers = [name for name, value in production.items() if isinstance(value, int | float)]
    if len(numbers) == 1:  # beside it may be the ends of its interval
        value = production[numbers[0]]
        return bool(abs(answer[numbers[0]] - value) <= TOLERANCE * abs(value))
    return bool(max(numbers, key=answer.__getitem__) == max(numbers, key=production.__getitem__))


def _same_boxes(boxes: list[Mapping[str, Any]], others: list[Mapping[str, Any]]) -> bool:
    left = list(others)
    for box in boxes:
        alike = [one for one in left if one["label"] == box["label"] and _overlap(box, one) >= OVERLAP]
        if not alike:
            return False
        left.remove(max(alike, key=lambda one: _overlap(box, one)))
    return not left


def _overlap(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    """The intersection of two boxes as a share of their union."""
    sides = [
        min(one[at] + one[size] / 2, other[at] + other[size] / 2)
        - max(one[at] - one[size] / 2, other[at] - other[size] / 2)
        for at, size in (("x", "width"), ("y", "height"))
    ]
    common = max(sides[0], 0.0) * max(sides[1], 0.0)
    union = one["width"] * one["height"] + other["width"] * other["height"] - common
    return common / union if union > 0 else 0.0


def _same_points(points: Mapping[str, Mapping[str, float]], others: Mapping[str, Mapping[str, float]]) -> bool:
    found = {name: one for name, one in others.items() if one["score"] >= VISIBLE}
    if not found:
        return True
    sides = [max(one[axis] for one in found.values()) - min(one[axis] for one in found.values()) for axis in "xy"]
    return all(
        max(abs(points[name]["x"] - one["x"]), abs(points[name]["y"] - one["y"])) <= DISTANCE * max(sides)
        for name, one in found.items()
    )
