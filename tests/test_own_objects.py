"""Pictures with boxes of two classes, as a tool exports them, through every command, without editing a file."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image, ImageDraw

import exports
from own_data import built, in_smoke, predicted, removed, scored, sh, slipway

COLOURS = {"disc": (250, 230, 40), "square": (60, 90, 250)}
SIDES = {"train": 48, "valid": 12, "test": 18}


def shapes(folder: Path, sides: Mapping[str, int], seed: int = 0) -> Path:
    """Discs and squares on noise, in the layout of Roboflow's YOLO export; one picture in six has no object."""
    rng = np.random.default_rng(seed)
    for side, pictures in sides.items():
        for number in range(pictures):
            noise = rng.integers(0, 90, (96, 128, 3), np.uint8)
            picture, lines = Image.fromarray(noise), []
            draw = ImageDraw.Draw(picture)
            for kind, name in enumerate(COLOURS):
                if number % 6 and rng.uniform() < 0.7:
                    radius = rng.uniform(8, 16)
                    x, y = rng.uniform(32 + 64 * kind - 14, 32 + 64 * kind + 14), rng.uniform(radius, 96 - radius)
                    shape = draw.ellipse if name == "disc" else draw.rectangle
                    shape([x - radius, y - radius, x + radius, y + radius], COLOURS[name])
                    lines.append(f"{kind} {x / 128:.6f} {y / 96:.6f} {radius / 64:.6f} {radius / 48:.6f}")
            for kind_of_file in ("images", "labels"):
                (folder / side / kind_of_file).mkdir(parents=True, exist_ok=True)
            picture.save(folder / side / f"images/{side}{number}_png.rf.0a1b.png")
            (folder / side / f"labels/{side}{number}_png.rf.0a1b.txt").write_text("\n".join(lines))
    names = {"names": [*COLOURS], "nc": len(COLOURS), "train": "../train/images", "val": "../valid/images"}
    (folder / "data.yaml").write_text(yaml.safe_dump(names))
    return folder


@pytest.mark.build
def test_objects_of_two_classes_are_built_gated_scored_predicted_and_removed(
    repository: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    in_smoke(monkeypatch)
    said, record = built("--data", str(shapes(tmp_path / "shapes", SIDES)))
    assert "task: object_detection" in said
    assert record["spec"]["outputs"] == ["disc", "square"]
    assert record["examples"] == SIDES["test"], "the split of the export is kept"
    assert record["delegation"] == {"outside": {"QUANTIZE": 1}, "partitions": 1}
    assert record["dataset"]["test"]["classes"].keys() == COLOURS.keys()
    new = shapes(tmp_path / "new", {"train": 12}, seed=1)
    found = scored(new)
    assert found["examples"] == 12 and set(found["metrics"]) == set(record["metrics"])
    assert [row["class"] for row in found["tables"]["per_class"]] == ["disc", "square"]
    lines = predicted(new / "train/images")
    boxes = [box for line in lines for box in line["prediction"]]
    assert len(lines) == 12
    assert all(box.keys() == {"label", "x", "y", "width", "height", "score"} for box in boxes)
    assert {box["label"] for box in boxes} <= COLOURS.keys()
    removed()


@pytest.mark.parametrize("export", [*exports.SPLIT, *exports.WHOLE])
def test_what_was_found_is_said_and_written(repository: Path, tmp_path: Path, export) -> None:
    data = export(tmp_path / "export")
    said = slipway("new", "own", "--data", str(data), "--dry-run")
    assert "task: object_detection" in said
    assert "note: objects: " in said and "3 of head" in said and "1 pictures without an object" in said
    written = yaml.safe_load(said.partition("conf/variant/own.yaml would be:")[2])
    assert written["data"].pop("classes") in (["head", "helmet"], ["helmet", "head"])
    assert written["data"] == {"max_boxes": 8, "false_positives": 0.14}
    assert written["gate"]["rules"] == {"detection_rate": {"min": 0.5}}
    assert sh("git status --porcelain") == ""
