"""Objects and detections for tests of matchings."""

import numpy as np

from slipway.metrics.matching import Matches

SHAPE = (100, 100, 3)
NAN = [np.nan] * 4
NONE = [0.0] * 5


def matches(objects: list[list[list[float]]], detections: list[list[list[float]]], classes: int = 1) -> Matches:
    """Match the objects and detections of each picture, padded to arrays."""
    more = int(classes > 1)
    nan, none = NAN + [np.nan] * more, NONE + [0.0] * more
    most, given = (max([1, *map(len, many)]) for many in (objects, detections))
    return Matches(
        np.array([one + [nan] * (most - len(one)) for one in objects], np.float32),
        np.array([one + [none] * (given - len(one)) for one in detections], np.float32),
        SHAPE,
        classes,
    )


def world(seed: int, pictures: int = 12, classes: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Random objects, and detections that are moved objects, one in four of another class, or nothing at all."""
    random, kinds = np.random.default_rng(seed), np.random.default_rng((seed, classes))
    objects = np.full((pictures, 3, 5), np.nan, np.float32)
    detections = np.zeros((pictures, 4, 6), np.float32)
    for picture in range(pictures):
        count = random.integers(0, 4)
        objects[picture, :count, :4] = random.uniform([0.2] * 2 + [0.05] * 2, [0.8] * 2 + [0.2] * 2, (count, 4))
        objects[picture, :count, 4] = kinds.integers(0, classes, count)
        given = [
            [
                *(box + random.normal(0, 0.02, 4).clip(-0.04, 0.04)),
                random.uniform(),
                (kind + (picture % 4 == 0)) % classes,
            ]
            for *box, kind in objects[picture, :count].tolist()
        ]
        given += [[*random.uniform(0.1, 0.3, 4), random.uniform(), 0] for _ in range(random.integers(0, 2))]
        given.sort(key=lambda box: -box[4])
        if given:
            detections[picture, : len(given)] = given
    return (objects, detections) if classes > 1 else (objects[..., :4], detections[..., :5])
