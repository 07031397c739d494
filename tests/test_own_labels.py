"""Files of others with any number of labels, through every command, without editing a file."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml
from PIL import Image, ImageDraw

from own_data import built, in_smoke, predicted, removed, scored, sh, slipway

LABELS = ("bright", "round", "striped")


def pictures(folder: Path) -> Path:
    """Pictures in one folder, with a column `labels`; every sixth one has none."""
    random = np.random.default_rng(3)
    rows = ["path,labels,group"]
    for number in range(150):
        has = [name for name in LABELS if random.random() < 0.45] if number % 6 else []
        picture = Image.new("RGB", (64, 64), (210, 210, 200) if "bright" in has else (40, 40, 60))
        draw = ImageDraw.Draw(picture)
        if "striped" in has:
            for at in range(0, 64, 8):
                draw.line([(at, 0), (at, 63)], fill=(230, 30, 30), width=3)
        if "round" in has:
            left, top = random.integers(4, 24, 2).tolist()
            draw.ellipse([left, top, left + 32, top + 32], fill=(20, 160, 20))
        picture.save(_inside(folder / f"{number:03}.jpg"))
        rows.append(f"{number:03}.jpg,{'|'.join(has)},shoot{number // 3}")
    (folder / "metadata.csv").write_text("\n".join(rows) + "\n")
    return folder


def sounds(folder: Path) -> Path:
    """Clips in a folder for each label, in several as copies."""
    random = np.random.default_rng(4)
    time = np.arange(8000) / 8000
    pitches = {"high": 3000, "low": 300, "middle": 1100}
    for number in range(90):
        first = list(pitches)[number % 3]
        has = {first} | {name for name in pitches if random.random() < 0.3}
        clip = random.normal(scale=0.01, size=8000) + sum(0.25 * np.sin(2 * np.pi * pitches[one] * time) for one in has)
        for name in has:
            soundfile.write(_inside(folder / name / f"day{number // 2}-{number % 2}.wav"), clip, 8000)
    return folder


def _inside(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


@pytest.mark.build
@pytest.mark.parametrize(
    ("make", "options", "task", "labels", "some"),
    [
        (pictures, [], "image_multilabel", list(LABELS), "001.jpg"),
        (sounds, ["--group", "^(day[0-9]+)"], "audio_multilabel", ["high", "low", "middle"], "high"),
    ],
)
def test_labels_are_built_gated_scored_predicted_and_removed(
    repository: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    make,
    options: list[str],
    task: str,
    labels: list[str],
    some: str,
) -> None:
    in_smoke(monkeypatch)
    data = make(tmp_path / "own")
    said, record = built("--data", str(data), *options)
    assert f"task: {task}" in said
    assert record["spec"]["classes"] == labels
    assert len(record["spec"]["threshold"]) == len(record["spec"]["operating_point"]) == 3
    assert record["delegation"] == {"partitions": 1, "outside": {"QUANTIZE": 1}}
    share = np.mean([split["classes"][name] / split["total"] for split in _splits(record) for name in labels])
    assert record["metrics"]["mean_average_precision"]["value"] > share
    new = scored(data)
    assert new["metrics"]["mean_average_precision"]["value"] > share
    assert [row["class"] for row in new["tables"]["per_class"]] == labels
    lines = [line["prediction"] for line in predicted(data / some)]
    assert lines and all(list(line["probabilities"]) == labels for line in lines)
    for line in lines:
        of_each = zip(labels, record["spec"]["threshold"], strict=True)
        assert line["labels"] == [name for name, least in of_each if line["probabilities"][name] >= least]
    removed()


def _splits(record: dict) -> list[dict]:
    return [record["dataset"][side] for side in ("train", "val", "test")]


def test_a_dry_run_says_what_was_found_and_writes_nothing(repository: Path, tmp_path: Path) -> None:
    before = sh("git status --porcelain --ignored")
    said = slipway("new", "own", "--data", str(pictures(tmp_path / "own")), "--dry-run")
    assert sh("git status --porcelain --ignored") == before
    assert "the labels of a file are separated by '|'" in said and "pictures have no label" in said
    written = yaml.safe_load(said.partition("conf/variant/own.yaml would be:")[2])
    assert written["data"] == {"separator": "|"}
    assert 0.6 < written["gate"]["rules"]["mean_average_precision"]["min"] < 0.8
