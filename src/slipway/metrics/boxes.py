"""Scores of boxes around objects of one class.

A detection finds an object if they overlap with an IoU of 0.5 or more; each object is found at most once, and
detections are matched by falling score. The matching and the average precision are those of COCO (pycocotools). Such a
matching is valid for every threshold, so examples are matched once, however often they are scored.
"""

import io
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from scipy.optimize import linear_sum_assignment

from slipway.core.metric import Metric, named
from slipway.core.protocol import Contributions, Plot
from slipway.metrics.breakdown import Parts
from slipway_edge.boxes import edges, overlap

ENOUGH = 0.5
"""The smallest IoU with which a detection finds an object."""
METRICS = named(
    Metric("detection_rate", "higher", "share", "share of objects found at the threshold (recall)", 4, share=True),
    Metric(
        "false_positives_per_picture",
        "lower",
        "boxes a picture",
        "detections at the threshold that find no object, including second detections of an object",
        4,
        share=True,
    ),
    Metric("precision", "higher", "share", "share of detections at the threshold that find an object", 4, share=True),
    Metric("ap50", "higher", "share", "COCO's average precision at IoU 0.5, over all thresholds", 4, share=True),
    Metric("mean_iou", "higher", "share", "mean overlap of found objects with their detections", 4, share=True),
)
BANDS = (0, 8, 16, 32, 64)
"""Lower bounds of the sizes in `Scores.breakdowns`: square root of the area, in pixels of the encoded picture."""
SIZES = (*(f"{low} to {high} px" for low, high in pairwise(BANDS)), f"{BANDS[-1]} px and more")
CURVE_POINTS = 200


class Matches:
    """The matching of detections and objects.

    By detection: `detected` (the number of its example), `score`, `hit` (whether it finds an object). By object:
    `example` (the number of its example), `size` (square root of its area, in pixels), `found` (score of the detection
    that finds it, 0 if none does), `iou` (its overlap with that detection).
    """

    def __init__(self, objects: np.ndarray, detections: np.ndarray, shape: Sequence[int]) -> None:
        """Match detections and objects.

        Args:
            objects: [n, m, 4] x, y, width, height as shares of the picture; unused rows are NaN.
            detections: [n, k, 5] the same and a score; unused rows have score 0.
            shape: height and width of a picture in pixels.
        """
        self.examples = len(objects)
        pixels = np.array([shape[1], shape[0]] * 2)
        known = ~np.isnan(objects[..., 0])
        self.example = np.nonzero(known)[0]
        boxes = objects[known].astype(np.float64) * pixels
        self.size = np.sqrt(boxes[:, 2] * boxes[:, 3])
        given = detections[..., 4] > 0
        self.detected = np.nonzero(given)[0]
        self.score = detections[given][:, 4].astype(np.float64)
        self._coco = _evaluated(
            self.examples,
            self.example,
            boxes,
            self.detected,
            detections[given].astype(np.float64)[:, :4] * pixels,
            self.score,
        )
        self.hit = np.zeros(len(self.score), bool)
        self.found, self.iou = np.zeros(len(boxes)), np.full(len(boxes), np.nan)
        for one in filter(None, self._coco.evalImgs):
            overlaps = self._coco.ious[one["image_id"], 1]
            for rank, (detection, match) in enumerate(zip(one["dtIds"], one["dtMatches"][0], strict=True)):
                if match:
                    found = int(match) - 1
                    self.hit[detection - 1] = True
                    self.found[found] = self.score[detection - 1]
                    self.iou[found] = overlaps[rank, one["gtIds"].index(int(match))]

    def average_precision(self, weight: np.ndarray | None = None) -> float:
        """Return COCO's average precision at IoU 0.5, nan without objects; example i counts `weight[i]` times."""
        weight = np.ones(self.examples) if weight is None else weight
        times = np.repeat(np.arange(self.examples), weight.astype(np.int64))
        drawn = copy(self._coco)
        drawn.params = drawn._paramsEval = copy(self._coco.params)
        drawn.params.imgIds = list(range(len(times)))
        drawn.evalImgs = [self._coco.evalImgs[number] for number in times]
        with redirect_stdout(io.StringIO()):
            drawn.accumulate()
        precision = drawn.eval["precision"][0, :, 0, 0, 0]
        return float(precision.mean()) if (precision > -1).all() else float("nan")


@dataclass(frozen=True, eq=False)
class Scores:
    """The scores of a matching at a score threshold; see `slipway.core.protocol.Scores`.

    `groups`: [n], the group of each example.
    """

    matches: Matches
    groups: pd.Series
    threshold: float

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
            "ap50": matches.average_precision(weight),
            "mean_iou": _share(float(objects[found] @ matches.iou[found]), hits),
        }

    def breakdowns(self, weight: np.ndarray | None = None) -> Mapping[str, pd.DataFrame]:
        """Return `by_size` (objects, detection rate, mean IoU) and `per_group` (also pictures and false positives).

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
        return {"by_size": by_size, "per_group": per_group}

    def plots(self) -> Sequence[Plot]:
        """Return the plots: precision against recall, detection rate against false positives (FROC) and by size."""
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
        return [
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

    @cached_property
    def contributions(self) -> Contributions:
        """The contribution of each picture to detection rate and false positives; right: all found and nothing else."""
        examples = self.matches.examples
        found = self._count(self.matches.example[self._found]), self._count(self.matches.example)
        false = self._count(self.matches.detected[self._false]), np.ones(examples)
        right = (found[0] == found[1]) & (false[0] == 0)
        return Contributions(
            {"detection_rate": found, "false_positives_per_picture": false},
            decided=np.where(right, "all found, nothing else", "missed or found too much"),
            right=right,
        )

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


def same(one: np.ndarray, other: np.ndarray, threshold: float) -> np.ndarray:
    """Return for each picture whether the detections [n, k, 5] of two models agree [n].

    They agree if as many score `threshold` or more, and each overlaps one of the other model by `ENOUGH`, one to one.
    """
    agree = np.zeros(len(one), bool)
    for number, pair in enumerate(zip(one, other, strict=True)):
        mine, theirs = (edges(found[found[:, 4] >= threshold]) for found in pair)
        near = overlap(mine, theirs) >= ENOUGH
        agree[number] = len(mine) == len(theirs) == near[linear_sum_assignment(~near)].sum()
    return agree


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else float("nan")


def _evaluated(
    examples: int,
    example: np.ndarray,
    objects: np.ndarray,
    detected: np.ndarray,
    detections: np.ndarray,
    scores: np.ndarray,
) -> Any:
    """COCO's matching at IoU 0.5 of boxes [k, 4], given the numbers of their examples; ids start at 1."""
    categories, images = [{"id": 1}], [{"id": number} for number in range(examples)]

    def annotated(numbers: np.ndarray, boxes: np.ndarray) -> list[dict[str, Any]]:
        corners = np.concatenate([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, 2:]], axis=1)
        return [
            {"id": id, "image_id": number, "category_id": 1, "bbox": box, "area": box[2] * box[3], "iscrowd": 0}
            for id, (number, box) in enumerate(zip(numbers.tolist(), corners.tolist(), strict=True), 1)
        ]

    truth, found = COCO(), COCO()
    truth.dataset = {"images": images, "categories": categories, "annotations": annotated(example, objects)}
    given = [one | {"score": s} for one, s in zip(annotated(detected, detections), scores.tolist(), strict=True)]
    found.dataset = {"images": images, "categories": categories, "annotations": given}
    with redirect_stdout(io.StringIO()):
        truth.createIndex()
        found.createIndex()
        evaluation = COCOeval(truth, found, "bbox")
        evaluation.params.iouThrs = np.array([ENOUGH])
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, 1e10]], ["all"]
        evaluation.params.maxDets = [max(1, int(np.bincount(detected).max(initial=0)))]
        evaluation.evaluate()
    return evaluation
