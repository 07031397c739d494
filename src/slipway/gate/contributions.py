"""What each test example adds to a score, where the score is a ratio of sums over examples.

A bootstrap of such a score is two matrix products instead of a thousand evaluations, and each example can be shown with
what it did: whether it was decided right, or how far off it was. Tasks are told apart by the spec's `objective`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from slipway.core.protocol import Spec, Task
from slipway.metrics import keypoints
from slipway.metrics.boxes import Matches

Ratio = tuple[np.ndarray, np.ndarray]
"""Numerator and denominator of each example, [n] each."""


@dataclass(frozen=True, eq=False)
class Scored:
    """One model on the test examples: rows [n] of the index, targets and predictions [n, ...], spec with threshold.

    `task` is this model's own: tasks keep what they matched last.
    """

    task: Task
    spec: Spec
    examples: pd.DataFrame
    targets: np.ndarray
    predictions: np.ndarray

    def score(self, weight: np.ndarray | None = None) -> dict[str, float]:
        """Every metric of the task; `weight` [n] counts each example that often."""
        return self.task.score(self.examples, self.targets, self.predictions, self.spec, weight)

    @property
    def groups(self) -> pd.Series:
        """[n] the group of each example."""
        return self.examples["group"]

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes that are decided between, none where the task has no such decision."""
        return tuple(self.spec["classes"]) if self.decisions is not None else ()

    @property
    def actual(self) -> np.ndarray:
        """[n] the class of each example by name."""
        actual: np.ndarray = np.array(self.classes)[self._actual]
        return actual

    @property
    def decisions(self) -> np.ndarray | None:
        """[n] the class decided for each example by name, None where nothing of the kind is decided."""
        match self.spec["objective"]:
            case "multiclass":
                likeliest: np.ndarray = np.array(self.spec["outputs"])[self.predictions.argmax(axis=1)]
                return likeliest
            case "binary":
                positive, negative = self.spec["classes"]
                decided = self.predictions[:, 0].astype(np.float64) >= self.spec["threshold"]
                decisions: np.ndarray = np.where(decided, positive, negative)
                return decisions
            case _:
                return None

    @cached_property
    def right(self) -> np.ndarray | None:
        """[n] whether each example was decided right; of pictures, whether all objects were found and nothing else."""
        if self.decisions is not None:
            right: np.ndarray = np.equal(self.decisions, self.actual)
            return right
        if self.spec["objective"] == "boxes":
            found, objects = self._found
            false, _ = self._false
            all_found: np.ndarray = (found == objects) & (false == 0)
            return all_found
        return None

    @cached_property
    def errors(self) -> np.ndarray | None:
        """[n] how far off each example is, where that is a length or an amount: in the target's unit or in shares."""
        match self.spec["objective"]:
            case "regression":
                actual = self.examples["label"].to_numpy(np.float64)
                errors: np.ndarray = np.abs(self.predictions.reshape(-1).astype(np.float64) - actual)
                return errors
            case "keypoints":
                off, annotated = self._distances
                means: np.ndarray = off.sum(axis=1) / np.maximum(annotated.sum(axis=1), 1)
                return means
            case _:
                return None

    def ratio(self, metric: str) -> Ratio | None:
        """The parts of a metric, None where it is no such ratio."""
        ones = np.ones(len(self.examples))
        match self.spec["objective"], metric:
            case (("multiclass" | "binary"), "accuracy") if self.right is not None:
                return self.right.astype(float), ones
            case (("multiclass" | "binary"), ("recall" | "f1")) if len(self.classes) == 2:
                positive, decided = (
                    (np.asarray(one) == self.classes[0]).astype(float) for one in (self.actual, self.decisions)
                )
                hits = positive * decided
                return (hits, positive) if metric == "recall" else (2 * hits, positive + decided)
            case "regression", "mae" if self.errors is not None:
                return self.errors, ones
            case "regression", "mae_ratio_to_naive" if self.errors is not None:
                off = np.abs(self.examples["naive"] - self.examples["label"].astype(float)).to_numpy()
                known = ~np.isnan(off)
                return np.where(known, self.errors, 0), np.where(known, off, 0)
            case "keypoints", "pck":
                off, annotated = self._distances
                near = (off <= keypoints.PCK_THRESHOLD) & annotated
                return near.sum(axis=1).astype(float), annotated.sum(axis=1).astype(float)
            case "keypoints", "mean_error":
                off, annotated = self._distances
                return off.sum(axis=1), annotated.sum(axis=1).astype(float)
            case "boxes", "detection_rate":
                return self._found
            case "boxes", "false_positives_per_picture":
                return self._false
            case _:
                return None

    def recall(self, name: str) -> Ratio | None:
        """The parts of one class's recall, None where the task has no classes to decide between."""
        if self.decisions is None:
            return None
        of = self.actual == name
        return (of & (self.decisions == name)).astype(float), of.astype(float)

    @property
    def _actual(self) -> np.ndarray:
        return self.targets.astype(np.int64) if self.spec["objective"] == "multiclass" else 1 - self.targets

    @cached_property
    def _matches(self) -> Matches:
        return Matches(self.targets, self.predictions, self.spec["input"]["shape"])

    @cached_property
    def _found(self) -> Ratio:
        matches = self._matches
        found = (matches.found >= self.spec["threshold"]) & (matches.found > 0)
        return _count(matches.example[found], len(self.examples)), _count(matches.example, len(self.examples))

    @cached_property
    def _false(self) -> Ratio:
        matches = self._matches
        false = (matches.score >= self.spec["threshold"]) & ~matches.hit
        return _count(matches.detected[false], len(self.examples)), np.ones(len(self.examples))

    @cached_property
    def _distances(self) -> tuple[np.ndarray, np.ndarray]:
        """Of each keypoint, the distance as a share of the box's longer side, 0 where not annotated; and whether it is.

        Both are [n, keypoints]. Shares of the crop become pixels as the task has them.
        """
        crop = self.examples[["crop_x", "crop_y", "crop_width", "crop_height"]].to_numpy(np.float64)
        size = np.array([max(box[2:]) for box in self.examples["box"]], np.float64)
        truth, found = (_in_pixels(points, crop) for points in (self.targets, self.predictions))
        return keypoints.errors(truth, found, size), truth[..., 2] > 0


def _in_pixels(points: np.ndarray, crop: np.ndarray) -> np.ndarray:
    pixels = points.astype(np.float64)
    pixels[..., :2] = pixels[..., :2] * crop[:, None, 2:] + crop[:, None, :2]
    return pixels


def _count(numbers: np.ndarray, length: int) -> np.ndarray:
    counts: np.ndarray = np.bincount(numbers, minlength=length).astype(float)
    return counts


def aligned(scored: Scored, names: Sequence[str]) -> Scored | None:
    """The same with its examples in the order of `names`, None where one of them is missing."""
    position = pd.Index(scored.examples["example"]).get_indexer(pd.Index(names))
    if (position < 0).any():
        return None
    examples = scored.examples.iloc[position].reset_index(drop=True)
    return Scored(scored.task, scored.spec, examples, scored.targets[position], scored.predictions[position])
