"""Choose the threshold from which a probability is a positive decision, on the validation split.

`targets` [n] are 1 for positive examples and 0 for the others, and `probability` [n] is that of the positive class.
Each function returns JSON values: the `threshold`, and the scores at it on these examples. A threshold that is chosen
by the examples is halfway between two scores.

Precision and recall are estimated from few examples, so it is their one-sided lower confidence bound that must reach
what is required (Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 1927). The bound
assumes independent examples and holds for one threshold; the best of many thresholds is a little worse on new data.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field
from scipy.stats import norm

from slipway.core.config import Section, Share

CHOSEN = {
    "precision": "a threshold chosen on the validation split",
    "recall": "a threshold chosen on the validation split",
    "f1": "a threshold chosen on the validation split",
    "accuracy": "the more probable class",
    "cost": "the threshold of the lowest expected cost",
}
"""How the threshold came about, in words, by what it is chosen for."""


class Cost(Section):
    """What a mistake costs, in any unit."""

    false_positive: Annotated[float, Field(gt=0)] = 1.0
    false_negative: Annotated[float, Field(gt=0)] = 1.0


class Decision(Section):
    """What the threshold of a decision is chosen for, on the validation split; a part of the `data` section.

    `threshold`: the highest recall with at least `precision`; the highest threshold with at least `recall` (both with
    that `confidence`); the highest `f1`; the highest `accuracy`, which is at 0.5; or the lowest `cost` of mistakes.
    """

    threshold: Literal["precision", "recall", "f1", "accuracy", "cost"] = "precision"
    precision: Share = 0.80
    recall: Share = 0.80
    confidence: Annotated[float, Field(ge=0.5, lt=1)] = 0.95
    cost: Cost = Cost()


def choose(decision: Decision, targets: np.ndarray, probability: np.ndarray) -> dict[str, Any]:
    """Choose the threshold that a configuration asks for.

    If no threshold has the required precision, it is the one with the highest F1; if none has the required recall, the
    one that finds all positive examples. `chosen_by` says so.

    Returns:
        `threshold`, `chosen_by` (what it was chosen for, in words), and the scores at it on these examples.

    Raises:
        ValueError: no example is positive.
    """
    match decision.threshold:
        case "precision":
            point = least_precision(targets, probability, decision.precision, decision.confidence)
            chosen, otherwise = "recall at the least precision", "f1: no threshold has the least precision"
        case "recall":
            point = least_recall(targets, probability, decision.recall, decision.confidence)
            chosen, otherwise = "the least recall", "recall 1: no threshold has the least recall"
        case "f1":
            point = highest_f1(targets, probability)
            chosen = otherwise = "f1"
        case "accuracy":
            point = lowest_cost(targets, probability, 1, 1)
            chosen = otherwise = "accuracy: the more probable class"
        case "cost":
            costs = decision.cost.false_positive, decision.cost.false_negative
            point = lowest_cost(targets, probability, *costs)
            chosen = otherwise = f"cost: {costs[0]:g} for a false positive, {costs[1]:g} for a false negative"
    return {
        "threshold": point.pop("threshold"),
        "chosen_by": chosen if point.pop("reached", True) else otherwise,
    } | point


@dataclass(frozen=True)
class Cuts:
    """All decisions that a threshold can make, highest threshold first; arrays are [cuts].

    `threshold`; `hits`, how many positive examples are decided positive; `found`, how many examples are. `support` is
    the number of positive examples, and `examples` of all.
    """

    threshold: np.ndarray
    hits: np.ndarray
    found: np.ndarray
    support: int
    examples: int

    @classmethod
    def of(cls, targets: np.ndarray, probability: np.ndarray) -> Self:
        """Return the cuts between the scores of examples.

        Raises:
            ValueError: no example is positive.
        """
        positive = np.asarray(targets) == 1
        if not positive.any():
            raise ValueError("no example is positive")
        order = np.argsort(-np.asarray(probability, np.float64), kind="stable")
        scores = np.asarray(probability, np.float64)[order]
        last = np.flatnonzero(np.concatenate([scores[1:] != scores[:-1], [True]]))
        below = np.append(scores[last[:-1] + 1], 0.0)
        hits, found = positive[order].cumsum()[last], last + 1.0
        return cls((scores[last] + below) / 2, hits, found, int(positive.sum()), len(positive))

    def at(self, cut: int) -> dict[str, Any]:
        """Return the threshold of a cut, and precision and recall there."""
        return {
            "threshold": round(float(self.threshold[cut]), 9),
            "precision": round(float(self.hits[cut] / self.found[cut]), 6),
            "recall": round(float(self.hits[cut] / self.support), 6),
        }

    @property
    def f1(self) -> np.ndarray:
        """The harmonic mean of precision and recall."""
        scores: np.ndarray = 2 * self.hits / (self.found + self.support)
        return scores


def least_precision(
    targets: np.ndarray, probability: np.ndarray, precision: float, confidence: float
) -> dict[str, Any]:
    """Choose the threshold of highest recall among those with at least `precision`, with that `confidence`.

    If no threshold reaches `precision`, the one of highest F1 is chosen, and `reached` is False.

    Returns:
        `threshold`, `reached`, the scores on these examples: `precision`, `precision_low` (the bound) and `recall`; and
        the requirements: `least_precision` and `confidence`.

    Raises:
        ValueError: no example is positive.
    """
    cuts = Cuts.of(targets, probability)
    low = wilson(cuts.hits, cuts.found, confidence)
    enough = low >= precision
    best = int((np.where(enough, cuts.hits, -1) if enough.any() else cuts.f1).argmax())
    return {
        **cuts.at(best),
        "reached": bool(enough.any()),
        "least_precision": precision,
        "confidence": confidence,
        "precision_low": round(float(low[best]), 6),
    }


def least_recall(targets: np.ndarray, probability: np.ndarray, recall: float, confidence: float) -> dict[str, Any]:
    """Choose the highest threshold with at least `recall`, with that `confidence`.

    If no threshold reaches `recall`, the highest one that finds all positive examples is chosen, and `reached` is
    False.

    Returns:
        As `least_precision`, with `recall_low` and `least_recall`.

    Raises:
        ValueError: no example is positive.
    """
    cuts = Cuts.of(targets, probability)
    low = wilson(cuts.hits, np.full(len(cuts.hits), cuts.support), confidence)
    enough = low >= recall
    best = int((enough if enough.any() else cuts.hits == cuts.support).argmax())
    return {
        **cuts.at(best),
        "reached": bool(enough.any()),
        "least_recall": recall,
        "confidence": confidence,
        "recall_low": round(float(low[best]), 6),
    }


def highest_f1(targets: np.ndarray, probability: np.ndarray) -> dict[str, Any]:
    """Choose the threshold of highest F1.

    Raises:
        ValueError: no example is positive.
    """
    cuts = Cuts.of(targets, probability)
    return cuts.at(int(cuts.f1.argmax()))


def lowest_cost(
    targets: np.ndarray, probability: np.ndarray, false_positive: float, false_negative: float
) -> dict[str, Any]:
    """Return the threshold from which a positive decision has the lower expected cost, if probabilities are calibrated.

    It depends on the costs alone (Elkan, "The Foundations of Cost-Sensitive Learning", IJCAI 2001). With equal costs it
    is 0.5, which gives the highest accuracy.
    """
    threshold = false_positive / (false_positive + false_negative)
    positive, decided = np.asarray(targets) == 1, np.asarray(probability, np.float64) >= threshold
    hits = int((positive & decided).sum())
    return {
        "threshold": round(threshold, 9),
        "precision": round(hits / max(int(decided.sum()), 1), 6),
        "recall": round(hits / max(int(positive.sum()), 1), 6),
        "accuracy": round(float((positive == decided).mean()), 6),
        "mean_cost": round(
            float((false_positive * (decided & ~positive) + false_negative * (positive & ~decided)).mean()), 6
        ),
    }


def wilson(hits: np.ndarray, trials: np.ndarray, confidence: float) -> np.ndarray:
    """Return the one-sided lower confidence bound of a share, hits [n] of trials [n]."""
    z = float(norm.ppf(confidence))
    share = hits / trials
    spread = z * np.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
    bound: np.ndarray = (share + z**2 / (2 * trials) - spread) / (1 + z**2 / trials)
    return bound
