"""Scores of boxes around objects of one or more classes, matched as in COCO (`slipway.metrics.matching`)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from slipway.core.metric import Metric, named
from slipway.core.protocol import Contributions, Plot
from slipway.metrics.breakdown import Parts, shares
from slipway.metrics.matching import Matches
from slipway_edge.classes import text

METRICS = named(
    Metric(
        "detection_rate",
        "higher",
        "share",
        "share of objects found at the threshold (recall)",
        4,
        share=True,
        by_class=True,
    ),
    Metric(
        "false_positives_per_picture",
        "lower",
        "boxes a picture",
        "detections at the threshold that find no object, including second detections of an object",
        4,
        share=True,
    ),
    Metric("precision", "higher", "share", "share of detections at the threshold that find an object", 4, share=True),
    Metric(
        "ap50",
        "higher",
        "share",
        "COCO's average precision at IoU 0.5, over all thresholds; with several classes, their mean",
        4,
        share=True,
    ),
    Metric("mean_iou", "higher", "share", "mean overlap of found objects with their detections", 4, share=True),
)
BANDS = (0, 8, 16, 32, 64)
"""Lower bounds of the sizes in `Scores.breakdowns`: square root of the area, in pixels of the encoded picture."""
SIZES = (*(f"{low} to {high} px" for low, high in pairwise(BANDS)), f"{BANDS[-1]} px and more")
CURVE_POINTS = 200
NOTHING = "nothing"
"""In the confusion matrix, the class of what is no object or is not detected."""


@dataclass(frozen=True, eq=False)
class Scores:
    """The scores of a matching at a score threshold; see `slipway.core.protocol.Scores`.

    `groups`: [n], the group of each example. `names`: the classes to score apart; empty for none.
    """

    matches: Matches
    groups: pd.Series
    threshold: float
    names: Sequence[str] = ()

    def total(self, weight: np.ndarray | None = None) -> dict[str, float]:
        """Return every metric; example i counts `weight[i]` times.

        Precision is nan if nothing is detected, mean IoU if nothing is found, the detection rate if there is no object.
        """
        matches, found = self.matches, self._found
        weight = np.ones(matches.examples) if weight is None else weight
        objects, detections = weight[matches.example], weight[matches.detected]
        hits = float(objects @ found)
        false = float(detections @ self._false)
        return {
            "detection_rate": _share(hits, objects.sum()),
            "false_positives_per_picture": _share(false, weight.sum()),
            "precision": _share(hits, hits + false),
            "ap50": _mean(matches.average_precision(weight)),
            "mean_iou": _share(float(objects[found] @ matches.iou[found]), hits),
        }

    def breakdowns(self, weight: np.ndarray | None = None) -> Mapping[str, pd.DataFrame]:
        """Return `by_size` (objects, detection rate, mean IoU), `per_group` and `per_class` (also false positives).

        Example i counts `weight[i]` times in the scores; objects and pictures are not weighted.
        """
        matches, found = self.matches, self._found
        weight = np.ones(matches.examples) if weight is None else weight
        iou, times = np.where(found, matches.iou, np.nan), weight[matches.example]
        band, group = self._bands, self._groups
        by_size = pd.DataFrame(
            {
                "size": np.array(SIZES, object)[band.names],
                "objects": band.counts,
                "detection_rate": band.means(found, times),
                "mean_iou": band.means(iou, times),
            }
        )
        objects = group.at(matches.example)
        per_group = pd.DataFrame(
            {
                "group": group.names,
                "pictures": group.counts,
                "false_positives_per_picture": group.means(self._count(matches.detected[self._false]), weight),
                "objects": objects.counts,
                "detection_rate": objects.means(found, times),
                "mean_iou": objects.means(iou, times),
            }
        )
        found_tables = {"by_size": by_size, "per_group": per_group}
        return found_tables | ({"per_class": self._per_class(weight)} if self.names else {})

    def _per_class(self, weight: np.ndarray) -> pd.DataFrame:
        """Return the scores of each class; `weight` is how often each example counts."""
        matches, found = self.matches, self._found
        objects, given = self._of_class(matches.kind), self._of_class(matches.called)
        times, total = weight[matches.example], weight.sum()
        hits = objects.sums(times * found)
        false = given.sums(weight[matches.detected] * self._false)
        return pd.DataFrame(
            {
                "class": np.array(self.names, object),
                "pictures": [len(np.unique(matches.example[matches.kind == kind])) for kind in range(len(self.names))],
                "objects": objects.counts,
                "detection_rate": objects.means(found, times),
                "false_positives_per_picture": false / total if total else np.full(len(false), np.nan),
                "precision": shares(hits, hits + false),
                "ap50": matches.average_precision(weight),
                "mean_iou": objects.means(np.where(found, matches.iou, np.nan), times),
            }
        )

    def plots(self) -> Sequence[Plot]:
        """Return the plots: precision against recall, detection rate against false positives (FROC) and by size.

        With classes, also the confusion matrix of objects and detections, and the average precision of each class.
        """
        matches = self.matches
        order = np.argsort(-matches.score, kind="stable")
        hits, false = np.cumsum(matches.hit[order]), np.cumsum(~matches.hit[order])
        curve = pd.DataFrame(
            {
                "score": matches.score[order],
                "detection_rate": hits / max(len(matches.found), 1),
                "precision": hits / np.maximum(hits + false, 1),
                "false_positives_per_picture": false / matches.examples,
            }
        )
        if len(curve) > CURVE_POINTS:
            curve = curve.iloc[np.linspace(0, len(curve) - 1, CURVE_POINTS).round().astype(int)].reset_index(drop=True)
        plots = [
            Plot("precision_recall", "Precision and recall", curve, "detection_rate", "precision", x_label="recall"),
            Plot(
                "froc",
                "Detection rate against false positives",
                curve,
                "false_positives_per_picture",
                "detection_rate",
                x_label="false positives a picture",
                y_label="detection rate",
            ),
            Plot(
                "detection_by_size",
                "Detection rate by size",
                self.breakdowns()["by_size"],
                "detection_rate",
                "size",
                "bar_horizontal",
                "detection rate",
                "size",
            ),
        ]
        return plots + (self._plots_of_classes() if self.names else [])

    def _plots_of_classes(self) -> list[Plot]:
        names = np.array([*self.names, NOTHING], object)
        actual, decided = (names[numbers] for numbers in self.matches.confused(self.threshold))
        table = pd.DataFrame({"actual": actual, "predicted": decided})
        by_class = self._per_class(np.ones(self.matches.examples))
        return [
            Plot("confusion", "Confusion matrix", table, "actual", "predicted", "confusion", "actual", "predicted"),
            Plot(
                "precision_by_class",
                "Average precision by class",
                by_class,
                "ap50",
                "class",
                "bar_horizontal",
                "average precision at IoU 0.5",
                "class",
            ),
        ]

    @cached_property
    def contributions(self) -> Contributions:
        """The contribution of each picture to detection rate and false positives; right: all found and nothing else.

        A picture is an example of each class that it shows.
        """
        examples = self.matches.examples
        found = self._count(self.matches.example[self._found]), self._count(self.matches.example)
        false = self._count(self.matches.detected[self._false]), np.ones(examples)
        right = (found[0] == found[1]) & (false[0] == 0)
        return Contributions(
            {"detection_rate": found, "false_positives_per_picture": false},
            decided=np.where(right, "all found, nothing else", "missed or found too much"),
            right=right,
            **self._by_class(),
        )

    def _by_class(self) -> dict[str, Any]:
        """What each picture contributes to the detection rate of each class, and which classes it shows."""
        if not self.names:
            return {}
        matches, rates, members = self.matches, {}, {}
        for kind, name in enumerate(self.names):
            of = matches.kind == kind
            rates[name] = self._count(matches.example[of & self._found]), self._count(matches.example[of])
            members[name] = rates[name][1] > 0
        shown = np.stack([*members.values()], axis=1)
        actual = [text([name for name, there in zip(self.names, one, strict=True) if there]) for one in shown]
        return {
            "by_class": {"detection_rate": rates},
            "members": members,
            "several": True,
            "actual": np.array(actual, object),
        }

    @cached_property
    def _found(self) -> np.ndarray:
        """Whether each object is found [objects]."""
        found: np.ndarray = (self.matches.found >= self.threshold) & (self.matches.found > 0)
        return found

    @cached_property
    def _false(self) -> np.ndarray:
        """Whether each detection is a false positive [detections]."""
        false: np.ndarray = (self.matches.score >= self.threshold) & ~self.matches.hit
        return false

    @cached_property
    def _bands(self) -> Parts:
        return Parts.of(pd.Series(np.searchsorted(BANDS, self.matches.size, side="right") - 1))

    @cached_property
    def _groups(self) -> Parts:
        return Parts.of(self.groups)

    def _of_class(self, kinds: np.ndarray) -> Parts:
        return Parts(pd.Index(self.names), kinds, np.bincount(kinds, minlength=len(self.names)))

    def _count(self, examples: np.ndarray) -> np.ndarray:
        """How often each example's number occurs [n]."""
        return np.bincount(examples, minlength=self.matches.examples).astype(float)


def operating_point(matches: Matches, false_positives: float) -> float:
    """Return the score threshold that detects most with at most `false_positives` per picture.

    It is halfway between the lowest accepted score and the highest rejected one.
    """
    order = np.argsort(-matches.score, kind="stable")
    scores = matches.score[order]
    false = np.cumsum(~matches.hit[order]) / matches.examples
    last = np.append(scores[1:] != scores[:-1], True)  # the last of equal scores, which are accepted together
    allowed = last & (false <= false_positives)
    passed = np.flatnonzero(allowed)[-1] + 1 if allowed.any() else 0
    bounds = np.concatenate([[1.0], scores, [0.0]])
    return float((bounds[passed] + bounds[passed + 1]) / 2)


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else float("nan")


def _mean(values: np.ndarray) -> float:
    """Return the mean of the values that are not nan; nan if there are none."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
