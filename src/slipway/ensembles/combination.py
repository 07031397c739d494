"""How the predictions of several models become one, in the form of their task: pure functions of arrays.

**weighted_average** is the weighted mean of probabilities, or of values with the ends of their intervals. Where each
output is decided at a threshold, the threshold is the weighted mean of those of the members: the answer is yes if the
weighted mean of the distances from the members' own thresholds is not negative. All thresholds were chosen on
validation data.

**majority** gives each member one vote for each example: for its most probable class, or for yes or no at each output
with a threshold. The prediction of a class with v of m votes, which come from members with weights that sum to w, is
(v + w) / (m + 1), as if the weights were one more voter who may share its vote. So the predictions of the classes of an
example sum to 1, the class with most votes has the highest one, equal votes are decided by the weights, and equal
weights by the order of the classes (yes before no). The sums are exact, so they do not depend on the order of the
members.

Neither suits places in a picture: the mean of two boxes or keypoints lies where neither model saw anything.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import lcm
from typing import Literal

import numpy as np

from slipway.core.spec import Spec

Strategy = Literal["weighted_average", "majority"]
Threshold = float | Sequence[float] | None
_CLASSES = frozenset({"binary", "multiclass", "multilabel"})
SUITS: dict[Strategy, frozenset[str]] = {"weighted_average": _CLASSES | {"regression"}, "majority": _CLASSES}
"""The objectives of tasks that each strategy suits."""
TIE = 0.5
"""The threshold of votes: with as many for yes as for no, of the same weight, the answer is yes."""


def weighted_average(predictions: Sequence[np.ndarray], weights: Sequence[Fraction]) -> np.ndarray:
    """Return the weighted mean [n, *p] float64 of the predictions [n, *p] of each member; the weights sum to 1.

    It is never outside of the members' predictions, also where it is rounded: equal predictions are their own mean.
    """
    each = np.asarray(predictions, np.float64)
    mean = np.tensordot(np.array([float(one) for one in weights]), each, axes=1)
    within: np.ndarray = np.clip(mean, each.min(axis=0), each.max(axis=0))
    return within


def majority(votes: Sequence[np.ndarray], weights: Sequence[Fraction]) -> np.ndarray:
    """Return (votes + their weights) / (members + 1), float64 [n, k], for the votes of each member, bool [n, k]."""
    whole = lcm(*(one.denominator for one in weights))
    worth = np.array([whole + int(one * whole) for one in weights], np.int64)
    counted = np.tensordot(worth, np.asarray(votes, np.int64), axes=1)
    shares: np.ndarray = counted / ((len(votes) + 1) * whole)
    return shares


def votes(predictions: np.ndarray, threshold: Threshold) -> np.ndarray:
    """Return the votes of a member, bool [n, k], for its predictions [n, k].

    They are for the most probable class, the first of several, or for each output at or above its `threshold`.
    """
    each = np.asarray(predictions, np.float64)
    if threshold is not None:
        decided: np.ndarray = each >= np.asarray(threshold, np.float64)
        return decided
    chosen: np.ndarray = np.arange(each.shape[1]) == each.argmax(axis=1)[:, None]
    return chosen


@dataclass(frozen=True)
class Combination:
    """How the predictions of some members become one: the strategy, and the spec and the weight of each member."""

    strategy: Strategy
    specs: tuple[Spec, ...]
    weights: tuple[Fraction, ...]

    def combine(self, predictions: Sequence[np.ndarray]) -> np.ndarray:
        """Return the predictions [n, *p] float64 for those of each member, [n, *p]."""
        if self.strategy == "weighted_average":
            return weighted_average(predictions, self.weights)
        thresholds = [one.get("threshold") for one in self.specs]
        return majority([votes(*one) for one in zip(predictions, thresholds, strict=True)], self.weights)

    @cached_property
    def spec(self) -> Spec:
        """The spec of the combined predictions: that of the first member, with the threshold and the interval of all.

        Its `input` is that of the first member alone.
        """
        combined = dict(self.specs[0])
        if (threshold := combined.get("threshold")) is not None:
            thresholds = [one["threshold"] for one in self.specs]
            combined["threshold"] = (
                [self._threshold(of_output) for of_output in zip(*thresholds, strict=True)]
                if isinstance(threshold, list)
                else self._threshold(thresholds)
            )
        if "spread" in combined:
            ends = {end: self._mean([one["spread"][end] for one in self.specs]) for end in ("low", "high")}
            combined["spread"] = {**combined["spread"], **ends}
        return combined

    def without(self, missing: Collection[int]) -> "Combination":
        """Return the combination of the other members, whose weights are scaled to sum to 1 again."""
        left = [at for at in range(len(self.specs)) if at not in missing]
        total = sum(self.weights[at] for at in left)
        return Combination(
            self.strategy, tuple(self.specs[at] for at in left), tuple(self.weights[at] / total for at in left)
        )

    def _threshold(self, thresholds: Sequence[float]) -> float:
        return TIE if self.strategy == "majority" else self._mean(thresholds)

    def _mean(self, values: Sequence[float]) -> float:
        """The weighted mean of a number of each member, rounded once."""
        return float(sum(weight * Fraction(value) for weight, value in zip(self.weights, values, strict=True)))
