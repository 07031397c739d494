"""A skeleton of one's own, through every command, without editing a file."""

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from own_data import built, in_smoke, predicted, removed, scored, sh, slipway
from slipway.cli.app import app
from stick_figures import NAMES, figures


@pytest.mark.build
def test_a_skeleton_of_five_points_is_built_gated_scored_predicted_and_removed(
    repository: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    in_smoke(monkeypatch)
    data, test = figures(tmp_path / "figures"), figures(tmp_path / "test", pictures=8, seed=1)
    said, record = built("--data", str(data), "--test", str(test))
    assert "task: keypoint_detection" in said
    assert record["dataset"]["test"]["total"] == 10 and record["spec"]["skeleton"][0] == [0, 1]
    assert record["spec"]["outputs"] == NAMES and record["spec"]["mirrored"] == [0, 2, 1, 4, 3]
    assert set(record["metrics"]) == {"pck", "mean_error"}
    assert "average precision" not in Path("models/own/card.md").read_text()
    found = scored(test)
    assert found["examples"] == 10
    for metric in ("pck", "mean_error"):
        assert found["metrics"][metric]["value"] == pytest.approx(record["metrics"][metric]["value"], abs=1e-6)
    lines = predicted(test / "images")
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
