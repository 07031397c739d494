"""Damaged tables: each row is an example or a reported problem, or the whole table is refused with a reason."""

import csv
import gzip
import io
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mutated_tables import MUTATED, mutated, records
from slipway.core.errors import DataError
from slipway.tasks.tabular_classification import Task

TASK = {"target": "kind", "positive": "hand", "name": "hand_ball", "example": "id", "group": "match", "time": "day"}
TASK |= {"numeric": ("x", "speed"), "categorical": ("event",)}


@cache
def table() -> pd.DataFrame:
    draw = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "id": np.arange(60) + 1000,
            "match": np.arange(60) // 10,
            "day": pd.date_range("2024-05-01 13:00", periods=60, freq="h").astype(str),
            "x": draw.uniform(0, 100, 60).round(1),
            "speed": draw.gamma(2, 3, 60).round(2),
            "event": draw.choice(["duel", 'the "touch"', "shot, high"], 60),
            "note": draw.choice(["", "seen\ntwice"], 60),
            "kind": draw.choice(["hand", "foul"], 60),
        }
    )


@cache
def content(kind: str) -> bytes:
    if kind == "parquet":
        buffer = io.BytesIO()
        table().to_parquet(buffer)
        return buffer.getvalue()
    plain = table().to_csv(index=False).encode()
    return gzip.compress(plain, mtime=0) if kind == "csv.gz" else plain


def assert_read_or_refused(folder: Path, name: str, written: bytes) -> pd.DataFrame | None:
    """Check that the table is read or refused with a reason, and return the features by name, or None if refused."""
    path = folder / name
    path.write_bytes(written)
    task = Task(Task.Data(**TASK))
    try:
        index = task.index(folder)
    except DataError as refused:
        assert str(folder) in str(refused) or name in str(refused)
        return None
    rows = len(pd.read_parquet(path)) if name.endswith(".parquet") else len(records(path)) - 1
    assert len(index.examples) + len(index.problems) == rows
    assert all(problem.where.startswith(f"{name} row ") and problem.detail for problem in index.problems)
    spec = task.specify(folder, index.examples)
    batches = list(task.encode(folder, index.examples, spec))
    assert sum(len(batch.inputs) for batch in batches) == len(index.examples)
    features = pd.DataFrame(np.concatenate([batch.inputs[:, :2] for batch in batches]), columns=["x", "speed"])
    return features.assign(label=index.examples["label"], day=index.examples["time"]).set_index(
        index.examples["example"]
    )


@MUTATED
@given(data=st.data())
def test_a_mutated_csv_keeps_each_unchanged_row_or_is_refused(tmp_path: Path, data: st.DataObject) -> None:
    written = data.draw(mutated(content("csv")))
    features = assert_read_or_refused(tmp_path, "a.csv", written)
    if features is None:
        return
    whole = {row[0]: row for row in csv.reader(io.StringIO(content("csv").decode(), newline=""))}
    truth = table().set_index(table()["id"].astype(str))
    first: dict[str, list[str]] = {}  # of two rows with one name, the first is kept
    for row in records(tmp_path / "a.csv"):
        first.setdefault(row[0], row)
    for row in first.values():
        if row == whole.get(row[0]) and row[0] in features.index:
            found, given_ = features.loc[row[0]], truth.loc[row[0]]
            assert (found["x"], found["speed"]) == (np.float32(given_["x"]), np.float32(given_["speed"]))
            assert (found["label"] == "hand_ball") == (given_["kind"] == "hand")
            assert str(found["day"]) == given_["day"]


@pytest.mark.parametrize("kind", ["csv.gz", "parquet"])
@MUTATED
@given(data=st.data())
def test_a_mutated_file_of_another_kind_is_read_or_refused(tmp_path: Path, kind: str, data: st.DataObject) -> None:
    assert_read_or_refused(tmp_path, f"a.{kind}", data.draw(mutated(content(kind))))


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "parquet"])
def test_the_whole_file_is_read(tmp_path: Path, kind: str) -> None:
    features = assert_read_or_refused(tmp_path, f"a.{kind}", content(kind))
    assert features is not None and len(features) == len(table())
