"""A repository with versions in production whose test predictions are known, and records of their use, for tests.

ball     of the test rows one half is a ball, with a confidence of 0.8
shot     of the test pictures a third is of each stroke, with a confidence of 0.7
demand   a forecast, which has neither
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from serving import house
from slipway.traffic.log import Log
from slipway.traffic.records import PREDICTIONS, Prediction

BALLS = np.float32([[0.8], [0.2]])
STROKES = np.float32([[0.7, 0.2, 0.1], [0.2, 0.7, 0.1], [0.1, 0.2, 0.7]])
_JITTER = 0.02


def noisy(rows: np.ndarray, count: int, seed: int = 0) -> np.ndarray:
    """Return `count` predictions: each of the given ones equally often, in any order, and a little moved."""
    random = np.random.default_rng(seed)
    moved = random.uniform(-_JITTER, _JITTER, (count, 1)).astype(np.float32)
    return rows[random.permutation(count) % len(rows)] + moved


def built(root: Path) -> None:
    """Create the repository, with v1.0.0 of each model in production."""
    house.begin(root)
    house.rows(root)
    house.pictures(root)
    house.forecasts(root)
    house.tested(root, "ball", noisy(BALLS, 800))
    house.tested(root, "shot", noisy(STROKES, 900))
    house.tested(root, "demand", np.random.default_rng(0).normal(90, 20, (100, 1)).astype(np.float32), groups=2)
    house.commit(root)
    for name in ("ball", "shot", "demand"):
        house.register(root, name, "v1.0.0")
        house.assign(root, name, "v1.0.0", "production", 1)


def answers(model: str, count: int, confidence: float = 0.8, share: float = 0.5, seed: int = 0) -> list[Any]:
    """Return answers in the form for callers; `share` is that of balls, or of the first stroke."""
    random = np.random.default_rng(seed)
    moved, chosen = random.uniform(-_JITTER, _JITTER, count), random.permutation(count) < round(share * count)
    if model == "demand":
        return [{"visitors": 90 + 1000 * float(one)} for one in moved]
    if model == "ball":
        return [
            {"ball": float(confidence + one if yes else 1 - confidence - one), "decision": bool(yes)}
            for yes, one in zip(chosen, moved, strict=True)
        ]
    others = np.cumsum(~chosen) % 2
    said = np.where(chosen, "drive", np.where(others, "cut", "sweep"))
    rest = (1 - confidence) / 2
    return [
        {name: float(confidence + one if name == this else rest) for name in ("drive", "cut", "sweep")}
        for this, one in zip(said, moved, strict=True)
    ]


def requests(
    count: int,
    *,
    model: str = "ball",
    version: str = "v1.0.0",
    until: datetime | None = None,
    hours: float = 24.0,
    failed: int = 0,
    slow: int = 0,
    units: int | None = None,
    **said: Any,
) -> list[Prediction]:
    """Return records of requests, evenly over the hours before `until`, the first of them failed, the next slow.

    The unit of a request is one of `units`; None for requests that do not say who asks.
    """
    until = until or datetime.now(UTC)
    return [
        Prediction(
            time=until - timedelta(hours=hours * (number + 0.5) / count),
            request_id=f"{model}-{version}-{number}",
            model=model,
            model_version=version,
            unit=None if units is None else f"u{number % units}",
            status=500 if number < failed else 200,
            problem="Failed" if number < failed else None,
            examples=None if number < failed else 1,
            seconds=2.0 if failed <= number < failed + slow else 0.001 * (1 + number % 10),
            inference_time=None if number < failed else 0.0005 * (1 + number % 10),
            predictions=None if number < failed else [answer],
        )
        for number, answer in enumerate(answers(model, count, **said))
    ]


def write(folder: Path, records: list[Prediction], worker: int = 0) -> None:
    """Write records into the log of a worker."""
    log = Log(folder, PREDICTIONS, worker)
    for one in records:
        log.write(one)
    log.close()
