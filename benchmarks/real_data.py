"""Build a variant from real recordings, with the guide's steps for your own data.

In a clone of the current commit: copy the recordings to data/raw/<variant>, add a file in conf/variant and a line in
params.yaml, then run `dvc add` and `dvc repro register@<variant>`. The variant files are benchmarks/variants/*.yaml.

    python benchmarks/real_data.py melbourne-demand
    python benchmarks/real_data.py pitch-objects
    python benchmarks/real_data.py fouls
    python benchmarks/real_data.py balls

The recordings are in the folder that SLIPWAY_SHARED names (../shared by default). Prints one JSON object.
"""

import argparse
import csv
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Collection
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
RECORDINGS = Path(os.environ.get("SLIPWAY_SHARED", ROOT.parent / "shared")) / "data"
TEST_SESSIONS = ("20220716", "20240717")
VAL_SESSIONS = ("20240222",)
BALLS_VAL_SESSIONS = (*VAL_SESSIONS, "20240606")
"""More sessions for the choice of the score threshold, with pictures that show no ball."""
ENTRIES = {
    "balls": "{task: object_detection, framework: keras}",
    "fouls": "{task: tabular_classification, framework: catboost}",
    "melbourne-demand": "{task: tabular_regression, framework: catboost}",
    "pitch-objects": "{task: image_classification, framework: keras}",
}


def copy_fouls(raw: Path) -> None:
    """Copy the unchanged table."""
    raw.mkdir(parents=True)
    shutil.copy(RECORDINGS / "fouls" / "fouls.csv.gz", raw)


def copy_melbourne_demand(raw: Path) -> None:
    """Copy the unchanged table."""
    raw.mkdir(parents=True)
    shutil.copy(RECORDINGS / "demand" / "demand.csv.gz", raw)


def copy_pitch_objects(raw: Path) -> None:
    """Copy the unchanged folders, and write metadata.csv with the session and the split of each picture."""
    shutil.copytree(RECORDINGS / "pitch-objects", raw)
    write_sessions(raw, VAL_SESSIONS)


def copy_balls(raw: Path) -> None:
    """Copy the unchanged pictures and labels, and write metadata.csv with the session and the split of each picture."""
    shutil.copytree(RECORDINGS / "balls", raw)
    write_sessions(raw, BALLS_VAL_SESSIONS)


def write_sessions(raw: Path, val: Collection[str]) -> None:
    """Write metadata.csv for pictures whose names begin with their session."""
    with (raw / "metadata.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "group", "split"])
        for path in sorted(raw.glob("*/*.jpg")):
            session = path.name.split("_")[0]
            split = "test" if session in TEST_SESSIONS else "val" if session in val else "train"
            rows.writerow([path.relative_to(raw).as_posix(), session, split])


def main() -> None:
    """Clone, add the variant, build it, and print the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("variant", choices=sorted(ENTRIES))
    variant = parser.parse_args().variant
    with tempfile.TemporaryDirectory() as temporary:
        clone = Path(temporary) / "clone"
        subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
        copies = {
            "balls": copy_balls,
            "fouls": copy_fouls,
            "melbourne-demand": copy_melbourne_demand,
            "pitch-objects": copy_pitch_objects,
        }
        copies[variant](clone / "data" / "raw" / variant)
        shutil.copy(ROOT / "benchmarks" / "variants" / f"{variant}.yaml", clone / "conf" / "variant")
        top = clone / "params.yaml"
        top.write_text(top.read_text().replace("&variants\n", f"&variants\n  {variant}: {ENTRIES[variant]}\n", 1))
        environment = {**os.environ, "MLFLOW_TRACKING_URI": ""}
        for command in (f"dvc add -q data/raw/{variant}", f"dvc repro register@{variant}"):
            subprocess.run(command.split(), cwd=clone, check=True, env=environment, stdout=subprocess.DEVNULL)
        record = json.loads((clone / "models" / variant / "release.json").read_text())
        native = json.loads((clone / "reports" / variant / "metrics.json").read_text())
        predictions = pd.read_parquet(clone / "reports" / variant / "predictions.parquet")
    figures = {
        "variant": variant,
        "metrics": record["metrics"],
        "native": native,
        "examples": record["examples"],
        "groups": record["groups"],
        "verdict": record["gate"]["verdict"],
        "bytes": record["artifacts"]["model.tflite"]["bytes"],
        "float_bytes": record["artifacts"]["float.tflite"]["bytes"],
        "largest_difference": record["parity"]["max_difference"],
    }
    if record["spec"]["objective"] == "multiclass":
        figures["majority"] = round(float(predictions["label"].value_counts(normalize=True).max()), 4)
    elif record["spec"]["objective"] == "binary":
        figures["positives"] = int(predictions["target"].sum())
    elif record["spec"]["objective"] == "regression":
        known = predictions[predictions["naive"].notna()]
        figures["naive_mae"] = round(float((known["label"] - known["naive"]).abs().mean()), 2)
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
