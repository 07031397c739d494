"""Classify ten kinds of sound in real recordings (ESC-10), with the guide's steps for your own data.

In a clone of the current commit: copy the clips to data/raw/sounds with a metadata.csv of their recordings and folds,
add benchmarks/variants/sounds.yaml to conf/variant and a line to params.yaml, run `dvc add`, and for each of the five
folds run `dvc repro convert-tflite@sounds` with that fold as the test split.

    python benchmarks/sounds.py

The recordings are in the folder that SLIPWAY_SHARED names (../shared by default). Prints one JSON object.
"""

import csv
import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd

from slipway.metrics import classification
from slipway.statistics import intervals

ROOT = Path(__file__).resolve().parents[1]
RECORDINGS = Path(os.environ.get("SLIPWAY_SHARED", ROOT.parent / "shared")) / "data" / "sounds"
VARIANT = "sounds"
FOLDS = 5


def copy_sounds(raw: Path) -> None:
    """Copy the unchanged folders, and write metadata.csv with the recording and the fold from each clip's name."""
    shutil.copytree(RECORDINGS, raw, ignore=shutil.ignore_patterns("*.txt"))
    with (raw / "metadata.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "group", "fold"])
        for path in sorted(raw.glob("*/*.ogg")):
            fold, recording, _ = path.stem.split("-")
            rows.writerow([path.relative_to(raw).as_posix(), f"{fold}-{recording}", fold])


def main() -> None:
    """Clone, add the variant, build it fold by fold, and print the results."""
    with tempfile.TemporaryDirectory() as temporary:
        clone = Path(temporary) / "clone"
        subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
        copy_sounds(clone / "data" / "raw" / VARIANT)
        top = clone / "params.yaml"
        entry = f"  {VARIANT}: {{task: audio_classification, framework: keras}}\n"
        top.write_text(top.read_text().replace("variants: &variants\n", f"variants: &variants\n{entry}", 1))
        run(clone, f"dvc add -q data/raw/{VARIANT}")
        folds = [build(clone, fold) for fold in range(1, FOLDS + 1)]
    predicted = pd.concat([fold.pop("predictions") for fold in folds], ignore_index=True)
    names = sorted(predicted["label"].unique())
    probabilities = predicted[[f"predicted {name}" for name in names]].to_numpy()
    scores = classification.Scores(predicted["group"], predicted["target"].to_numpy(), probabilities, names)
    declared = classification.METRICS.get
    measured = intervals.bootstrap(
        scores.total, scores.groups, resamples=1000, confidence=0.95, seed=7, declared=declared
    )
    figures = {
        "clips": len(predicted),
        "groups": int(predicted["group"].nunique()),
        "folds": folds,
        "accuracy": measured["accuracy"],
        "accuracy_int8": round(sum(fold["int8"] * fold["clips"] for fold in folds) / len(predicted), 4),
        "times_smaller": min(fold["float_bytes"] / fold["bytes"] for fold in folds),
        "minutes": round(sum(fold["seconds"] for fold in folds) / 60, 1),
    }
    print(json.dumps(figures, indent=2))


def build(clone: Path, fold: int) -> dict[str, Any]:
    """Build the model that is not trained on `fold`, and return its scores on the fold."""
    text = (ROOT / "benchmarks" / "variants" / f"{VARIANT}.yaml").read_text()
    (clone / "conf" / "variant" / f"{VARIANT}.yaml").write_text(text.replace("  fold: 1\n", f"  fold: {fold}\n"))
    started = time.monotonic()
    run(clone, f"dvc repro convert-tflite@{VARIANT}")
    reports = clone / "reports" / VARIANT
    conversion = json.loads((reports / "conversion.json").read_text())
    predictions = pd.read_parquet(reports / "predictions.parquet")
    return {
        "fold": fold,
        "clips": len(predictions),
        "float": json.loads((reports / "metrics.json").read_text())["accuracy"],
        "int8": conversion["metrics"]["accuracy"]["value"],
        "bytes": conversion["size_bytes"],
        "float_bytes": conversion["float_size_bytes"],
        "seconds": round(time.monotonic() - started),
        "predictions": predictions,
    }


def run(clone: Path, command: str) -> None:
    """Run a command in the clone and discard its output."""
    environment = {**os.environ, "MLFLOW_TRACKING_URI": ""}
    subprocess.run(command.split(), cwd=clone, check=True, env=environment, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
