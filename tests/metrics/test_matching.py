import io
from contextlib import redirect_stdout

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from detections import SHAPE, matches, world
from slipway.metrics import matching
from slipway.metrics.matching import Matches
from slipway_edge.boxes import edges, overlap


def test_overlap_is_intersection_over_union() -> None:
    one = edges(np.array([[0.5, 0.5, 0.2, 0.2]]))
    other = edges(np.array([[0.6, 0.5, 0.2, 0.2], [0.9, 0.9, 0.1, 0.1], [0.5, 0.5, 0.1, 0.2], [0.5, 0.5, 0, 0]]))
    assert overlap(one, other)[0] == pytest.approx([1 / 3, 0, 0.5, 0])


def test_a_detection_finds_no_object_of_another_class() -> None:
    ball = [0.5, 0.5, 0.2, 0.2]
    matched = matches([[[*ball, 0]]], [[[*ball, 0.9, 1], [*ball, 0.8, 0]]], classes=2)
    assert matched.hit.tolist() == [False, True]
    assert matched.found == pytest.approx([0.8])
    assert matched.average_precision() == pytest.approx([1, np.nan], nan_ok=True)


@pytest.mark.parametrize("classes", [1, 3])
def test_average_precision_is_what_pycocotools_gives(classes: int) -> None:
    objects, detections = world(1, classes=classes)
    truth, found = COCO(), COCO()
    images = [{"id": number} for number in range(len(objects))]

    def annotated(many: np.ndarray, score: int) -> list[dict[str, object]]:
        rows = [(number, row) for number, rows in enumerate(many) for row in rows if row[score] > 0]
        return [
            {
                "id": id,
                "image_id": number,
                "category_id": int(row[-1]) if classes > 1 else 0,
                "bbox": [float(v) for v in (*(row[:2] - row[2:4] / 2) * 100, *row[2:4] * 100)],
                "area": float(row[2] * row[3] * 1e4),
                "iscrowd": 0,
                "score": float(row[score]),
            }
            for id, (number, row) in enumerate(rows, 1)
        ]

    for coco, many, score in ((truth, objects, 2), (found, detections, 4)):
        coco.dataset = {
            "images": images,
            "categories": [{"id": kind} for kind in range(classes)],
            "annotations": annotated(many, score),
        }
        with redirect_stdout(io.StringIO()):
            coco.createIndex()
    evaluation = COCOeval(truth, found, "bbox")
    with redirect_stdout(io.StringIO()):
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    assert 0.1 < evaluation.stats[1] < 1
    average = Matches(objects, detections, SHAPE, classes).average_precision()
    assert len(average) == classes
    assert average.mean() == pytest.approx(evaluation.stats[1], abs=1e-9)


def test_two_models_agree_if_each_box_overlaps_one_of_the_other() -> None:
    one = np.array([[[0.5, 0.5, 0.2, 0.2, 0.9], [0.1, 0.1, 0.1, 0.1, 0.8]]])
    swapped = one[:, ::-1]
    moved = one + np.array([0.3, 0, 0, 0, 0])
    fewer = one * np.array([1, 1, 1, 1, 0.6])
    assert matching.same(one, swapped, 0.5).all()
    assert not matching.same(one, moved, 0.5).any()
    assert not matching.same(one, fewer, 0.5).any()
    assert matching.same(one, moved, 0.95).all(), "nothing decided, nothing to differ in"


def test_two_models_do_not_agree_on_a_box_of_another_class() -> None:
    one = np.array([[[0.5, 0.5, 0.2, 0.2, 0.9, 0], [0.1, 0.1, 0.1, 0.1, 0.8, 1]]])
    other = one.copy()
    other[0, 1, 5] = 0
    assert matching.same(one, one, 0.5).all()
    assert not matching.same(one, other, 0.5).any()


def test_objects_and_detections_are_paired_whatever_their_class() -> None:
    """Most are paired, and of equal numbers of pairs those with equal classes."""
    one, near, far = [0.5, 0.5, 0.2, 0.2], [0.52, 0.5, 0.2, 0.2], [0.1, 0.1, 0.1, 0.1]
    matched = matches(
        [[[*one, 0], [*near, 1]], [[*far, 1]]], [[[*one, 0.9, 1], [*near, 0.8, 0], [*far, 0.7, 1]], []], classes=2
    )
    actual, decided = matched.confused(0.5)
    assert list(zip(actual.tolist(), decided.tolist(), strict=True)) == [(0, 0), (1, 1), (-1, 1), (1, -1)]
    actual, decided = matched.confused(0.85)
    assert sorted(zip(actual.tolist(), decided.tolist(), strict=True)) == [(0, -1), (1, -1), (1, 1)]
    none = matches([[]], [[]]).confused(0.5)
    assert [len(part) for part in none] == [0, 0]
