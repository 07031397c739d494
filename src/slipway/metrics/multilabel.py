"""Scores of the probabilities of labels, of which an example may have several or none, and of decisions at thresholds.

`targets` [n, labels] are 1 for each label that an example has, and an example is decided to have a label if its
probability is at or above the label's threshold. Means over labels (macro) count each label the same, micro scores each
decision. A label is left out of the means where no example has it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd

from slipway.core.metric import Metric, named
from slipway.core.protocol import Contributions, Plot, Words, each_class
from slipway.core.spec import Spec
from slipway.metrics import binary, operating_point, parity
from slipway.metrics.breakdown import Parts, shares
from slipway.metrics.classification import (
    CALIBRATION_BINS,
    average_precision,
    calibration_error,
    mean,
    of_counts,
    reliability_plot,
    roc_area,
)
from slipway.metrics.operating_point import CHOSEN
from slipway_edge.classes import decide, text

METRICS = named(
    Metric(
        "mean_average_precision",
        "higher",
        "share",
        "mean over labels of the mean precision over all recalls (mAP); guessing gives the mean share of a label",
        4,
        share=True,
    ),
    Metric(
        "roc_auc",
        "higher",
        "share",
        "probability that an example with a label scores above one without it, mean over labels",
        4,
        share=True,
    ),
    Metric("f1_micro", "higher", "share", "harmonic mean of precision and recall of all decisions", 4, share=True),
    Metric("f1", "higher", "share", "harmonic mean of precision and recall, mean over labels (macro)", 4, share=True),
    Metric(
        "precision",
        "higher",
        "share",
        "share of the decisions for a label that are right, mean over labels",
        4,
        share=True,
    ),
    Metric(
        "recall",
        "higher",
        "share",
        "share of the examples with a label that are found, mean over labels",
        4,
        share=True,
        by_class=True,
    ),
    Metric(
        "exact_match",
        "higher",
        "share",
        "share of examples in which every label is decided right",
        4,
        share=True,
        right=True,
    ),
    Metric(
        "ece",
        "lower",
        "share",
        f"mean distance of the share of examples with a label from its probability, over {CALIBRATION_BINS} bins",
        4,
    ),
    Metric("log_loss", "lower", "nats", "mean binary cross-entropy of the labels; 0 is best", 4),
)
CURVES = 8
"""The number of labels, the most frequent ones, that have a curve in a plot."""


class Decision(operating_point.Decision):
    """What the threshold of each label is chosen for; see `slipway.metrics.operating_point.Decision`."""

    threshold: Literal["precision", "recall", "f1", "accuracy", "cost"] = "f1"


@dataclass(frozen=True, eq=False)
class Scores:
    """The scores of probabilities [n, labels]; see `slipway.core.protocol.Scores`."""

    groups: pd.Series
    targets: np.ndarray
    predictions: np.ndarray
    threshold: Sequence[float]
    names: Sequence[str]

    def total(self, weight: np.ndarray | None = None) -> dict[str, float]:
        """Return every metric; example i counts `weight[i]` times.

        Precision is 0 for a label that is never decided. Means without any label, and micro F1 without any label in
        examples and decisions, are nan.
        """
        weight = self._weight(weight)
        total = weight.sum()
        if total == 0:
            return dict.fromkeys(METRICS, float("nan"))
        hits, decided, support = self._counts(weight)
        precision, recall, f1 = of_counts(hits, decided, support)
        areas = [roc_area(*one, weight) for one in self._by_label]
        every = self._probability.ravel(), self._positive.ravel(), np.repeat(weight, len(self.names))
        return {
            "mean_average_precision": mean(self._average_precision(weight)),
            "roc_auc": mean(np.array(areas)),
            "f1_micro": float(shares(2 * hits.sum(), decided.sum() + support.sum())),
            "f1": mean(f1),
            "precision": mean(precision),
            "recall": mean(recall),
            "exact_match": float(weight @ self._right / total),
            "ece": calibration_error(*every),
            "log_loss": float(weight @ self._losses / total),
        }

    def breakdowns(self, weight: np.ndarray | None = None) -> Mapping[str, pd.DataFrame]:
        """Return `per_class`: support, decisions and scores of each label; and `per_group`: examples and exact match.

        Example i counts `weight[i]` times in the scores; support, decisions and examples are not weighted.
        """
        every = self._counts(np.ones(len(self.groups)))
        precision, recall, f1 = of_counts(*self._counts(self._weight(weight)))
        per_class = pd.DataFrame(
            {
                "class": self.names,
                "support": every[2].astype(np.int64),
                "decided": every[1].astype(np.int64),
                "average_precision": self._average_precision(self._weight(weight)),
                "precision": precision,
                "recall": recall,
                "f1": f1,
            }
        )
        of = self._parts
        per_group = pd.DataFrame({"group": of.names, "n": of.counts, "exact_match": of.means(self._right, weight)})
        return {"per_class": per_class, "per_group": per_group}

    def plots(self) -> Sequence[Plot]:
        """Return the plots: precision and recall of the most frequent labels, and reliability over all labels."""
        shown = np.sort(np.argsort(-self._positive.sum(axis=0), kind="stable")[:CURVES])
        curves = {self.names[at]: binary.precision_at(self.targets[:, at], self.predictions[:, at]) for at in shown}
        probability, happened = self.predictions.ravel(), self.targets.ravel()
        return [
            binary.precision_recall_plot(curves),
            reliability_plot("probability", probability, "positives", happened, "share with the label"),
        ]

    @cached_property
    def contributions(self) -> Contributions:
        """The contribution of each example to exact match and micro F1, and to the recall of each label."""
        hits = self._positive & self._decided
        return Contributions(
            {
                "exact_match": (self._right.astype(float), np.ones(len(self._right))),
                "f1_micro": (
                    2.0 * hits.sum(axis=1),
                    (self._positive.sum(axis=1) + self._decided.sum(axis=1)).astype(float),
                ),
            },
            {
                "recall": {
                    name: (hits[:, at].astype(float), self._positive[:, at].astype(float))
                    for at, name in enumerate(self.names)
                }
            },
            members={name: self._positive[:, at] for at, name in enumerate(self.names)},
            several=True,
            actual=self._words(self._positive),
            decided=self._words(self._decided),
            right=self._right,
        )

    @cached_property
    def _positive(self) -> np.ndarray:
        positive: np.ndarray = np.asarray(self.targets) == 1
        return positive

    @cached_property
    def _probability(self) -> np.ndarray:
        return np.asarray(self.predictions, np.float64)

    @cached_property
    def _decided(self) -> np.ndarray:
        return decide(self.predictions, self.threshold)

    @cached_property
    def _right(self) -> np.ndarray:
        """Whether every label of an example is decided right [n]."""
        right: np.ndarray = (self._positive == self._decided).all(axis=1)
        return right

    @cached_property
    def _losses(self) -> np.ndarray:
        """The mean loss of the labels of each example [n]."""
        of_truth = np.where(self._positive, self._probability, 1 - self._probability)
        losses: np.ndarray = -np.log(np.maximum(of_truth, np.finfo(np.float32).eps)).mean(axis=1)
        return losses

    @cached_property
    def _by_label(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Truth and probability [n] of each label."""
        return [(self._positive[:, at], self._probability[:, at]) for at in range(len(self.names))]

    @cached_property
    def _parts(self) -> Parts:
        return Parts.of(self.groups)

    def _weight(self, weight: np.ndarray | None) -> np.ndarray:
        return np.ones(len(self.groups)) if weight is None else np.asarray(weight, np.float64)

    def _counts(self, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the weights of right decisions for a label, of decisions for it, and of examples with it [labels]."""
        return weight @ (self._positive & self._decided), weight @ self._decided, weight @ self._positive

    def _average_precision(self, weight: np.ndarray) -> np.ndarray:
        return np.array([average_precision(*one, weight) for one in self._by_label])

    def _words(self, labels: np.ndarray) -> np.ndarray:
        names = np.array(self.names)
        return np.array([text(names[row].tolist()) for row in labels])


class MultiLabel:
    """A task that is scored by the probabilities of labels; see `slipway.core.protocol.Task`.

    `data` is the section, with the keys of `Decision`.
    """

    data: Any
    hub: ClassVar[str]
    """The task's name on the Hugging Face hub."""
    objective: ClassVar[str] = "multilabel"
    metrics: ClassVar[Mapping[str, Metric]] = METRICS
    headline: ClassVar[tuple[str, ...]] = ("mean_average_precision", "f1_micro", "f1", "exact_match")
    curves: ClassVar[frozenset[str]] = frozenset()

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of slices: groups."""
        return frozenset({"group"})

    def unlearnt(self, examples: pd.DataFrame) -> tuple[str, float, str]:
        """Return the mean average precision of a model without skill: the mean share of a label in the examples."""
        shares = each_class(examples).value_counts() / len(examples)
        return "mean_average_precision", float(shares.mean()), "the mean share of a label"

    def choose_threshold(
        self, examples: pd.DataFrame, targets: np.ndarray, predictions: np.ndarray, spec: Spec
    ) -> Mapping[str, Any]:
        """Return `threshold`, one for each label, and by label how it was chosen and its scores on these examples."""
        points = {
            name: operating_point.choose(self.data, targets[:, at], predictions[:, at])
            for at, name in enumerate(spec["outputs"])
        }
        return {"threshold": [point.pop("threshold") for point in points.values()], "operating_point": points}

    def scores(self, examples: pd.DataFrame, targets: np.ndarray, predictions: np.ndarray, spec: Spec) -> Scores:
        """Return the scores of the probabilities and of the decisions at the thresholds."""
        return Scores(examples["group"], targets, predictions, spec["threshold"], spec["outputs"])

    def words(self, spec: Spec) -> Words:
        """Return the description of predictions: probabilities of labels, and the thresholds if they are chosen."""
        threshold = spec.get("threshold")
        decision = None
        if threshold is not None:
            of_each = ", ".join(f"{name} {one:.4g}" for name, one in zip(spec["outputs"], threshold, strict=True))
            decision = f"each label from its threshold on ({of_each}), {CHOSEN[self.data.threshold]}"
        return Words(
            f"the probabilities of {len(spec['outputs'])} labels, of which any number may apply: {{outputs}}",
            decision,
            limits=("It knows only these labels; an input that shows none of them may still get one.",),
            hub=self.hub,
        )

    def agreement(self, native: np.ndarray, converted: np.ndarray, spec: Spec) -> dict[str, float]:
        """Return the agreement of all decisions of an example, and the differences of probabilities."""
        same = decide(native, spec["threshold"]) == decide(converted, spec["threshold"])
        return parity.differences(native, converted, same.all(axis=1))
