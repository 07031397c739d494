"""The example on the card of a forecast of any step: it runs as it is pasted, and a model forecasts its last steps."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from slipway import tasks

SHOPS = ("north", "south")


def table(folder: Path, times: np.ndarray, place: bool) -> Path:
    """Write a table of sales, of two shops or without shops."""
    rows = pd.DataFrame(
        {"begin": times, "sales": 100.0 + np.arange(len(times)) % 7, "offer": np.arange(len(times)) % 2}
    )
    if place:
        rows = pd.concat([rows.assign(shop=shop) for shop in SHOPS])
    folder.mkdir()
    rows.to_csv(folder / "sales.csv", index=False)
    return folder


@pytest.mark.parametrize(
    ("step", "times"),
    [
        ("15min", np.datetime64("2024-01-01T00:00", "s") + 900 * np.arange(3000)),
        ("1h", np.datetime64("2024-01-01T00:00", "s") + 3600 * np.arange(3000)),
        ("1d", np.datetime64("2020-01-01", "D") + np.arange(900)),
        ("1w", np.datetime64("2012-01-04", "D") + 7 * np.arange(300)),
        ("1mo", np.arange("2000-01", "2020-01", dtype="datetime64[M]").astype("datetime64[D]")),
    ],
)
@pytest.mark.parametrize("place", [True, False])
@pytest.mark.parametrize("shown", [True, False])
def test_the_code_runs(tmp_path: Path, step: str, times: np.ndarray, place: bool, shown: bool) -> None:
    data = {"target": "sales", "time": "begin", "place": "shop" if place else None, "numeric": ["offer"], "step": step}
    raw = table(tmp_path / "raw", times, place)
    task: Any = tasks.load("tabular_regression", data)
    examples = task.index(raw).examples
    spec = task.specify(raw, examples)
    encoded = next(iter(task.encode(raw, examples, spec)))
    usage = task.usage(spec, 0, encoded.inputs[-1] if shown else None)
    found: dict[str, Any] = {}
    exec(f"{usage.imports}{usage.code}", found)
    inputs, _ = task.preprocess(found["example"], spec)
    assert inputs.shape == (task.horizon, *spec["input"]["shape"])
    assert {one.name for one in usage.columns} == set(found["example"][0])
