"""Scores of one probability, and of the decision that a threshold makes of it.

`targets` [n] are 1 for positive examples and 0 for the others, `probability` [n] is that of positive, and a decision is
positive at or above the threshold. Expected calibration error is of the probability itself: how far the share of
positives is from the mean probability, over 15 equally wide bins (Naeini et al., "Obtaining Well Calibrated
Probabilities Using Bayesian Binning", AAAI 2015).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm

from slipway.core.protocol import Plot
from slipway.metrics import classification
from slipway.metrics.breakdown import Parts

METRICS = frozenset({*classification.METRICS, "average_precision"})
"""What `score` gives."""
DECILES = 10


def score(
    targets: np.ndarray, probability: np.ndarray, threshold: float, weight: np.ndarray | None = None
) -> dict[str, float]:
    """Every metric; `weight` [n] counts each example that often.

    Without positive examples recall, F1 and average precision are nan, and so is ROC AUC where only one class is left;
    precision is 0 where nothing is decided to be positive.
    """
    weight = np.ones(len(targets)) if weight is None else np.asarray(weight, np.float64)
    positive, probability = np.asarray(targets) == 1, np.asarray(probability, np.float64)
    total = weight.sum()
    if total == 0:
        return dict.fromkeys(sorted(METRICS), float("nan"))
    decided = probability >= threshold
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


def plots(targets: np.ndarray, probability: np.ndarray, threshold: float, names: Sequence[str]) -> list[Plot]:
    """Confusion at the threshold, precision and recall, ROC, reliability and scores; `names` are positive, negative."""
    classes = np.array(names)
    both, actual = np.stack([probability, 1 - probability], axis=1), 1 - targets
    confusion = pd.DataFrame({"actual": classes[actual], "predicted": classes[(probability < threshold).astype(int)]})
    return [
        Plot("confusion", "Confusion matrix", confusion, "actual", "predicted", "confusion", "actual", "predicted"),
        _precision_recall_plot(targets, probability),
        classification.roc_plot(actual, both, names),
        _reliability_plot(targets, probability),
        classification.score_plot(actual, probability, names),
    ]


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
