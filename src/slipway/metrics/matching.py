"""The matching of detections and objects: which detection finds which object.

A detection finds an object if they are of the same class and overlap with an IoU of 0.5 or more; each object is found
at most once, and detections are matched by falling score. The matching and the average precision are those of COCO
(pycocotools). Such a matching is valid for every threshold, so examples are matched once, however often they are
scored.
"""

import io
from collections.abc import Sequence
from contextlib import redirect_stdout
from copy import copy
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from scipy.optimize import linear_sum_assignment

from slipway_edge.boxes import edges, overlap

ENOUGH = 0.5
"""The smallest IoU with which a detection finds an object."""


class Matches:
    """The matching of detections and objects.

    By detection: `detected` (the number of its example), `called` (the number of its class), `score`, `hit` (whether it
    finds an object). By object: `example` (the number of its example), `kind` (the number of its class), `size` (square
    root of its area, in pixels), `found` (score of the detection that finds it, 0 if none does), `iou` (its overlap
    with that detection).
    """

    def __init__(self, objects: np.ndarray, detections: np.ndarray, shape: Sequence[int], classes: int = 1) -> None:
        """Match detections and objects.

        Args:
            objects: [n, m, 4] x, y, width, height as shares of the picture; unused rows are NaN. With several classes
                [n, m, 5], the last value the number of the class.
            detections: [n, k, 5] the same four and a score; unused rows have score 0. With several classes [n, k, 6].
            shape: height and width of a picture in pixels.
            classes: the number of classes.
        """
        self.examples, self.classes = len(objects), classes
        pixels = np.array([shape[1], shape[0]] * 2)
        known = ~np.isnan(objects[..., 0])
        self.example = np.nonzero(known)[0]
        self.kind = _numbers(objects[known], 4)
        self._boxes = objects[known][:, :4].astype(np.float64) * pixels
        self.size = np.sqrt(self._boxes[:, 2] * self._boxes[:, 3])
        given = detections[..., 4] > 0
        self.detected = np.nonzero(given)[0]
        self.called = _numbers(detections[given], 5)
        self.score = detections[given][:, 4].astype(np.float64)
        self._given = detections[given].astype(np.float64)[:, :4] * pixels
        self._coco = _evaluated(
            self.examples,
            classes,
            (self.example, self.kind, self._boxes),
            (self.detected, self.called, self._given),
            self.score,
        )
        self.hit = np.zeros(len(self.score), bool)
        self.found, self.iou = np.zeros(len(self._boxes)), np.full(len(self._boxes), np.nan)
        for one in filter(None, self._coco.evalImgs):
            overlaps = self._coco.ious[one["image_id"], one["category_id"]]
            for rank, (detection, match) in enumerate(zip(one["dtIds"], one["dtMatches"][0], strict=True)):
                if match:
                    found = int(match) - 1
                    self.hit[detection - 1] = True
                    self.found[found] = self.score[detection - 1]
                    self.iou[found] = overlaps[rank, one["gtIds"].index(int(match))]

    def average_precision(self, weight: np.ndarray | None = None) -> np.ndarray:
        """Return COCO's average precision at IoU 0.5 of each class [classes], nan for a class without objects.

        Example i counts `weight[i]` times.
        """
        weight = np.ones(self.examples) if weight is None else weight
        times = np.repeat(np.arange(self.examples), weight.astype(np.int64))
        drawn = copy(self._coco)
        drawn.params = drawn._paramsEval = copy(self._coco.params)
        drawn.params.imgIds = list(range(len(times)))
        drawn.evalImgs = [
            self._coco.evalImgs[first + number]
            for first in range(0, self.classes * self.examples, self.examples)
            for number in times
        ]
        with redirect_stdout(io.StringIO()):
            drawn.accumulate()
        precision = drawn.eval["precision"][0, :, :, 0, 0]
        return np.array([one.mean() if (one > -1).all() else np.nan for one in precision.T])

    def confused(self, threshold: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the class of each object and that of the detection around it, at a threshold.

        Objects and detections are paired one to one if they overlap enough, whatever their classes, so that most are
        paired. What has no partner is paired with -1.
        """
        actual, decided = [], []
        for number in range(self.examples):
            objects = np.flatnonzero(self.example == number)
            given = np.flatnonzero((self.detected == number) & (self.score >= threshold))
            near = overlap(edges(self._boxes[objects]), edges(self._given[given])) >= ENOUGH
            same = self.kind[objects][:, None] == self.called[given]
            rows, columns = linear_sum_assignment(-(near * (1.0 + same / (1 + len(objects)))))
            paired = near[rows, columns]
            rows, columns = objects[rows[paired]], given[columns[paired]]
            missed, false = np.setdiff1d(objects, rows), np.setdiff1d(given, columns)
            actual += [self.kind[rows], self.kind[missed], np.full(len(false), -1)]
            decided += [self.called[columns], np.full(len(missed), -1), self.called[false]]
        return np.concatenate([np.zeros(0, int), *actual]), np.concatenate([np.zeros(0, int), *decided])


def same(one: np.ndarray, other: np.ndarray, threshold: float) -> np.ndarray:
    """Return for each picture whether the detections [n, k, 5 or 6] of two models agree [n].

    They agree if as many score `threshold` or more, and each overlaps one of the other model by `ENOUGH`, one to one,
    and is of the same class.
    """
    agree = np.zeros(len(one), bool)
    for number, pair in enumerate(zip(one, other, strict=True)):
        mine, theirs = (found[found[:, 4] >= threshold] for found in pair)
        near = overlap(edges(mine), edges(theirs)) >= ENOUGH
        near &= _numbers(mine, 5)[:, None] == _numbers(theirs, 5)
        agree[number] = len(mine) == len(theirs) == near[linear_sum_assignment(~near)].sum()
    return agree


def _numbers(boxes: np.ndarray, place: int) -> np.ndarray:
    """Return the number of the class of each box [k, ...], the value at `place`; 0 without such a value."""
    return boxes[:, place].astype(np.int64) if boxes.shape[1] > place else np.zeros(len(boxes), np.int64)


def _evaluated(
    examples: int,
    classes: int,
    objects: tuple[np.ndarray, np.ndarray, np.ndarray],
    detections: tuple[np.ndarray, np.ndarray, np.ndarray],
    scores: np.ndarray,
) -> Any:
    """COCO's matching at IoU 0.5 of boxes, given the numbers of their examples, their classes, and boxes [k, 4].

    The ids of objects and detections start at 1.
    """
    categories, images = [{"id": kind} for kind in range(classes)], [{"id": number} for number in range(examples)]

    def annotated(numbers: np.ndarray, kinds: np.ndarray, boxes: np.ndarray) -> list[dict[str, Any]]:
        corners = np.concatenate([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, 2:]], axis=1)
        rows = zip(numbers.tolist(), kinds.tolist(), corners.tolist(), strict=True)
        return [
            {"id": id, "image_id": number, "category_id": kind, "bbox": box, "area": box[2] * box[3], "iscrowd": 0}
            for id, (number, kind, box) in enumerate(rows, 1)
        ]

    truth, found = COCO(), COCO()
    truth.dataset = {"images": images, "categories": categories, "annotations": annotated(*objects)}
    given = [one | {"score": s} for one, s in zip(annotated(*detections), scores.tolist(), strict=True)]
    found.dataset = {"images": images, "categories": categories, "annotations": given}
    with redirect_stdout(io.StringIO()):
        truth.createIndex()
        found.createIndex()
        evaluation = COCOeval(truth, found, "bbox")
        evaluation.params.iouThrs = np.array([ENOUGH])
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, 1e10]], ["all"]
        evaluation.params.maxDets = [max(1, int(np.bincount(detections[0]).max(initial=0)))]
        evaluation.evaluate()
    return evaluation
