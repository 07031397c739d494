"""An experiment and records of its units, for tests."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from slipway.experiments.definition import Definition, Experiment, parse
from slipway.traffic.log import Log
from slipway.traffic.records import OUTCOMES, PREDICTIONS, Outcome, Prediction

BEGAN = datetime(2026, 1, 31, 8, tzinfo=UTC)
FILE: dict[str, Any] = {
    "hypothesis": "The model that learnt night games finds more advertisements.",
    "model": "ball",
    "arms": {"control": "v1.0.0", "night": "v1.1.0"},
    "allocation": {"control": 50, "night": 50},
    "metrics": {
        "satisfaction": {"role": "goal", "better": "higher", "of_unit": "any", "window_hours": 1},
        "errors": {"role": "guardrail", "better": "lower", "margin": 0.02, "window_hours": 1},
    },
    "minimum_sample": 1000,
}


def content(**changes: Any) -> bytes:
    """The file of an experiment."""
    return yaml.safe_dump({**FILE, **changes}, sort_keys=False).encode()


def experiment(name: str = "night-games", **changes: Any) -> Experiment:
    return parse(content(**changes), name, f"experiments/{name}.yaml")


def definition(**changes: Any) -> Definition:
    return experiment(**changes).definition


def exposure(
    unit: str | None, arm: str, seconds: float = 0.0, *, name: str = "night-games", **changes: Any
) -> Prediction:
    values: dict[str, Any] = {
        "time": BEGAN + timedelta(seconds=seconds),
        "request_id": f"{unit}-{seconds:g}",
        "model": "ball",
        "model_version": FILE["arms"].get(arm, "v1.0.0"),
        "unit": unit,
        "status": 200,
        "problem": None,
        "examples": 1,
        "seconds": 0.004,
        "inference_time": 0.003,
        "predictions": [{"ball": 0.75, "no ball": 0.25}],
        "experiment": name,
        "arm": arm,
        "share": 0.5,
    }
    return Prediction(**{**values, **changes})


def outcome(metric: str, value: float, seconds: float = 0.0, **of: Any) -> Outcome:
    return Outcome(
        BEGAN + timedelta(seconds=seconds), metric, value, of.get("request_id"), of.get("unit"), of.get("key")
    )


def write(folder: Path, *records: Prediction | Outcome) -> None:
    """Write records into the logs of a worker."""
    logs = {Prediction: Log(folder, PREDICTIONS, 0), Outcome: Log(folder, OUTCOMES, 0)}
    for record in records:
        logs[type(record)].write(record)
    for log in logs.values():
        log.close()


def traffic(
    units: int, rates: dict[str, float], arm_of: Callable[[str], str | None], *, seed: int = 0, every: float = 1.0
) -> Iterator[Prediction | Outcome]:
    """Units that ask once, one after the other, and are satisfied at the rate of their arm."""
    draw = np.random.default_rng(seed)
    for number in range(units):
        arm = arm_of(f"user-{number}")
        if arm is None:
            continue
        yield exposure(f"user-{number}", arm, number * every)
        if draw.random() < rates[arm]:
            yield outcome("satisfaction", 1.0, number * every + 10, unit=f"user-{number}")
