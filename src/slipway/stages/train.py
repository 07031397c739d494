"""Fits the variant's native model, `models/<variant>/native`, with its framework."""

import hashlib
import importlib
import json
from pathlib import Path

from slipway import config
from slipway.config import Start
from slipway.data.shards import PackedSplit
from slipway.errors import ModelError
from slipway.stages import run
from slipway.tracking import Tracker

CHECKPOINTS = Path(".checkpoints")


def train(variant: str) -> None:
    """Fit on train, watch val, report every epoch."""
    values = config.read(variant)
    framework = f"slipway.frameworks.{values['framework']}"
    schema = importlib.import_module(f"{framework}.schema")
    training = importlib.import_module(f"{framework}.training")
    prepared = Path("data/prepared") / variant
    start = None if values["start"] is None else _verified(Start(**values["start"]))
    sections = {name: values[name] for name in ("model", "train", "start", "seed")}
    with Tracker(
        variant,
        live=Path("reports") / variant / "live",
        logs=Path("logs") / variant,
        journal=CHECKPOINTS / f"{variant}.jsonl",
        params=sections,
    ) as track:
        training.fit(
            PackedSplit(prepared / "train"),
            PackedSplit(prepared / "val"),
            json.loads((prepared / "spec.json").read_text()),
            schema.Model(**values["model"]),
            schema.Train(**values["train"]),
            seed=values["seed"],
            out=Path("models") / variant / "native",
            checkpoints=CHECKPOINTS / variant,
            start=start,
            track=track,
        )


def _verified(start: Start) -> Path:
    """The start weights, once their bytes are known to be the ones that the configuration names."""
    if not start.path.is_file():
        raise ModelError(f"{start.path}: no such file to start from; set start.path in the variant's conf/ file")
    digest = hashlib.sha256(start.path.read_bytes()).hexdigest()
    if digest != start.sha256:
        raise ModelError(f"{start.path}: SHA-256 is {digest}, and start.sha256 says {start.sha256}")
    return start.path


if __name__ == "__main__":
    run(train)
