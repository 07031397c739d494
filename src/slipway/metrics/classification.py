"""Scores of class probabilities, shared by the classification tasks.

With two classes, metrics are those of the first class listed, the positive one; with more, the mean over classes.
Expected calibration error follows Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, with 15 bins.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from slipway.core.metric import Metric, named
from slipway.core.protocol import Contributions, Plot, Words
from slipway.core.spec import Spec
from slipway.metrics import parity, precision_recall
from slipway.metrics.breakdown import Parts

CALIBRATION_BINS = 15
HISTOGRAM_BINS = 20
RATES = np.linspace(0, 1, 101)
"""The false-positive rates and the recalls of the points of a curve."""
OF_CLASSES = "; with two classes that of the first, otherwise the mean over classes"
METRICS = named(
    Metric("accuracy", "higher", "share", "share of examples that are classified correctly", 4, share=True, right=True),
    Metric(
        "precision",
        "higher",
        "share",
        f"share of the examples predicted to be of a class that are of it{OF_CLASSES}",
        4,
        share=True,
    ),
    Metric("recall", "higher", "share", f"share of a class that is found{OF_CLASSES}", 4, share=True, by_class=True),
    Metric("f1", "higher", "share", f"harmonic mean of precision and recall{OF_CLASSES}", 4, share=True),
    Metric(
        "roc_auc",
        "higher",
        "share",
        f"probability that an example of a class scores above one of another class{OF_CLASSES}",
        4,
        share=True,
    ),
    Metric(
        "ece",
        "lower",
        "share",
        f"mean distance of confidence from accuracy, over {CALIBRATION_BINS} bins; 0 is best",
        4,
    ),
    Metric("log_loss", "lower", "nats", "mean negative logarithm of the true class's probability; 0 is best", 4),
)


@dataclass(frozen=True, eq=False)
class Scores:
    """The scores of probabilities [n, classes] with targets [n] and groups [n]; see `slipway.core.protocol.Scores`."""

    groups: pd.Series
    targets: np.ndarray
    predictions: np.ndarray
    names: Sequence[str]

    def total(self, weight: np.ndarray | None = None) -> dict[str, float]:
        """Return every metric; example i counts `weight[i]` times.

        Means over classes leave out classes without any weighted example. If that is the positive class of two, its
        precision, recall and F1 are nan; if only one class is left, ROC AUC is nan.
        """
        weight = np.ones(len(self.targets)) if weight is None else np.asarray(weight, np.float64)
        drawn = weight > 0
        targets, weight = self.targets[drawn], weight[drawn]
        probabilities = np.asarray(self.predictions, np.float64)[drawn]
        total = weight.sum()
        if total == 0:
            return dict.fromkeys(METRICS, float("nan"))
        count = self.predictions.shape[1]
        chosen = probabilities.argmax(axis=1)
        correct = chosen == targets
        precision, recall, f1 = precision_recall_f1(confusion(targets, chosen, count, weight))
        scored = [0] if count == 2 else range(count)
        areas = np.array([roc_area(targets == one, probabilities[:, one], weight) for one in scored])
        of_target = probabilities[np.arange(len(targets)), targets]
        losses = -np.log(np.clip(of_target, np.finfo(np.float32).eps, 1))
        return {
            "accuracy": float(weight @ correct / total),
            "precision": mean(precision[scored]),
            "recall": mean(recall[scored]),
            "f1": mean(f1[scored]),
            "roc_auc": mean(areas),
            "ece": calibration_error(probabilities.max(axis=1), correct, weight),
            "log_loss": float(weight @ losses / total),
        }

    def breakdowns(self, weight: np.ndarray | None = None) -> Mapping[str, pd.DataFrame]:
        """Return `per_class`: support, precision, recall and F1; and `per_group`: examples and accuracy.

        Example i counts `weight[i]` times in the scores; support and examples are not weighted.
        """
        weight = np.ones(len(self.targets)) if weight is None else weight
        precision, recall, f1 = precision_recall_f1(confusion(self.targets, self.chosen, len(self.names), weight))
        per_class = pd.DataFrame(
            {
                "class": self.names,
                "support": np.bincount(self.targets, minlength=len(self.names)),
                "precision": precision,
                "recall": recall,
                "f1": f1,
            }
        )
        of = self._parts
        accuracy = of.means(self.chosen == self.targets, weight)
        per_group = pd.DataFrame({"group": of.names, "n": of.counts, "accuracy": accuracy})
        return {"per_class": per_class, "per_group": per_group}

    def plots(self) -> Sequence[Plot]:
        """Return the plots: confusion, precision and recall, ROC, reliability, for two classes the scores of each."""
        plots = [
            confusion_plot(self.contributions),
            precision_recall_plot(self.targets, self.predictions, self.names),
            roc_plot(self.targets, self.predictions, self.names),
            reliability_plot(
                "confidence", self.predictions.max(axis=1), "accuracy", self.chosen == self.targets, "accuracy"
            ),
        ]
        if len(self.names) == 2:
            plots.append(score_plot(self.targets, self.predictions[:, 0], self.names))
        return plots

    @cached_property
    def contributions(self) -> Contributions:
        """The contribution of each example to accuracy, to the recall of each class, and with two classes to F1."""
        names = np.array(self.names)
        return decisions(names[self.targets.astype(np.int64)], names[self.chosen], self.names)

    @cached_property
    def chosen(self) -> np.ndarray:
        """The most probable class of each example [n]."""
        chosen: np.ndarray = self.predictions.argmax(axis=1)
        return chosen

    @cached_property
    def _parts(self) -> Parts:
        return Parts.of(self.groups)


def decisions(actual: np.ndarray, decided: np.ndarray, classes: Sequence[str]) -> Contributions:
    """Return the contributions of decisions between classes.

    Args:
        actual: [n], the name of each example's class.
        decided: [n], the name of the class that is decided for each.
        classes: the names; with two, the first is the positive class.
    """
    right, ones = actual == decided, np.ones(len(actual))
    members = {name: actual == name for name in classes}
    of_each = {name: ((right & inside).astype(float), inside.astype(float)) for name, inside in members.items()}
    ratios = {"accuracy": (right.astype(float), ones)}
    if len(classes) == 2:
        hits, positive = of_each[classes[0]]
        ratios |= {"recall": (hits, positive), "f1": (2 * hits, positive + (decided == classes[0]))}
    return Contributions(ratios, {"recall": of_each}, members=members, actual=actual, decided=decided, right=right)


class Classifier:
    """A task that is scored by class probabilities; see `slipway.core.protocol.Task`."""

    objective: ClassVar[str] = "multiclass"
    metrics: ClassVar[Mapping[str, Metric]] = METRICS
    headline: ClassVar[tuple[str, ...]] = ("accuracy", "f1", "roc_auc")
    curves: ClassVar[frozenset[str]] = frozenset()

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of slices: groups."""
        return frozenset({"group"})

    def choose_threshold(
        self, examples: pd.DataFrame, targets: np.ndarray, predictions: np.ndarray, spec: Spec
    ) -> Mapping[str, Any]:
        """Return nothing: the decision is the most probable class."""
        return {}

    def scores(self, examples: pd.DataFrame, targets: np.ndarray, predictions: np.ndarray, spec: Spec) -> Scores:
        """Return the scores of class probabilities."""
        return Scores(examples["group"], targets, predictions, spec["outputs"])

    def words(self, spec: Spec) -> Words:
        """Return the description of predictions: probabilities of classes."""
        return Words(
            f"the probabilities of {len(spec['outputs'])} classes, in this order: {{outputs}}",
            limits=("It gives one of its classes for every input, even for an input that shows none of them.",),
        )

    def agreement(self, native: np.ndarray, converted: np.ndarray, spec: Spec) -> dict[str, float]:
        """Return the agreement of the most probable classes, and the differences of probabilities."""
        return parity.differences(native, converted, native.argmax(axis=1) == converted.argmax(axis=1))


def confusion_plot(decided: Contributions) -> Plot:
    """Return the confusion matrix of decisions."""
    table = pd.DataFrame({"actual": decided.actual, "predicted": decided.decided})
    return Plot("confusion", "Confusion matrix", table, "actual", "predicted", "confusion", "actual", "predicted")


def mean(values: np.ndarray) -> float:
    """Return the mean of the values that are not nan; nan if there is none."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else float("nan")


def confusion(targets: np.ndarray, chosen: np.ndarray, count: int, weight: np.ndarray) -> np.ndarray:
    """Return the weights by actual class (row) and predicted class (column), [count, count]."""
    cells: np.ndarray = np.bincount(targets * count + chosen, weight, count * count)
    return cells.reshape(count, count)


def precision_recall_f1(confusion: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the metrics of each class; see `of_counts`."""
    return of_counts(np.diag(confusion), confusion.sum(axis=0), confusion.sum(axis=1))


def of_counts(
    hits: np.ndarray, predicted: np.ndarray, support: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return precision, recall and F1 of each class [classes]; nan for a class without examples.

    Precision is 0 for a class that is never predicted.

    Args:
        hits, predicted, support: how many decisions for a class are right, how many there are, and how many examples
            are of it, [classes] each.
    """
    absent = support == 0
    precision = np.where(absent, np.nan, hits / np.where(predicted == 0, 1, predicted))
    recall = np.where(absent, np.nan, hits / np.where(absent, 1, support))
    f1 = np.where(absent, np.nan, 2 * hits / np.where(absent, 1, support + predicted))
    return precision, recall, f1


def roc_area(positive: np.ndarray, scores: np.ndarray, weight: np.ndarray) -> float:
    """Return the probability that a positive example scores above a negative one; ties count half, nan without both."""
    order = scores.argsort()
    scores, mass = scores[order], weight[order]
    ones = np.where(positive[order], mass, 0)
    starts = np.flatnonzero(np.concatenate([[True], scores[1:] != scores[:-1]]))
    ones, zeros = np.add.reduceat(ones, starts), np.add.reduceat(mass - ones, starts)
    below = zeros.cumsum() - zeros / 2
    pairs = ones.sum() * zeros.sum()
    return float(ones @ below / pairs) if pairs else float("nan")


def average_precision(positive: np.ndarray, scores: np.ndarray, weight: np.ndarray) -> float:
    """Return the mean precision over positive examples, each with its score as threshold; nan without positives."""
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
    """Return the mean distance between confidence and accuracy over bins of confidence (expected calibration error)."""
    gaps = np.bincount(bins(confidence), weight * (correct - confidence), CALIBRATION_BINS)
    return float(np.abs(gaps).sum() / weight.sum())


def bins(confidence: np.ndarray) -> np.ndarray:
    """Return the bin of each confidence; a bin includes its upper edge."""
    numbers: np.ndarray = np.ceil(confidence * CALIBRATION_BINS).astype(np.int64) - 1
    return numbers.clip(0, CALIBRATION_BINS - 1)


def precision_recall_plot(targets: np.ndarray, predictions: np.ndarray, names: Sequence[str]) -> Plot:
    """Return the precision by recall, a column per class that occurs (of two, only the positive)."""
    shown = names[:1] if len(names) == 2 else names
    there = [position for position in range(len(shown)) if (targets == position).any()]
    return precision_recall.plot(
        {shown[one]: precision_recall.precisions(targets == one, predictions[:, one]) for one in there}
    )


def roc_plot(targets: np.ndarray, predictions: np.ndarray, names: Sequence[str]) -> Plot:
    """Return true-positive rates at 101 false-positive rates, a column per class (of two, only the positive)."""
    shown = names[:1] if len(names) == 2 else names
    table = pd.DataFrame({"false_positive_rate": RATES})
    for position, name in enumerate(shown):
        positive, scores = targets == position, predictions[:, position]
        if positive.all() or not positive.any():
            continue
        negatives = np.sort(scores[~positive])[::-1]
        allowed = np.floor(RATES * len(negatives) + 1e-9).astype(np.int64)
        cut = np.concatenate([negatives, [-np.inf]])[allowed]
        table[name] = (scores[positive][:, None] > cut).mean(axis=0)
    columns = [name for name in shown if name in table]
    return Plot("roc", "ROC curve", table, "false_positive_rate", columns, "simple", "false-positive rate", "recall")


def reliability_plot(x: str, probability: np.ndarray, y: str, happened: np.ndarray, y_label: str) -> Plot:
    """How often an event of some probability happens, by bins of the probability; empty bins have no row.

    Args:
        x, y: names of the columns for the mean probability and for the share in which the event happened.
        probability: [n] of each example.
        happened: [n] whether it did, 0 or 1.
        y_label: the share in words.
    """
    frame = pd.DataFrame({"bin": bins(probability), x: probability, y: happened})
    table = frame.groupby("bin").agg(**{x: (x, "mean"), y: (y, "mean"), "n": (y, "size")})
    table["calibrated"] = table[x]
    title = f"Reliability: {y_label} by {x}"
    return Plot(
        "reliability", title, table.reset_index(drop=True), x, [y, "calibrated"], "simple", f"mean {x}", y_label
    )


def score_plot(targets: np.ndarray, scores: np.ndarray, names: Sequence[str]) -> Plot:
    """Return the histogram of the positive class's score: the share of each class, so that a rare one can be seen."""
    edges = np.linspace(0, 1, HISTOGRAM_BINS + 1)
    table = pd.DataFrame({"score": (edges[1:] + edges[:-1]) / 2})
    for position, name in enumerate(names):
        of_class = scores[targets == position].clip(0, 1)
        table[name] = np.histogram(of_class, edges)[0] / max(len(of_class), 1)
    title, labels = f"Scores of {names[0]}", (f"score of {names[0]}", "share of the class")
    return Plot("scores", title, table, "score", list(names), "simple", *labels)
