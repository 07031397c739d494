"""Pictures of footballers with their keypoints: `images/`, `annotations.json` (COCO) and `metadata.csv` (path, group).

In the easiest world (a difficulty of 0) players are alone and face the camera; from 0.5 on they face any direction, and
half of them have others around.
A picture shows 1 to 3 players at play, 60 to 200 px high in a picture 256 px high. The visibility of a keypoint is 2 if
it is visible, 1 if another limb or player hides it, and 0, with position (0, 0), if it is outside the picture or on a
face that looks away. The box is that of the drawn body, cut at the picture's edges.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from slipway.simulators.sport.camera import SUPERSAMPLED, Canvas, Rng, View, finished, moved
from slipway.simulators.sport.figure import LIMBS, Figure
from slipway.simulators.sport.football import Match, pose
from slipway.simulators.sport.skeleton import KEYPOINTS, SKELETON, skeleton

Row = tuple[str, str]
_OWN = tuple(
    frozenset(
        LIMBS.index(limb)
        for limb in (
            ("head",)
            if number < 5
            else (f"{name.split('_')[0]}_arm", *(("torso",) if "shoulder" in name else ()))
            if number < 11
            else (f"{name.split('_')[0]}_leg", *(("torso",) if "hip" in name else ()))
        )
    )
    for number, name in enumerate(KEYPOINTS)
)
"""For each keypoint, the limbs that show it."""


def simulate(
    out: Path, groups: int, per_group: int, size: tuple[int, int], knobs: tuple[float, float], seed: int
) -> list[Row]:
    """Write the pictures and annotations.json, and return the rows of metadata.csv.

    Args:
        out: the folder, which must exist.
        groups: the number of matches.
        per_group: the number of pictures of each match.
        size: of a picture, (height, width).
        knobs: difficulty and shift.
        seed: of the world.
    """
    (out / "images").mkdir()
    rows: list[Row] = []
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for group in range(groups):
        rng = np.random.default_rng([seed, group])
        match = Match.pick(rng, *size, *knobs)
        name = f"match{group:03d}"
        for number in range(per_group):
            path = f"images/{name}-{number:03d}.jpg"
            image, people = _picture(match, size, knobs, np.random.default_rng([seed, group, number]))
            image.save(out / path, "JPEG", quality=match.film.quality)
            rows.append((path, name))
            identity = len(images) + 1
            images.append({"id": identity, "file_name": path, "height": size[0], "width": size[1]})
            for person in people:
                about = {"id": len(annotations) + 1, "image_id": identity, "category_id": 1, "iscrowd": 0}
                annotations.append(about | person)
    category = {"id": 1, "name": "person", "keypoints": list(KEYPOINTS), "skeleton": [list(edge) for edge in SKELETON]}
    coco = {"images": images, "annotations": annotations, "categories": [category]}
    (out / "annotations.json").write_text(json.dumps(coco, indent=None, separators=(",", ":")))
    return rows


def _picture(
    match: Match, size: tuple[int, int], knobs: tuple[float, float], rng: Rng
) -> tuple[Image.Image, list[dict[str, Any]]]:
    """A finished picture and its annotations."""
    height, width = size
    difficulty, shift = knobs
    tall = height / 256 * float(rng.uniform(75, 200))
    far = float(rng.uniform(9, 30))
    rise = float(rng.uniform(1.2, 0.35 * far)) + 1.5 * shift
    focal = tall * far / 1.8
    aim = (float(rng.normal(0, 0.15)), 0.9 + float(rng.uniform(-0.15, 0.15)), 0.0)
    view = View.look((0, rise, far), aim, focal, (width, height), float(rng.normal(0, 0.02)) + 0.07 * shift)
    figures = _players(match, view, width * 1.8 / tall, min(1.0, 2 * difficulty), rng)
    canvas = Canvas(width * SUPERSAMPLED, height * SUPERSAMPLED)
    match.ground(canvas, view, rng, float(rng.uniform(5, 30)))
    match.shadows(canvas, view, figures)
    ids = Canvas(width * SUPERSAMPLED, height * SUPERSAMPLED, "L")
    for number, figure in enumerate(figures):
        figure.paint(canvas, match.lit_from)
        figure.stencil(ids, 1 + number * len(LIMBS))
    image = canvas.image
    if rng.uniform() < 0.35:
        reach = difficulty * SUPERSAMPLED * height / 256 * 5
        image = moved(image, float(rng.normal(0, reach)), float(rng.normal(0, 0.3 * reach)))
    seen = np.asarray(ids.image)
    people = [person for number, figure in enumerate(figures) if (person := _annotated(figure, number, seen, size))]
    return match.film.develop(image, rng), people


def _players(match: Match, view: View, across: float, varied: float, rng: Rng) -> list[Figure]:
    """1 to 3 players, the farthest first.

    `across` is the width in metres that the picture shows at the players; `varied` goes from 0, one player who faces
    the camera, to 1.
    """
    count = int(rng.choice([1, 2, 3], p=[1 - 0.5 * varied, 0.35 * varied, 0.15 * varied]))
    x, z = float(rng.uniform(-0.3, 0.3)) * across, 0.0
    figures = []
    for number in range(count):
        if number:
            close = rng.uniform() < 0.45
            x += float(rng.choice([-1, 1]) * (rng.uniform(0.2, 0.6) if close else rng.uniform(0.6, 2)))
            x = float(np.clip(x, -0.5 * across, 0.5 * across))
            z = float(rng.uniform(-1.2, 0.8))
        look = match.player(rng, float(rng.uniform()))
        facing = varied * float(rng.uniform(-np.pi, np.pi))
        joints = skeleton(pose(rng), look.height, np.array([x, 0, z]), facing)
        joints[:, 1] -= min(0.0, float(joints[:, 1].min()))
        figures.append(Figure(joints, look, view))
    return sorted(figures, key=lambda figure: -figure.depth)


def _annotated(figure: Figure, number: int, seen: np.ndarray, size: tuple[int, int]) -> dict[str, Any] | None:
    """The annotation of a figure, or None if fewer than 5 of its keypoints or too little of it is visible.

    `seen` [height, width] is the number of the limb at each drawn pixel.
    """
    height, width = size
    first = 1 + number * len(LIMBS)
    own = (seen >= first) & (seen < first + len(LIMBS))
    away = figure.looks_away()
    marks: list[float] = []
    for name, drawn in enumerate(figure.drawn[: len(KEYPOINTS)]):
        x, y = finished(drawn).round(2).tolist()
        inside = 0 <= x < width and 0 <= y < height
        if not inside or (name < 5 and away[name]):
            marks += [0, 0, 0]
            continue
        column, row = drawn.round().astype(int).tolist()
        around = seen[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2].astype(int) - first
        marks += [x, y, 2 if _OWN[name] & set(around.ravel().tolist()) else 1]
    counted = sum(value > 0 for value in marks[2::3])
    area = int(own.sum()) // SUPERSAMPLED**2
    if counted < 5 or area < 60 or 2 not in marks[2::3]:
        return None
    left, top, right, bottom = figure.box()
    (left, top), (right, bottom) = (
        finished(np.array([left, top])).tolist(),
        finished(np.array([right, bottom])).tolist(),
    )
    left, top, right, bottom = max(0, left), max(0, top), min(width, right), min(height, bottom)
    box = [round(value, 2) for value in (left, top, right - left, bottom - top)]
    return {"bbox": box, "area": area, "num_keypoints": counted, "keypoints": marks}
