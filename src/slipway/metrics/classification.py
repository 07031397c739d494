"""Scores of class probabilities: what tasks that decide between classes share.

Metrics with two classes are of the first one listed, the positive one; with more, the mean over classes. Expected
calibration error is that of Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, with 15 bins.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from slipway.core.protocol import Plot, Spec
from slipway.metrics import parity
from slipway.metrics.breakdown import Parts

CALIBRATION_BINS = 15
HISTOGRAM_BINS = 20
METRICS = frozenset({"accuracy", "precision", "recall", "f1", "roc_auc", "ece", "log_loss"})
"""What `score` gives."""


def score(targets: np.ndarray, predictions: np.ndarray, weight: np.ndarray | None = None) -> dict[str, float]:
    """Every metric, from targets [n] and probabilities [n, classes]; `weight` [n] counts each example that often.

    A class that the weighted examples lack is left out of means over classes; where that is the positive one of
    two, its precision, recall and F1 are nan, and so is ROC AUC where only one class is left.
    """
    weight = np.ones(len(targets)) if weight is None else np.asarray(weight, np.float64)
    drawn = weight > 0
    targets, weight = targets[drawn], weight[drawn]
    probabilities = np.asarray(predictions, np.float64)[drawn]
    total = weight.sum()
    if total == 0:
        return dict.fromkeys(sorted(METRICS), float("nan"))
    count = predictions.shape[1]
    chosen = probabilities.argmax(axis=1)
    correct = chosen == targets
    precision, recall, f1 = _precision_recall_f1(_confusion(targets, chosen, count, weight))
    judged = [0] if count == 2 else range(count)
    areas = np.array([roc_area(targets == one, probabilities[:, one], weight) for one in judged])
    told = probabilities[np.arange(len(targets)), targets]
    surprise = -np.log(np.clip(told, np.finfo(np.float32).eps, 1))
    return {
        "accuracy": float(weight @ correct / total),
        "precision": _mean(precision[judged]),
        "recall": _mean(recall[judged]),
        "f1": _mean(f1[judged]),
        "roc_auc": _mean(areas),
        "ece": calibration_error(probabilities.max(axis=1), correct, weight),
        "log_loss": float(weight @ surprise / total),
    }


def tables(
    groups: pd.Series,
    targets: np.ndarray,
    predictions: np.ndarray,
    names: Sequence[str],
    weight: np.ndarray | None = None,
) -> Mapping[str, pd.DataFrame]:
    """`per_class`: support, precision, recall and F1; `per_group`: examples and accuracy.

    `weight` [n] counts each example that often in the scores; support and examples are of those that there are.
    """
    weight = np.ones(len(targets)) if weight is None else weight
    chosen = predictions.argmax(axis=1)
    precision, recall, f1 = _precision_recall_f1(_confusion(targets, chosen, len(names), weight))
    per_class = pd.DataFrame(
        {
            "class": names,
            "support": np.bincount(targets, minlength=len(names)),
            "precision": precision,
            "recall": recall,
            "f1": f1,
        }
    )
    of = Parts.of(groups)
    accuracy = of.means(chosen == targets, weight)
    per_group = pd.DataFrame({"group": of.names, "n": of.counts, "accuracy": accuracy})
    return {"per_class": per_class, "per_group": per_group}


def plots(targets: np.ndarray, predictions: np.ndarray, names: Sequence[str]) -> Sequence[Plot]:
    """Confusion matrix, ROC curves, reliability curve and, for two classes, the scores of each class."""
    classes = np.array(names)
    chosen = predictions.argmax(axis=1)
    confusion = pd.DataFrame({"actual": classes[targets], "predicted": classes[chosen]})
    plots = [
        Plot("confusion", "Confusion matrix", confusion, "actual", "predicted", "confusion", "actual", "predicted"),
        roc_plot(targets, predictions, names),
        _reliability_plot(predictions.max(axis=1), chosen == targets),
    ]
    if len(names) == 2:
        plots.append(score_plot(targets, predictions[:, 0], names))
    return plots


class Classifier:
    """How class probabilities are scored; see `slipway.core.protocol.Task`."""

    metrics: ClassVar[frozenset[str]] = METRICS
    headline: ClassVar[tuple[str, ...]] = ("accuracy", "f1", "roc_auc")

    def operate(
        self, examples: pd.DataFrame, targets: np.ndarray, predictions: np.ndarray, spec: Spec
    ) -> Mapping[str, Any]:
        """Nothing is chosen: the likeliest class is the decision."""
        return {}

    def score(
        self,
        examples: pd.DataFrame,
        targets: np.ndarray,
        predictions: np.ndarray,
        spec: Spec,
        weight: np.ndarray | None = None,
    ) -> dict[str, float]:
        """The scores of class probabilities."""
        return score(targets, predictions, weight)

    def compare(self, native: np.ndarray, converted: np.ndarray, spec: Spec) -> dict[str, float]:
        """Agreement of the likeliest classes, differences of probabilities."""
        return parity.differences(native, converted, native.argmax(axis=1) == converted.argmax(axis=1))

    def tables(
        self,
        examples: pd.DataFrame,
        targets: np.ndarray,
        predictions: np.ndarray,
        spec: Spec,
        weight: np.ndarray | None = None,
    ) -> Mapping[str, pd.DataFrame]:
        """`per_class`: support, precision, recall and F1; `per_group`: examples and accuracy."""
        return tables(examples["group"], targets, predictions, spec["outputs"], weight)

    def plots(self, examples: pd.DataFrame, targets: np.ndarray, predictions: np.ndarray, spec: Spec) -> Sequence[Plot]:
        """Confusion matrix, ROC curves, reliability curve and, for two classes, the scores of each class."""
        return plots(targets, predictions, spec["outputs"])


def _mean(values: np.ndarray) -> float:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else float("nan")


def _confusion(targets: np.ndarray, chosen: np.ndarray, count: int, weight: np.ndarray) -> np.ndarray:
    """Weights by actual class (row) and predicted class (column), [count, count]."""
    cells: np.ndarray = np.bincount(targets * count + chosen, weight, count * count)
    return cells.reshape(count, count)


def _precision_recall_f1(confusion: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each class, nan where it has no examples; precision is 0 where it was never predicted."""
    hits, support, predicted = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    absent = support == 0
    precision = np.where(absent, np.nan, hits / np.where(predicted == 0, 1, predicted))
    recall = np.where(absent, np.nan, hits / np.where(absent, 1, support))
    f1 = np.where(absent, np.nan, 2 * hits / np.where(absent, 1, support + predicted))
    return precision, recall, f1


def roc_area(positive: np.ndarray, scores: np.ndarray, weight: np.ndarray) -> float:
    """The chance that a positive example scores above a negative one, ties counting half; nan without both."""
    order = scores.argsort()
    scores, mass = scores[order], weight[order]
    ones = np.where(positive[order], mass, 0)
    starts = np.flatnonzero(np.concatenate([[True], scores[1:] != scores[:-1]]))
    ones, zeros = np.add.reduceat(ones, starts), np.add.reduceat(mass - ones, starts)
    below = zeros.cumsum() - zeros / 2
    pairs = ones.sum() * zeros.sum()
    return float(ones @ below / pairs) if pairs else float("nan")


def average_precision(positive: np.ndarray, scores: np.ndarray, weight: np.ndarray) -> float:
    """The mean precision over positive examples, each at its own score as threshold; nan without positive examples."""
    order = scores.argsort()[::-1]
    scores, mass = scores[order], weight[order]
    ones = np.where(positive[order], mass, 0).cumsum()
    last = np.flatnonzero(np.concatenate([scores[1:] != scores[:-1], [True]]))
    hits, found = ones[last], mass.cumsum()[last]
    if not hits[-1]:
        return float("nan")
    precision = hits / np.where(found == 0, 1, found)
    return float(np.diff(hits, prepend=0) @ precision / hits[-1])


def calibration_error(confidence: np.ndarray, correct: np.ndarray, weight: np.ndarray) -> float:
    """The mean distance, over bins of confidence, between how sure predictions are and how often they are right."""
    gaps = np.bincount(bins(confidence), weight * (correct - confidence), CALIBRATION_BINS)
    return float(np.abs(gaps).sum() / weight.sum())


def bins(confidence: np.ndarray) -> np.ndarray:
    """The bin of each confidence; a bin holds its upper edge."""
    numbers: np.ndarray = np.ceil(confidence * CALIBRATION_BINS).astype(np.int64) - 1
    return numbers.clip(0, CALIBRATION_BINS - 1)


def roc_plot(targets: np.ndarray, predictions: np.ndarray, names: Sequence[str]) -> Plot:
    """True-positive rates at 101 false-positive rates, a column a class (with two, the positive one only)."""
    rates = np.linspace(0, 1, 101)
    shown = names[:1] if len(names) == 2 else names
    table = pd.DataFrame({"false_positive_rate": rates})
    for position, name in enumerate(shown):
        positive, scores = targets == position, predictions[:, position]
        if positive.all() or not positive.any():
            continue
        negatives = np.sort(scores[~positive])[::-1]
        allowed = np.floor(rates * len(negatives) + 1e-9).astype(np.int64)
        cut = np.concatenate([negatives, [-np.inf]])[allowed]
        table[name] = (scores[positive][:, None] > cut).mean(axis=0)
    columns = [name for name in shown if name in table]
    return Plot("roc", "ROC curve", table, "false_positive_rate", columns, "simple", "false-positive rate", "recall")


def _reliability_plot(confidence: np.ndarray, correct: np.ndarray) -> Plot:
    """How often predictions of a confidence are right: a row a bin that holds any."""
    frame = pd.DataFrame({"bin": bins(confidence), "confidence": confidence, "accuracy": correct})
    table = frame.groupby("bin").agg(
        confidence=("confidence", "mean"), accuracy=("accuracy", "mean"), n=("accuracy", "size")
    )
    table["calibrated"] = table["confidence"]
    return Plot(
        "reliability",
        "Reliability: accuracy by confidence",
        table.reset_index(drop=True),
        "confidence",
        ["accuracy", "calibrated"],
        "simple",
        "mean confidence",
        "accuracy",
    )


def score_plot(targets: np.ndarray, scores: np.ndarray, names: Sequence[str]) -> Plot:
    """How many examples of each class got which score of the positive class."""
    edges = np.linspace(0, 1, HISTOGRAM_BINS + 1)
    table = pd.DataFrame({"score": (edges[1:] + edges[:-1]) / 2})
    for position, name in enumerate(names):
        table[name] = np.histogram(scores[targets == position].clip(0, 1), edges)[0]
    return Plot("scores", f"Scores of {names[0]}", table, "score", list(names), "simple", names[0], "examples")
