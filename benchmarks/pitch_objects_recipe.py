"""Accuracy of the image recipe on real pictures, from random weights.

Crops from football robots' cameras (ball, goal post, human, obstacle), one folder a class; a file name begins with the
date of its session, and is that of its source picture up to the last underscore. Two sessions are held out as test
and one as val. The interval resamples source pictures, since crops of one picture are not independent.

    python benchmarks/pitch_objects_recipe.py [--epochs 20] [--side 96] [--seed N] [--network NAME]

Prints one JSON object. The pictures are in the folder named by SLIPWAY_SHARED (default: ../shared beside the
repository).
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from PIL import Image

from slipway.data.shards import PackedSplit, ShardWriter
from slipway.frameworks.keras import native, training
from slipway.frameworks.keras.schema import Model, Train

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("SLIPWAY_SHARED", ROOT.parent / "shared"))
TEST_SESSIONS = ("20220716", "20240717")
VAL_SESSIONS = ("20240222",)
RESAMPLES = 2000


def pack(raw: Path, folder: Path, side: int) -> tuple[dict[str, PackedSplit], dict[str, Any]]:
    """Decode every picture to [side, side, 3] and pack train, val and test."""
    classes = sorted(path.name for path in raw.iterdir() if path.is_dir())
    paths = sorted(raw.glob("*/*.jpg"))
    rows = [
        {"example": str(p.relative_to(raw)), "session": p.name[:8], "picture": p.stem.rpartition("_")[0]} for p in paths
    ]
    examples = pd.DataFrame(rows)
    held_out = dict.fromkeys(TEST_SESSIONS, "test") | dict.fromkeys(VAL_SESSIONS, "val")
    examples["split"] = examples.session.map(held_out).fillna("train")
    splits = {}
    for name, part in examples.groupby("split"):
        pictures = [
            Image.open(raw / e).convert("RGB").resize((side, side), Image.Resampling.BILINEAR) for e in part.example
        ]
        writer = ShardWriter(folder / str(name))
        targets = np.array([classes.index(Path(e).parts[0]) for e in part.example], np.int64)
        writer.append(np.stack([np.asarray(picture) for picture in pictures]), targets)
        writer.close(part)
        splits[str(name)] = PackedSplit(folder / str(name))
    spec = {"objective": "multiclass", "input": {"shape": [side, side, 3], "dtype": "uint8"}, "outputs": classes}
    return splits, spec


def interval(correct: np.ndarray, clusters: pd.Series) -> list[float]:
    """95 % interval of the mean of `correct` when whole `clusters` are drawn again."""
    sums = pd.DataFrame({"correct": correct, "count": 1}).groupby(clusters.to_numpy()).sum().to_numpy()
    draws = np.random.default_rng(0).integers(0, len(sums), (RESAMPLES, len(sums)))
    totals = sums[draws].sum(axis=1)
    return [float(bound) for bound in np.quantile(totals[:, 0] / totals[:, 1], [0.025, 0.975])]


def main() -> None:
    """Train, test, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--side", type=int, default=96)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--network", default="efficientnet_lite0")
    options = parser.parse_args()
    model = Model(**yaml.safe_load((ROOT / f"conf/model/{options.network}.yaml").read_text()))
    settings = yaml.safe_load((ROOT / "conf/train/keras.yaml").read_text())
    config = Train(**(settings | {"epochs": options.epochs}))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        splits, spec = pack(SHARED / "data" / "pitch-objects", folder / "splits", options.side)
        began = time.perf_counter()
        training.fit(
            splits["train"],
            splits["val"],
            spec,
            model,
            config,
            seed=options.seed,
            out=folder / "native",
            checkpoints=folder / "checkpoints",
            start=None,
            track=lambda epoch, metrics: None,
        )
        seconds = time.perf_counter() - began
        test = splits["test"]
        outputs = native.load(folder / "native")(test.gather(np.arange(len(test))))
        correct = outputs.argmax(axis=1) == test.targets
        figures = {
            "accuracy": float(correct.mean()),
            "interval": interval(correct, test.examples["picture"]),
            "majority": float(np.bincount(test.targets).max() / len(test)),
            "n": len(test),
            "n_train": len(splits["train"]),
            "n_val": len(splits["val"]),
            "per_class": {name: float(correct[test.targets == i].mean()) for i, name in enumerate(spec["outputs"])},
            "per_session": {
                session: float(correct[(test.examples["session"] == session).to_numpy()].mean())
                for session in TEST_SESSIONS
            },
            "epochs": config.epochs,
            "train_s": round(seconds, 1),
        }
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
