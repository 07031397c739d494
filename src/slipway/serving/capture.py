"""Capture requests for labelling: a random share of them, and every example that the model is unsure of.

It is off unless the server is told otherwise. Nothing waits for it: a request is looked at when its answer was sent,
and a thread beside the event loop writes what is captured (`slipway.serving.review`). What the thread is too slow for,
or cannot write, is dropped and counted.

The share is drawn by the hash of a request's id, so it can be known beforehand which requests are in it. Only examples
marked `sampled` may estimate how good a model is: those that are only `unsure` are its difficult ones.

The confidence of a prediction is that of its least sure decision:

    one of several classes      the probability of the most probable class
    two classes, each label     the probability p or 1 - p, whichever is larger
    boxes                       the lowest score among the boxes of the answer
    numbers, keypoints          none: their requests are in the sample only
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np

from slipway.core.errors import SlipwayError
from slipway.experiments.assignment import Range, Split
from slipway.serving import review
from slipway.serving.background import Background
from slipway.serving.inference import Predicted
from slipway.serving.measures import Measures
from slipway.serving.raw_layout import RawLayout
from slipway.serving.release import Loaded
from slipway.serving.review import Captured, Fate, ReviewFolder
from slipway.serving.settings import Capturing
from slipway_edge.classes import Classifier, MultiLabel
from slipway_edge.tasks import object_detection, tabular_classification

MOST_WAITING = 1000
"""The most examples that wait for the thread, unless one request has more."""
MOST_BYTES = 64_000_000
"""The most bytes of files that wait for the thread, unless one request has more."""
TIDY = 3600.0
"""Seconds between two times at which old captures are removed."""
SALT = "slipway capture"
logger = logging.getLogger("slipway.serving")


class Capture:
    """The captures of a worker. `problem` says why they cannot be written; None if they can."""

    def __init__(self, capturing: Capturing, measures: Measures) -> None:
        self.problem: str | None = None
        self._capturing = capturing
        self._measures = measures
        self._sample = Split(SALT, (Range("sampled", Fraction(0), 100 * Fraction(str(capturing.share))),))
        self._thread = Background("capture")
        self._folders: dict[str, ReviewFolder] = {}
        self._waiting = self._bytes = 0

    def start(self) -> None:
        """Start the thread, for the running event loop."""
        self._thread.start()

    async def run(self) -> None:
        """Remove old captures, now and every hour, until the task is cancelled."""
        while True:
            try:
                await self._thread.run(self._tidy)
                self.problem = None
            except Exception as error:  # it must go on
                self._fail(error)
            await asyncio.sleep(TIDY)

    def sampled(self, request_id: str) -> bool:
        """Return whether a request is in the random share."""
        return self._sample.of(request_id) is not None

    def offer(self, state: Mapping[str, Any]) -> None:
        """Capture what is to be captured of a request, when its answer was sent.

        Args:
            state: what is known of the request: `examples` (raw), `model`, `predicted`, `request_id` and `unit`. A
                request without raw examples, such as one with encoded inputs, is not captured.
        """
        given = state.get("examples")
        if given is None:
            return
        model: Loaded = state["model"]
        predicted: Predicted = state["predicted"]
        sampled = self.sampled(state["request_id"])
        confidence = confidences(model, predicted.array)
        unsure = None if confidence is None else confidence < self._capturing.below
        if not sampled and (unsure is None or not unsure.any()):
            return
        if not model.by_row and model.takes_rows:  # a forecast, of the rows without a value
            target = model.predictor.record["data"]["target"]
            given = [row for row in given if row.get(target) in (None, "")]
            if len(given) != len(predicted.values):  # the variant has other marks of a missing value
                self._measures.dropped(model.version.variant, "unfit", len(predicted.values))
                return
        now, version = datetime.now(UTC), model.version
        chosen = [
            Captured(
                now,
                state["request_id"],
                number + 1,
                version.variant,
                version.version,
                state["unit"],
                sampled,
                unsure is not None and bool(unsure[number]),
                None if confidence is None or not np.isfinite(confidence[number]) else float(confidence[number]),
                prediction,
                example,
            )
            for number, (example, prediction) in enumerate(zip(given, predicted.values, strict=True))
            if sampled or (unsure is not None and unsure[number])
        ]
        self._submit(model, chosen)

    def _submit(self, model: Loaded, chosen: Sequence[Captured]) -> None:
        """Give captures to the thread, unless too many wait for it."""
        variant, count = model.version.variant, len(chosen)
        size = sum(_bytes_of(one.given) for one in chosen)
        if self._waiting and (self._waiting + count > MOST_WAITING or self._bytes + size > MOST_BYTES):
            self._measures.dropped(variant, "busy", count)
            return
        self._waiting += count
        self._bytes += size

        def finish(done: "asyncio.Future[list[Fate]]") -> None:
            self._waiting -= count
            self._bytes -= size
            if done.cancelled():
                return
            if (error := done.exception()) is not None:
                self._fail(error)
                self._measures.dropped(variant, "failed", count)
                return
            self.problem = None
            for one, fate in zip(chosen, done.result(), strict=True):
                if fate == "kept":
                    self._measures.captured(variant, "sampled" if one.sampled else "unsure")
                else:
                    self._measures.dropped(variant, fate, 1)

        self._thread.run(partial(self._write, model, chosen)).add_done_callback(finish)

    def _write(self, model: Loaded, chosen: Sequence[Captured]) -> list[Fate]:
        return self._folder(model.version.variant).keep(RawLayout.of(model), chosen)

    def _tidy(self) -> None:
        today = datetime.now(UTC).date()
        review.begin(self._capturing.folder)
        errors: list[Exception] = []
        for path in sorted(self._capturing.folder.iterdir()):
            if path.is_dir() and not path.name.startswith("."):
                try:
                    self._folder(path.name).tidy(today, self._capturing.days)
                except (SlipwayError, OSError) as error:  # the others are tidied all the same
                    errors.append(error)
        if errors:
            raise errors[0]

    def _folder(self, variant: str) -> ReviewFolder:
        if variant not in self._folders:
            self._folders[variant] = ReviewFolder(self._capturing.folder / variant, self._capturing.most_bytes)
        return self._folders[variant]

    def _fail(self, error: BaseException) -> None:
        """Say what is wrong, once until it works again; of an error that nobody foresaw its kind alone."""
        expected = isinstance(error, SlipwayError | OSError)
        problem = f"requests cannot be captured for labelling: {error if expected else type(error).__name__}"
        if self.problem is None:
            logger.warning("%s", problem)
        self.problem = problem


def confidences(model: Loaded, predictions: np.ndarray) -> np.ndarray | None:
    """Return the confidence [n] of predictions [n, *p]; None if those of the model have none.

    It is infinite where there is no decision: a picture without boxes.
    """
    task = model.predictor.task
    if isinstance(task, MultiLabel | tabular_classification.Task):
        surer: np.ndarray = np.maximum(predictions, 1 - predictions).min(axis=1)
        return surer
    if isinstance(task, Classifier):
        return np.asarray(predictions.max(axis=1))
    if isinstance(task, object_detection.Task):
        scores = predictions[:, :, 4]
        lowest: np.ndarray = np.where(scores >= model.predictor.spec["threshold"], scores, np.inf).min(axis=1)
        return lowest
    return None


def _bytes_of(given: Any) -> int:
    """The bytes of an example that is a file."""
    content = given[0] if isinstance(given, tuple) else given
    return len(content) if isinstance(content, bytes) else 0
