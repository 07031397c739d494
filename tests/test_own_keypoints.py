"""A skeleton of one's own, through every command, without editing a file."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image, ImageDraw
from typer.testing import CliRunner

from own_data import built, in_smoke, predicted, removed, scored, sh, slipway
from slipway.cli.app import app

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


@pytest.mark.build
def test_a_skeleton_of_five_points_is_built_gated_scored_predicted_and_removed(
    repository: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    in_smoke(monkeypatch)
    data = figures(tmp_path / "figures")
    said, record = built("--data", str(data))
    assert "task: keypoint_detection" in said
    assert record["spec"]["outputs"] == NAMES and record["spec"]["mirrored"] == [0, 2, 1, 4, 3]
    assert set(record["metrics"]) == {"pck", "mean_error"}
    assert "average precision" not in Path("models/own/card.md").read_text()
    new = figures(tmp_path / "new", pictures=8, seed=1)
    found = scored(new)
    assert found["examples"] == 10 and set(found["metrics"]) == {"pck", "mean_error"}
    lines = predicted(new / "images")
    assert len(lines) == 8 and all(list(line["prediction"]) == NAMES for line in lines)
    removed()


def test_what_was_found_is_said_and_written(repository: Path, tmp_path: Path) -> None:
    said = slipway("new", "own", "--data", str(figures(tmp_path / "figures")), "--dry-run")
    assert "the skeleton has 5 keypoints: head, left_hand, right_hand, left_foot, right_foot; these swap" in said
    assert "scored by PCK and mean error, without mAP" in said
    text = said.partition("conf/variant/own.yaml would be:")[2]
    written = yaml.safe_load(text)
    assert written["data"] == {
        "keypoints": NAMES,
        "flips": [["left_hand", "right_hand"], ["left_foot", "right_foot"]],
    }
    assert 0.6 < written["gate"]["rules"]["pck"]["min"] < 1 and "the PCK of the mean pose" in text
    assert sh("git status --porcelain") == ""


def test_a_rule_on_average_precision_is_refused_without_sigmas(repository: Path, tmp_path: Path) -> None:
    slipway("new", "own", "--data", str(figures(tmp_path / "figures")))
    path = Path("conf/variant/own.yaml")
    path.write_text(path.read_text().replace("pck: {min", "map: {min: 0.5}\n    pck: {min"))
    with pytest.raises(AssertionError, match=r"own: gate\.rules\.map"):
        sh("python -m slipway.stages.compose own")
    sigmas = "\ndata:\n  sigmas: [0.1, 0.1, 0.1, 0.1, 0.1]"
    path.write_text(path.read_text().replace("\ndata:", sigmas, 1))
    sh("python -m slipway.stages.compose own")


def test_broken_annotations_are_refused_with_their_place(repository: Path, tmp_path: Path) -> None:
    data = figures(tmp_path / "figures")
    content = json.loads((data / "annotations.json").read_text())
    content["annotations"][0]["keypoints"] = content["annotations"][0]["keypoints"][:-3]
    (data / "annotations.json").write_text(json.dumps(content))
    done = CliRunner().invoke(app, ["new", "own", "--data", str(data)])
    assert done.exit_code == 3
    assert "annotations.json, annotations[0]: bad keypoints (5 keypoints need 15 numbers" in done.stderr
