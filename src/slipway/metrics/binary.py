"""Scores of one probability, and of the decision that a threshold makes of it.

`targets` [n] are 1 for positive examples and 0 for the others, `probability` [n] is that of positive, and a decision is
positive at or above the threshold. Expected calibration error is of the probability itself: how far the share of
positives is from the mean probability, over 15 equally wide bins (Naeini et al., "Obtaining Well Calibrated
Probabilities Using Bayesian Binning", AAAI 2015).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm

from slipway.core.metric import Metric, named
from slipway.core.protocol import Contributions, Plot, of_column
from slipway.metrics import classification
from slipway.metrics.breakdown import Parts
from slipway.metrics.classification import CALIBRATION_BINS as BINS

TENTHS, DECILES = "tenths", 10
VALUES = 20
"""Values of a column that a breakdown shows; the others are counted together."""
METRICS = named(
    Metric("accuracy", "higher", "share", "how many decisions at the threshold are right", 4, share=True, right=True),
    Metric("precision", "higher", "share", "how many of those decided to be positive are positive", 4, share=True),
    Metric("recall", "higher", "share", "how many of the positive examples are found", 4, share=True, by_class=True),
    Metric("f1", "higher", "share", "harmonic mean of precision and recall of the positive class", 4, share=True),
    Metric("roc_auc", "higher", "share", "how often a positive example scores above one of the others", 4, share=True),
    Metric(
        "average_precision",
        "higher",
        "share",
        "mean precision over all recalls, with few positives the metric to look at; guessing gives their share",
        4,
        share=True,
    ),
    Metric("ece", "lower", "share", f"how far the share of positives is from the probability, over {BINS} bins", 4),
    Metric("log_loss", "lower", "nats", "minus the logarithm of the right class's probability; 0 is best", 4),
)


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores of the probability [n] of positive, and of decisions at a threshold; see `slipway.core.protocol.Scores`.

    `names` are positive, negative; `columns` those of the examples [n] by whose values there are breakdowns.
    """

    examples: pd.DataFrame
    targets: np.ndarray
    probability: np.ndarray
    threshold: float
    names: Sequence[str]
    columns: Sequence[str] = ()

    def total(self, weight: np.ndarray | None = None) -> dict[str, float]:
        """Every metric; `weight` [n] counts each example that often.

        Without positive examples recall, F1 and average precision are nan, and so is ROC AUC where only one class is
        left; precision is 0 where nothing is decided to be positive.
        """
        weight = np.ones(len(self.targets)) if weight is None else np.asarray(weight, np.float64)
        positive, probability = np.asarray(self.targets) == 1, np.asarray(self.probability, np.float64)
        total = weight.sum()
        if total == 0:
            return dict.fromkeys(METRICS, float("nan"))
        decided = probability >= self.threshold
        hits, found, support = (float(weight @ part) for part in (positive & decided, decided, positive))
        told = np.where(positive, probability, 1 - probability)
        surprise = -np.log(np.maximum(told, np.finfo(np.float32).eps))
        return {
            "accuracy": float(weight @ (decided == positive)) / float(total),
            "precision": hits / found if found else (0.0 if support else float("nan")),
            "recall": hits / support if support else float("nan"),
            "f1": 2 * hits / (found + support) if support else float("nan"),
            "roc_auc": classification.roc_area(positive, probability, weight),
            "average_precision": classification.average_precision(positive, probability, weight),
            "ece": classification.calibration_error(probability, positive, weight),
            "log_loss": float(weight @ surprise / total),
        }

    def breakdowns(self, weight: np.ndarray | None = None) -> Mapping[str, pd.DataFrame]:
        """`tenths` of the examples by score; `by_<column>`: precision and recall by value of a column."""
        found = {TENTHS: by_score(self.targets, self.probability, weight)}
        for name, values in self._values.items():
            found[f"by_{name}"] = by_value(values, self.targets, self.probability, self.threshold, weight)
        return found

    def plots(self) -> Sequence[Plot]:
        """Confusion at the threshold, precision and recall, ROC, reliability and scores."""
        both, actual = np.stack([self.probability, 1 - self.probability], axis=1), 1 - self.targets
        return [
            classification.confusion_plot(self.contributions),
            _precision_recall_plot(self.targets, self.probability),
            classification.roc_plot(actual, both, self.names),
            _reliability_plot(self.targets, self.probability),
            classification.score_plot(actual, self.probability, self.names),
        ]

    @cached_property
    def contributions(self) -> Contributions:
        """What each example adds to accuracy, recall and F1."""
        names = np.array(self.names)
        decided = self.probability.astype(np.float64) >= self.threshold
        return classification.decisions(names[1 - self.targets], names[np.where(decided, 0, 1)], self.names)

    @cached_property
    def _values(self) -> dict[str, Parts]:
        """The examples by the commonest values of each column."""
        return {name: Parts.of(_commonest(of_column(self.examples, name))) for name in self.columns}


def operating_point(
    targets: np.ndarray, probability: np.ndarray, precision: float, confidence: float
) -> dict[str, Any]:
    """The threshold of highest recall among those whose precision is at least `precision`, with that `confidence`.

    The precision of a threshold is known from the examples at or above it only, so its one-sided lower bound is asked
    for (Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 1927). The bound takes
    examples for independent and holds for one threshold; the one chosen of many does a little worse on new data. Where
    no threshold reaches it, the one of highest F1 is taken, and `reached` is False.

    Returns:
        `threshold` (halfway to the next lower score), `reached`, and what it came to on these examples: `precision`,
        `precision_low` (the bound) and `recall`; beside them what was asked: `least_precision` and `confidence`.

    Raises:
        ValueError: no example is positive.
    """
    positive = np.asarray(targets) == 1
    support = int(positive.sum())
    if not support:
        raise ValueError("no example is positive")
    order = np.argsort(-np.asarray(probability, np.float64), kind="stable")
    scores = np.asarray(probability, np.float64)[order]
    last = np.flatnonzero(np.concatenate([scores[1:] != scores[:-1], [True]]))
    hits, found = positive[order].cumsum()[last], last + 1.0
    low = wilson(hits, found, confidence)
    enough = low >= precision
    reached = bool(enough.any())
    best = int((np.where(enough, hits, -1) if reached else 2 * hits / (found + support)).argmax())
    below = scores[last[best] + 1] if last[best] + 1 < len(scores) else 0.0
    return {
        "threshold": round(float((scores[last[best]] + below) / 2), 9),
        "reached": reached,
        "least_precision": precision,
        "confidence": confidence,
        "precision": round(float(hits[best] / found[best]), 6),
        "precision_low": round(float(low[best]), 6),
        "recall": round(float(hits[best] / support), 6),
    }


def wilson(hits: np.ndarray, trials: np.ndarray, confidence: float) -> np.ndarray:
    """The one-sided lower confidence bound of a share, hits [n] of trials [n]."""
    z = float(norm.ppf(confidence))
    share = hits / trials
    spread = z * np.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
    bound: np.ndarray = (share + z**2 / (2 * trials) - spread) / (1 + z**2 / trials)
    return bound


def by_score(targets: np.ndarray, probability: np.ndarray, weight: np.ndarray | None = None) -> pd.DataFrame:
    """Tenths of the examples by probability, lowest first: examples, mean probability and share of positives.

    `weight` [n] counts each example that often in the last two; the tenths, and where each begins, are those of the
    examples as they are.
    """
    rank = pd.Series(probability).rank(method="first").to_numpy() - 1
    tenth = Parts.of(pd.Series((rank * DECILES // len(targets)).astype(np.int64) + 1))
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
    """By value of a column: examples, positives, and precision and recall at the threshold (nan where undefined).

    `weight` [n] counts each example that often in precision and recall.
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


def _commonest(column: pd.Series) -> pd.Series:
    """The values of a column, those beyond the `VALUES` commonest as "(others)"."""
    values = column.astype(object).where(column.notna(), "(missing)")
    shown = values.value_counts(sort=True).index[:VALUES]
    told: pd.Series = values.where(values.isin(shown), "(others)")
    return told


def _precision_recall_plot(targets: np.ndarray, probability: np.ndarray) -> Plot:
    """The precision at 101 shares of the positives found; for each, at the highest threshold that finds as many."""
    positives = np.sort(probability[targets == 1])[::-1]
    table = pd.DataFrame({"recall": np.linspace(0, 1, 101)})
    if len(positives):
        wanted = np.maximum(np.ceil(table["recall"].to_numpy() * len(positives) - 1e-9).astype(np.int64), 1)
        cut = positives[wanted - 1]
        ordered = np.sort(probability)
        found = len(ordered) - np.searchsorted(ordered, cut, side="left")
        hits = len(positives) - np.searchsorted(positives[::-1], cut, side="left")
        table["precision"] = hits / found
    else:
        table["precision"] = np.nan
    return Plot("precision_recall", "Precision and recall", table, "recall", "precision", "simple")


def _reliability_plot(targets: np.ndarray, probability: np.ndarray) -> Plot:
    """How often examples of a probability are positive: a row a bin that holds any."""
    bins = classification.bins(probability)
    frame = pd.DataFrame({"bin": bins, "probability": probability, "positives": targets})
    table = frame.groupby("bin").agg(
        probability=("probability", "mean"), positives=("positives", "mean"), n=("positives", "size")
    )
    table["calibrated"] = table["probability"]
    return Plot(
        "reliability",
        "Reliability: share of positives by probability",
        table.reset_index(drop=True),
        "probability",
        ["positives", "calibrated"],
        "simple",
        "mean probability",
        "share of positives",
    )
