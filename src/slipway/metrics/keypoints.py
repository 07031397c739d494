"""Scores of keypoints: COCO's average precision by object keypoint similarity, and the share of correct keypoints.

Object keypoint similarity (OKS) of a person is the mean over the annotated keypoints of exp(-d^2 / (2 area k^2)), where
d is the distance and k = 2 sigma a constant of the keypoint: how far apart people place the same keypoint, published by
COCO (https://cocodataset.org/#keypoints-eval). pycocotools computes the average precision. It gets every person as a
separate picture, since a model that is given the person's box cannot confuse the person with another one.

A keypoint is correct (PCK) if its distance is at most `PCK_THRESHOLD` of the longer side of the person's box (Yang and
Ramanan, "Articulated Human Detection with Flexible Mixtures of Parts", TPAMI 2013, who use 0.1 for whole bodies). The
size of the head (PCKh, MPII) or of the torso (LSP) would need a skeleton with these parts; every example has a box.
"""

import contextlib
import io
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from slipway.core.metric import Metric, named
from slipway.core.protocol import Contributions, Plot
from slipway.metrics.breakdown import Parts

SIGMAS = {
    "nose": 0.026,
    "left_eye": 0.025,
    "right_eye": 0.025,
    "left_ear": 0.035,
    "right_ear": 0.035,
    "left_shoulder": 0.079,
    "right_shoulder": 0.079,
    "left_elbow": 0.072,
    "right_elbow": 0.072,
    "left_wrist": 0.062,
    "right_wrist": 0.062,
    "left_hip": 0.107,
    "right_hip": 0.107,
    "left_knee": 0.087,
    "right_knee": 0.087,
    "left_ankle": 0.089,
    "right_ankle": 0.089,
}
"""The 17 keypoints of COCO, with the spread of each one's annotations as a share of the square root of the area."""
PCK_THRESHOLD = 0.1
PCK_CURVE = np.linspace(0, 0.2, 41)
METRICS = named(
    Metric(
        "map", "higher", "share", "average precision over object keypoint similarity (OKS) 0.50 to 0.95", 4, share=True
    ),
    Metric("ap50", "higher", "share", "average precision at OKS 0.50", 4, share=True),
    Metric("ap75", "higher", "share", "average precision at OKS 0.75", 4, share=True),
    Metric(
        "pck",
        "higher",
        "share",
        f"share of annotated keypoints found within {PCK_THRESHOLD} of the longer side of the box",
        4,
        share=True,
    ),
    Metric("mean_error", "lower", "share of the longer side of the box", "mean distance of annotated keypoints", 4),
)
WITHOUT_SIGMAS = named(METRICS["pck"], METRICS["mean_error"])
"""The metrics of keypoints whose sigmas are not known: they have no object keypoint similarity."""


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores of the keypoints found in persons; see `slipway.core.protocol.Scores`.

    `groups`: [n]. `truth`: [n, keypoints, 3], x and y in pixels, and COCO's v: 0 if the keypoint is not annotated.
    `found`: [n, keypoints, 3], x and y in pixels, and the score. `area`: [n], the person's area in square pixels.
    `size`: [n], the longer side of the person's box in pixels. `sigmas`, `names`: [keypoints]; without sigmas there is
    no average precision.
    """

    groups: pd.Series
    truth: np.ndarray
    found: np.ndarray
    area: np.ndarray
    size: np.ndarray
    sigmas: Sequence[float] | None
    names: Sequence[str]

    def total(self, weight: np.ndarray | None = None) -> dict[str, float]:
        """Return every metric, nan if all weights are 0; person i counts `weight[i]` times, a whole number."""
        times = np.ones(len(self.truth), np.int64) if weight is None else np.asarray(weight).astype(np.int64)
        if not times.any():
            return dict.fromkeys(WITHOUT_SIGMAS if self.sigmas is None else METRICS, float("nan"))
        mass = times[:, None] * self._annotated
        return {
            **({} if self.sigmas is None else _average_precision(self._evaluation, times)),
            "pck": float((mass * (self._errors <= PCK_THRESHOLD)).sum() / mass.sum()),
            "mean_error": float((mass * self._errors).sum() / mass.sum()),
        }

    def breakdowns(self, weight: np.ndarray | None = None) -> Mapping[str, pd.DataFrame]:
        """Return `per_keypoint` and `per_group`: the number of annotated keypoints, PCK and mean error.

        Person i counts `weight[i]` times in PCK and mean error. Average precision is a metric of whole persons and has
        no breakdown.
        """
        person, keypoint = np.nonzero(self._annotated)
        error = self._errors[person, keypoint]
        times = None if weight is None else weight[person]

        def by(column: str, part: Parts) -> pd.DataFrame:
            seen = part.counts > 0
            columns = {
                column: part.names,
                "n": part.counts,
                "pck": part.means(error <= PCK_THRESHOLD, times),
                "mean_error": part.means(error, times),
            }
            return pd.DataFrame(columns)[seen].reset_index(drop=True)

        per_keypoint = by("keypoint", Parts.of(pd.Series(keypoint)))
        per_keypoint["keypoint"] = np.array(self.names)[per_keypoint["keypoint"]]
        return {"per_keypoint": per_keypoint, "per_group": by("group", self._groups.at(person))}

    def plots(self) -> Sequence[Plot]:
        """Return the plots: PCK by threshold, and the mean error of each keypoint."""
        error = self._errors[self._annotated]
        curve = pd.DataFrame({"threshold": PCK_CURVE, "pck": [(error <= threshold).mean() for threshold in PCK_CURVE]})
        return [
            Plot(
                "pck",
                "Correct keypoints by how far off they may be",
                curve,
                "threshold",
                "pck",
                "simple",
                "share of the box's longer side",
                "share of keypoints",
            ),
            Plot(
                "error_by_keypoint",
                "Error by keypoint",
                self.breakdowns()["per_keypoint"][["keypoint", "mean_error"]],
                "mean_error",
                "keypoint",
                "bar_horizontal",
                "mean distance, share of the box's longer side",
                "keypoint",
            ),
        ]

    @cached_property
    def contributions(self) -> Contributions:
        """The contribution of each person to PCK and mean error, and the mean error of its keypoints."""
        off, annotated = self._errors, self._annotated
        count = annotated.sum(axis=1)
        near = (off <= PCK_THRESHOLD) & annotated
        return Contributions(
            {
                "pck": (near.sum(axis=1).astype(float), count.astype(float)),
                "mean_error": (off.sum(axis=1), count.astype(float)),
            },
            errors=off.sum(axis=1) / np.maximum(count, 1),
        )

    @cached_property
    def _annotated(self) -> np.ndarray:
        """Whether each keypoint is annotated [n, keypoints]."""
        annotated: np.ndarray = self.truth[..., 2] > 0
        return annotated

    @cached_property
    def _errors(self) -> np.ndarray:
        """Distances [n, keypoints] as shares of the longer side of the box; 0 if a keypoint is not annotated."""
        apart = np.moveaxis(self.found[..., :2] - self.truth[..., :2], -1, 0)
        return np.where(self._annotated, np.hypot(*apart) / np.asarray(self.size)[:, None], 0.0)

    @cached_property
    def _evaluation(self) -> COCOeval:
        assert self.sigmas is not None  # checked by `total`
        return _evaluated(self.truth, self.found, self.area, self.sigmas)

    @cached_property
    def _groups(self) -> Parts:
        return Parts.of(self.groups)


def _evaluated(truth: np.ndarray, found: np.ndarray, area: np.ndarray, sigmas: Sequence[float]) -> COCOeval:
    """COCO's evaluation of every person; all bootstrap draws of the same predictions reuse it."""
    persons, detections, areas = (np.asarray(values, np.float64) for values in (truth, found, area))
    reference = COCO()
    reference.dataset = {
        "images": [{"id": number} for number in range(len(persons))],
        "categories": [{"id": 1}],
        "annotations": [
            {
                "id": number + 1,  # 0 means no match to COCOeval
                "image_id": number,
                "category_id": 1,
                "keypoints": person.ravel(),
                "num_keypoints": int((person[:, 2] > 0).sum()),
                "area": one,
                "bbox": [0, 0, 0, 0],
                "iscrowd": 0,
            }
            for number, (person, one) in enumerate(zip(persons, areas, strict=True))
        ],
    }
    results = [
        {"image_id": number, "category_id": 1, "keypoints": person.ravel(), "score": float(person[:, 2].mean())}
        for number, person in enumerate(detections)
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        reference.createIndex()
        evaluation = COCOeval(reference, reference.loadRes(results), iouType="keypoints")
        evaluation.params.kpt_oks_sigmas = np.array(sigmas)
        evaluation.params.areaRng, evaluation.params.areaRngLbl = evaluation.params.areaRng[:1], ["all"]
        evaluation.evaluate()
    return evaluation


def _average_precision(evaluation: COCOeval, times: np.ndarray) -> dict[str, float]:
    """Average precision over the persons [n] of an evaluation; person i counts `times[i]` times."""
    persons = np.repeat(np.arange(len(times)), times)
    drawn = copy(evaluation)
    drawn.params = copy(evaluation.params)
    drawn.params.imgIds = range(len(persons))
    drawn._paramsEval = drawn.params
    drawn.evalImgs = [evaluation.evalImgs[person] for person in persons]
    with contextlib.redirect_stdout(io.StringIO()):
        drawn.accumulate()
    precision = drawn.eval["precision"][:, :, 0, 0, 0]
    thresholds = drawn.params.iouThrs.round(2)
    return {
        "map": float(precision.mean()),
        "ap50": float(precision[thresholds == 0.5].mean()),
        "ap75": float(precision[thresholds == 0.75].mean()),
    }
