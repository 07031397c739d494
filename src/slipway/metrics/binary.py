"""Scores of a probability, and of the decision at a threshold.

`targets` [n] are 1 for positive examples and 0 for the others, `probability` [n] is that of the positive class, and the
decision is positive if the probability is at or above the threshold. Expected calibration error is that of the
probability itself: the distance of the share of positives from the mean probability, over 15 equally wide bins (Naeini
et al., "Obtaining Well Calibrated Probabilities Using Bayesian Binning", AAAI 2015).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from slipway.core.metric import Metric, named
from slipway.core.protocol import Contributions, Plot
from slipway.metrics import classification, precision_recall
from slipway.metrics.breakdown import TENTHS, Parts, by_column, tenths
from slipway.metrics.classification import CALIBRATION_BINS as BINS

METRICS = named(
    Metric(
        "accuracy", "higher", "share", "share of decisions at the threshold that are correct", 4, share=True, right=True
    ),
    Metric("precision", "higher", "share", "share of positive decisions that are correct", 4, share=True),
    Metric("recall", "higher", "share", "share of positive examples that are found", 4, share=True, by_class=True),
    Metric("f1", "higher", "share", "harmonic mean of precision and recall of the positive class", 4, share=True),
    Metric(
        "roc_auc", "higher", "share", "probability that a positive example scores above a negative one", 4, share=True
    ),
    Metric(
        "average_precision",
        "higher",
        "share",
        "mean precision over all recalls, the best metric with few positives; guessing gives the share of positives",
        4,
        share=True,
    ),
    Metric(
        "ece", "lower", "share", f"mean distance of the share of positives from the probability, over {BINS} bins", 4
    ),
    Metric("log_loss", "lower", "nats", "mean negative logarithm of the true class's probability; 0 is best", 4),
)


@dataclass(frozen=True, eq=False)
class Scores:
    """The scores of a probability [n], and of decisions at a threshold; see `slipway.core.protocol.Scores`.

    `names`: the positive and the negative class; `columns`: the columns of the examples [n] that have a breakdown.
    """

    examples: pd.DataFrame
    targets: np.ndarray
    probability: np.ndarray
    threshold: float
    names: Sequence[str]
    columns: Sequence[str] = ()

    def total(self, weight: np.ndarray | None = None) -> dict[str, float]:
        """Return every metric; example i counts `weight[i]` times.

        Without positive examples, recall, F1 and average precision are nan; if only one class is left, ROC AUC is nan.
        Precision is 0 if no decision is positive.
        """
        weight = np.ones(len(self.targets)) if weight is None else np.asarray(weight, np.float64)
        positive, probability = np.asarray(self.targets) == 1, np.asarray(self.probability, np.float64)
        total = weight.sum()
        if total == 0:
            return dict.fromkeys(METRICS, float("nan"))
        decided = probability >= self.threshold
        hits, found, support = (float(weight @ part) for part in (positive & decided, decided, positive))
        of_target = np.where(positive, probability, 1 - probability)
        losses = -np.log(np.maximum(of_target, np.finfo(np.float32).eps))
        return {
            "accuracy": float(weight @ (decided == positive)) / float(total),
            "precision": hits / found if found else (0.0 if support else float("nan")),
            "recall": hits / support if support else float("nan"),
            "f1": 2 * hits / (found + support) if support else float("nan"),
            "roc_auc": classification.roc_area(positive, probability, weight),
            "average_precision": classification.average_precision(positive, probability, weight),
            "ece": classification.calibration_error(probability, positive, weight),
            "log_loss": float(weight @ losses / total),
        }

    def breakdowns(self, weight: np.ndarray | None = None) -> Mapping[str, pd.DataFrame]:
        """Return `tenths` of the examples by score, and `by_<column>`: precision and recall by value of a column."""
        found = {TENTHS: by_score(self.targets, self.probability, weight)}
        for name, values in self._values.items():
            found[f"by_{name}"] = by_value(values, self.targets, self.probability, self.threshold, weight)
        return found

    def plots(self) -> Sequence[Plot]:
        """Return the plots: confusion at the threshold, precision and recall, ROC, reliability and scores."""
        both, actual = np.stack([self.probability, 1 - self.probability], axis=1), 1 - self.targets
        return [
            classification.confusion_plot(self.contributions),
            precision_recall.plot({"precision": precision_recall.precisions(self.targets == 1, self.probability)}),
            classification.roc_plot(actual, both, self.names),
            classification.reliability_plot(
                "probability", self.probability, "positives", self.targets, "share of positives"
            ),
            classification.score_plot(actual, self.probability, self.names),
        ]

    @cached_property
    def contributions(self) -> Contributions:
        """The contribution of each example to accuracy, recall and F1."""
        names = np.array(self.names)
        decided = self.probability.astype(np.float64) >= self.threshold
        return classification.decisions(names[1 - self.targets], names[np.where(decided, 0, 1)], self.names)

    @cached_property
    def _values(self) -> dict[str, Parts]:
        """The examples by the most common values of each column."""
        return by_column(self.examples, self.columns)


def by_score(targets: np.ndarray, probability: np.ndarray, weight: np.ndarray | None = None) -> pd.DataFrame:
    """Return tenths of the examples by probability, lowest first: examples, mean probability and share of positives.

    Example i counts `weight[i]` times in the last two; the tenths themselves are formed without weights.
    """
    tenth = tenths(probability)
    lowest = np.full(len(tenth.names), np.inf, probability.dtype)
    np.minimum.at(lowest, tenth.codes, probability)
    return pd.DataFrame(
        {
            "tenth": tenth.names,
            "examples": tenth.counts,
            "lowest": lowest,
            "mean_probability": tenth.means(probability, weight),
            "positives": tenth.means(targets, weight),
        }
    )


def by_value(
    values: Parts, targets: np.ndarray, probability: np.ndarray, threshold: float, weight: np.ndarray | None = None
) -> pd.DataFrame:
    """Return by value of a column: examples, positives, and precision and recall at the threshold (nan if undefined).

    Example i counts `weight[i]` times in precision and recall.
    """
    positive, decided = targets == 1, probability >= threshold
    return pd.DataFrame(
        {
            "value": values.names,
            "examples": values.counts,
            "positives": values.sums(positive).astype(np.int64),
            "decided": values.sums(decided).astype(np.int64),
            "precision": values.means(np.where(decided, positive, np.nan), weight),
            "recall": values.means(np.where(positive, decided, np.nan), weight),
        }
    )
