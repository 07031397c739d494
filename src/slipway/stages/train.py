"""Fit the variant's native model, `models/<variant>/native`, with its framework.

The stages train and transfer both run this module; in transfer, a variant starts from the native model of another.
"""

import hashlib
import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from slipway.core import config
from slipway.core import spec as specs
from slipway.core.config import Start
from slipway.core.errors import ConfigError, ModelError
from slipway.data.shards import PackedSplit
from slipway.stages import run
from slipway.tracking.tracker import Tracker

CHECKPOINTS = Path(".checkpoints")


def train(variant: str) -> None:
    """Fit on train, monitor val, track every epoch."""
    values = config.read(variant)
    framework = f"slipway.frameworks.{values['framework']}"
    schema = importlib.import_module(f"{framework}.schema.{values['task']}")
    objective = importlib.import_module(f"{framework}.objectives.{values['task']}").Objective
    training = importlib.import_module(f"{framework}.training")
    prepared = Path("data/prepared") / variant
    spec, native = specs.prepared(prepared), Path("models") / variant / "native"
    start = _start(variant, values["from"], values["start"], importlib.import_module(f"{framework}.native").FILE)
    sections = {name: values[name] for name in ("model", "train", "start", "from", "seed")}
    with Tracker(
        variant,
        live=Path("reports") / variant / "live",
        logs=Path("logs") / variant,
        journal=CHECKPOINTS / f"{variant}.jsonl",
        params=sections,
    ) as track:
        chosen = training.fit(
            PackedSplit(prepared / "train"),
            PackedSplit(prepared / "val"),
            spec,
            objective,
            schema.Model(**values["model"]),
            schema.Train(**values["train"]),
            seed=values["seed"],
            out=native,
            checkpoints=CHECKPOINTS / variant,
            start=start,
            track=track,
        )
        if chosen:
            track.chosen(chosen)
    specs.keep(spec, native)


def _start(variant: str, source: str | None, start: Mapping[str, Any] | None, file: str) -> Path | None:
    """Return the file to start from: another variant's native model, or the file in the configuration, or None."""
    if source is None:
        return None if start is None else _verified(Start(**start))
    if start is not None:
        raise ConfigError(f"{variant}: starts from {source} by params.yaml, and start names a file too; keep one")
    return Path("models") / source / "native" / file


def _verified(start: Start) -> Path:
    """Check the SHA-256 of the start weights, and return their path."""
    if not start.path.is_file():
        raise ModelError(f"{start.path}: no such file to start from; set start.path in the variant's conf/ file")
    digest = hashlib.sha256(start.path.read_bytes()).hexdigest()
    if digest != start.sha256:
        raise ModelError(f"{start.path}: SHA-256 is {digest}, and start.sha256 says {start.sha256}")
    return start.path


if __name__ == "__main__":
    run(train)
