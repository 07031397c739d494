"""A number for a table's row: which rows are read or refused, and what a prediction looks like."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from slipway.core.config import Checks, Split
from slipway.core.errors import DataError
from slipway.core.protocol import Task as Protocol
from slipway.data.preparation import prepare
from slipway.data.shards import PackedSplit
from slipway.data.splits import SIDES
from slipway.tasks.row_regression import Task

COLUMNS: dict[str, Any] = {"target": "price", "numeric": ("area",), "categorical": ("district",), "rare": 3, "own": 0.2}
TASK = Task(Task.Data(**COLUMNS))


def table(count: int = 150) -> pd.DataFrame:
    draw = np.random.default_rng(0)
    area, district = draw.uniform(20, 150, count).round(), draw.choice(["north", "south"], count)
    price = 3000 * area * (1 + 0.3 * (district == "south")) * draw.normal(1, 0.1, count)
    return pd.DataFrame({"area": area, "district": district.astype(object), "price": price.round(2)})


def raw(folder: Path, frame: pd.DataFrame, **how: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    frame.to_csv(folder / "flats.csv", index=False, **how)
    return folder


def test_it_declares_what_the_protocol_asks_for() -> None:
    checked: Protocol = TASK
    assert set(checked.headline) <= checked.metrics.keys() and checked.classes == ()


def test_the_label_is_the_number_and_a_category_has_its_mean(tmp_path: Path) -> None:
    folder = raw(tmp_path, table())
    examples = TASK.index(folder).examples
    np.testing.assert_allclose(examples["label"], table()["price"])
    spec = TASK.specify(folder, examples)
    assert spec["outputs"] == ["price"] and "classes" not in spec
    names = spec["input"]["names"]
    assert names == ["area", "district: mean", "district: common", "district = north", "district = south"]
    (batch,) = TASK.encode(folder, examples, spec)
    assert batch.targets.dtype == np.float32 and batch.targets.tolist() == pytest.approx(examples["label"].tolist())
    south = (examples["column district"] == "south").to_numpy()
    mean = (examples["label"][south].sum() + 20 * examples["label"].mean()) / (south.sum() + 20)
    assert np.unique(batch.inputs[south, 1]) == pytest.approx([mean])


def test_a_decimal_comma_is_read(tmp_path: Path) -> None:
    task = Task(Task.Data(**COLUMNS | {"format": {"separator": ";", "decimal": ","}}))
    examples = task.index(raw(tmp_path, table(), sep=";", decimal=",")).examples
    np.testing.assert_allclose(examples["label"], table()["price"])


def test_rows_without_a_number_are_listed_and_left_out(tmp_path: Path) -> None:
    frame = table().astype({"price": object})
    frame.loc[[3, 4, 5], "price"] = [None, "on request", "inf"]
    index = TASK.index(raw(tmp_path, frame))
    assert [(one.where, one.kind) for one in index.problems] == [
        (f"flats.csv row {row}", "no target") for row in (4, 5, 6)
    ]
    with pytest.raises(DataError, match="in all 150 usable rows price is 7"):
        TASK.index(raw(tmp_path, table().assign(price=7)))


def test_a_caller_gets_the_same_inputs_as_prepare(tmp_path: Path) -> None:
    prepare(TASK, raw(tmp_path / "raw", table()), tmp_path / "out", tmp_path / "report.json", Split(), Checks(), 0)
    spec = json.loads((tmp_path / "out/spec.json").read_text())
    for side in SIDES:
        split = PackedSplit(tmp_path / "out" / side)
        mine = table().iloc[[int(name.rpartition(" ")[2]) - 1 for name in split.examples["example"]]]
        np.testing.assert_array_equal(split.gather(np.arange(len(split))), TASK.preprocess(mine, spec)[0])


def test_a_prediction_has_its_interval(tmp_path: Path) -> None:
    folder = raw(tmp_path, table())
    examples = TASK.index(folder).examples
    predictions = (examples["label"].to_numpy() * np.random.default_rng(1).normal(1, 0.1, 150))[:, None]
    chosen = TASK.choose_threshold(examples, examples["label"].to_numpy(np.float32), predictions, {})
    assert chosen["spread"]["relative"]
    spec = {**TASK.specify(folder, examples), **json.loads(json.dumps(chosen))}
    (row,) = TASK.present(predictions[:1], None, spec)
    low, high = row["interval"]
    assert row["price"] == pytest.approx(predictions[0, 0]) and low < row["price"] < high
    scores = TASK.scores(examples, examples["label"].to_numpy(np.float32), predictions, spec)
    assert scores.total().keys() == Task.metrics.keys()
    assert scores.total()["coverage"] == pytest.approx(0.8, abs=0.03)
    assert list(scores.breakdowns()) == ["tenths", "by_district"]


def test_the_target_cannot_have_the_name_of_the_interval() -> None:
    with pytest.raises(ValidationError, match="target cannot be interval"):
        Task.Data(**COLUMNS | {"target": "interval"})
