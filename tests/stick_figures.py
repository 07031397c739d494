"""Stick figures of five points, with their keypoints in COCO's format."""

import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

NAMES = ["head", "left_hand", "right_hand", "left_foot", "right_foot"]
COLOURS = [(250, 250, 250), (250, 60, 60), (60, 60, 250), (250, 200, 40), (60, 220, 90)]


def figures(folder: Path, pictures: int = 36, seed: int = 0) -> Path:
    """Stick figures of five points, each with a colour of its own; every fourth picture has two of them."""
    rng = np.random.default_rng(seed)
    (folder / "images").mkdir(parents=True)
    images, annotations = [], []
    for number in range(pictures):
        picture = Image.new("RGB", (128, 96), tuple(rng.integers(0, 90, 3).tolist()))
        draw = ImageDraw.Draw(picture)
        for person in range(1 + (number % 4 == 0)):
            middle = np.array([32 + 64 * person, 48]) + rng.uniform(-6, 6, 2)
            places = (
                middle + np.array([[0, -24], [18, -6], [-18, -6], [10, 26], [-10, 26]]) + rng.uniform(-6, 6, (5, 2))
            )
            for place in places[1:]:
                draw.line([*places[0], *place], (150, 150, 150), 2)
            for (x, y), colour in zip(places, COLOURS, strict=True):
                draw.ellipse([x - 3, y - 3, x + 3, y + 3], colour)
            low, high = places.min(axis=0) - 3, places.max(axis=0) + 3
            seen = [0 if rng.uniform() < 0.1 else 2 for _ in NAMES[1:]]
            marks = [[*place, v] if v else [0, 0, 0] for place, v in zip(places.tolist(), [1, *seen], strict=True)]
            annotations.append(
                {
                    "id": len(annotations),
                    "image_id": number,
                    "category_id": 1,
                    "bbox": [*low.tolist(), *(high - low).tolist()],
                    "area": float(np.prod(high - low)),
                    "keypoints": [value for mark in marks for value in mark],
                }
            )
        picture.save(folder / f"images/{number}.png")
        images.append({"id": number, "file_name": f"{number}.png", "width": 128, "height": 96})
    categories = [{"id": 1, "name": "figure", "keypoints": NAMES, "skeleton": [[1, 2], [1, 3], [1, 4], [1, 5]]}]
    content = {"images": images, "categories": categories, "annotations": annotations}
    (folder / "annotations.json").write_text(json.dumps(content))
    return folder
