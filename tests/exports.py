"""Folders of pictures with boxes of two classes, as annotation tools export them."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

Boxes = Sequence[tuple[str, float, float, float, float]]
"""The class of each object, and its box as centre and size in shares of the picture."""
CLASSES = ["head", "helmet"]
WIDTH, HEIGHT = 80, 60
WORLD: Mapping[str, Mapping[str, Boxes]] = {
    "train": {
        "a": [("helmet", 0.5, 0.5, 0.25, 0.5), ("head", 0.25, 0.25, 0.125, 0.25)],
        "b": [("helmet", 0.75, 0.5, 0.25, 0.25)],
        "c": [],
    },
    "val": {"d": [("head", 0.5, 0.5, 0.5, 0.5), ("helmet", 0.25, 0.25, 0.25, 0.25)]},
    "test": {"e": [("head", 0.25, 0.75, 0.25, 0.25), ("helmet", 0.75, 0.25, 0.25, 0.25)]},
}


def _picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(sum(path.stem.encode())).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    Image.fromarray(pixels).save(path)


def _label(path: Path, boxes: Boxes, classes: Sequence[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{classes.index(name)} {x} {y} {w} {h}\n" for name, x, y, w, h in boxes))


def _coco(pictures: Mapping[str, Boxes], first: int, above: bool) -> str:
    """A document whose categories have the numbers from `first` on; `above`: with one more that has no objects."""
    categories = [{"id": first + number, "name": name, "supercategory": "worn"} for number, name in enumerate(CLASSES)]
    if above:
        categories.insert(0, {"id": 0, "name": "worn", "supercategory": "none"})
    images, annotations = [], []
    for number, (name, boxes) in enumerate(pictures.items()):
        images.append({"id": number, "file_name": name, "width": WIDTH, "height": HEIGHT})
        for kind, x, y, w, h in boxes:
            box = [(x - w / 2) * WIDTH, (y - h / 2) * HEIGHT, w * WIDTH, h * HEIGHT]
            annotations.append(
                {
                    "id": len(annotations),
                    "image_id": number,
                    "category_id": first + CLASSES.index(kind),
                    "bbox": box,
                    "area": box[2] * box[3],
                    "iscrowd": 0,
                }
            )
    return json.dumps({"info": {}, "images": images, "annotations": annotations, "categories": categories})


def roboflow_yolo(folder: Path) -> Path:
    for side, pictures in WORLD.items():
        top = folder / {"val": "valid"}.get(side, side)
        for name, boxes in pictures.items():
            _picture(top / f"images/{name}_jpg.rf.0a1b.jpg")
            _label(top / f"labels/{name}_jpg.rf.0a1b.txt", boxes, CLASSES)
    (folder / "data.yaml").write_text(
        "train: ../train/images\nval: ../valid/images\ntest: ../test/images\n\nnc: 2\nnames: ['head', 'helmet']\n\n"
        "roboflow:\n  workspace: w\n  version: 3\n"
    )
    (folder / "README.roboflow.txt").write_text("Exported.")
    return folder


def roboflow_coco(folder: Path) -> Path:
    for side, pictures in WORLD.items():
        top = folder / {"val": "valid"}.get(side, side)
        for name in pictures:
            _picture(top / f"{name}_jpg.rf.0a1b.jpg")
        listed = {f"{name}_jpg.rf.0a1b.jpg": boxes for name, boxes in pictures.items()}
        (top / "_annotations.coco.json").write_text(_coco(listed, 1, above=True))
    (folder / "README.dataset.txt").write_text("Exported.")
    return folder


def ultralytics(folder: Path) -> Path:
    for side, pictures in WORLD.items():
        for name, boxes in pictures.items():
            _picture(folder / f"images/{side}/{name}.jpg")
            _label(folder / f"labels/{side}/{name}.txt", boxes, CLASSES)
    (folder / "worn.yaml").write_text(
        "path: ../datasets/worn\ntrain: images/train\nval: images/val\ntest: images/test\n\nnames:\n"
        "  0: head\n  1: helmet\n"
    )
    (folder / "labels/train.cache").write_bytes(b"\x00")
    return folder


def label_studio_yolo(folder: Path) -> Path:
    """Classes in another order."""
    order = CLASSES[::-1]
    for pictures in WORLD.values():
        for name, boxes in pictures.items():
            _picture(folder / f"images/1f2e-{name}.jpg")
            _label(folder / f"labels/1f2e-{name}.txt", boxes, order)
    (folder / "classes.txt").write_text("\n".join(order))
    categories = [{"id": number, "name": name} for number, name in enumerate(order)]
    (folder / "notes.json").write_text(json.dumps({"categories": categories, "info": {"version": "1.0"}}))
    return folder


def label_studio_coco(folder: Path) -> Path:
    pictures = {name: boxes for side in WORLD.values() for name, boxes in side.items()}
    for name in pictures:
        _picture(folder / f"images/1f2e-{name}.jpg")
    listed = {f"images\\1f2e-{name}.jpg": boxes for name, boxes in pictures.items()}
    (folder / "result.json").write_text(_coco(listed, 0, above=False))
    return folder


def coco_download(folder: Path, above: str = "") -> Path:
    """The folders and the archive of annotations that cocodataset.org offers, without the pictures of a fourth file."""
    (folder / "annotations").mkdir(parents=True)
    for side, pictures in WORLD.items():
        for name in pictures:
            _picture(folder / above / f"{side}2017/{name}.jpg")
        listed = {f"{name}.jpg": boxes for name, boxes in pictures.items()}
        (folder / f"annotations/instances_{side}2017.json").write_text(_coco(listed, 1, above=False))
        (folder / f"annotations/captions_{side}2017.json").write_text("{}")
    (folder / "annotations/instances_minival2014.json").write_text(_coco({}, 1, above=False))
    (folder / above / "unlabeled2017").mkdir()
    _picture(folder / above / "unlabeled2017/x.jpg")
    return folder


def coco_download_in_images(folder: Path) -> Path:
    """The same with the folders of pictures in `images`, as many tools expect them."""
    return coco_download(folder, "images")


SPLIT: list[Callable[[Path], Path]] = [
    roboflow_yolo,
    roboflow_coco,
    ultralytics,
    coco_download,
    coco_download_in_images,
]
WHOLE: list[Callable[[Path], Path]] = [label_studio_yolo, label_studio_coco]
