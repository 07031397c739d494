"""Several classes of a table's rows: which tables are read or refused, the model's inputs, and its outputs."""

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
from slipway.tasks.tabular_multiclass import Task

COLUMNS: dict[str, Any] = {
    "target": "species",
    "numeric": ("bill", "mass"),
    "dates": ("seen",),
    "categorical": ("island",),
    "derived": {"ratio": "bill / mass"},
    "rare": 3,
    "own": 0.2,
}
TASK = Task(Task.Data(**COLUMNS))


def table(count: int = 150, seed: int = 0) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    kind = draw.integers(0, 3, count)
    frame = pd.DataFrame(
        {
            "species": np.array(["Adelie", "Chinstrap", "Gentoo"])[kind],
            "bill": (38 + 5 * kind + draw.normal(0, 2, count)).round(1),
            "mass": (3700 + 600 * (kind == 2) + draw.normal(0, 300, count)).round(),
            "island": np.where(kind == 2, "Biscoe", draw.choice(["Dream", "Torgersen"], count)).astype(object),
            "seen": pd.date_range("2008-11-01", periods=count, freq="D").astype(str),
        }
    )
    frame.loc[4, "island"] = None
    frame.loc[5, "bill"] = np.nan
    return frame


def raw(folder: Path, frame: pd.DataFrame) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    frame.to_csv(folder / "penguins.csv", index=False)
    return folder


def test_it_declares_what_the_protocol_asks_for() -> None:
    checked: Protocol = TASK
    assert set(checked.headline) <= checked.metrics.keys()
    assert checked.kinds == {"group", "island"} and checked.classes is None


def test_the_values_of_the_target_are_the_classes(tmp_path: Path) -> None:
    folder = raw(tmp_path, table())
    examples = TASK.index(folder).examples
    spec = TASK.specify(folder, examples)
    assert spec["outputs"] == spec["classes"] == ["Adelie", "Chinstrap", "Gentoo"]
    assert spec["input"]["names"] == [
        "bill",
        "mass",
        "ratio",
        *(f"seen: {part}" for part in ("year", "month", "day", "weekday", "hour", "days")),
        *(f"island: {share}" for share in ("Adelie", "Chinstrap", "Gentoo", "common")),
        *(f"island = {name}" for name in ("Biscoe", "Dream", "Torgersen")),
    ]
    batches = list(TASK.encode(folder, examples, spec))
    targets = np.concatenate([one.targets for one in batches])
    assert [spec["outputs"][one] for one in targets] == examples["label"].tolist()
    inputs = pd.DataFrame(np.concatenate([one.inputs for one in batches]), columns=spec["input"]["names"])
    at = (examples["column island"] == "Biscoe").to_numpy()
    share = ((targets[at] == 2).sum() + 20 * (targets == 2).mean()) / (at.sum() + 20)
    assert inputs["island: Gentoo"][at].unique() == pytest.approx([share])
    assert inputs["seen: year"].isin([2008, 2009]).all()


def test_the_order_of_the_classes_can_be_set(tmp_path: Path) -> None:
    task = Task(Task.Data(**COLUMNS | {"classes": ["Gentoo", "Adelie", "Chinstrap"]}))
    folder = raw(tmp_path, table())
    assert task.specify(folder, task.index(folder).examples)["outputs"] == ["Gentoo", "Adelie", "Chinstrap"]


def test_classes_may_be_numbers(tmp_path: Path) -> None:
    task = Task(Task.Data(**COLUMNS | {"classes": [1, 2, 3]}))
    frame = table().assign(species=[1 + row % 3 for row in range(150)])
    assert set(task.index(raw(tmp_path, frame)).examples["label"]) == {"1", "2", "3"}


def test_a_caller_gets_the_same_inputs_as_prepare(tmp_path: Path) -> None:
    task = Task(Task.Data(**COLUMNS))
    prepare(task, raw(tmp_path / "raw", table()), tmp_path / "out", tmp_path / "report.json", Split(), Checks(), 0)
    spec = json.loads((tmp_path / "out/spec.json").read_text())
    rows = table()
    gaps = {"missing": ["bill", "ratio", "island"], "unseen": []}
    for side in SIDES:
        split = PackedSplit(tmp_path / "out" / side)
        mine = rows.iloc[[int(name.rpartition(" ")[2]) - 1 for name in split.examples["example"]]]
        for given in (mine, mine.astype(object).to_dict("records"), mine.astype({"seen": "datetime64[s]"})):
            inputs, _ = task.preprocess(given, {**spec, "gaps": gaps})
            np.testing.assert_array_equal(split.gather(np.arange(len(split))), inputs)


def test_a_caller_may_write_numbers_and_gaps_as_in_the_training_data(tmp_path: Path) -> None:
    written = {"separator": ";", "decimal": ",", "missing": ["?"]}
    task = Task(Task.Data(**COLUMNS | {"format": written}))
    frame = table().astype({"island": object})
    frame.loc[4, "island"] = "?"
    frame.to_csv(tmp_path / "penguins.csv", sep=";", decimal=",", index=False)
    examples = task.index(tmp_path).examples
    assert examples["column island"].isna().sum() == 1
    spec = task.specify(tmp_path, examples)
    rows = [{"bill": "38,5", "mass": "3700", "island": "?", "seen": "2009-01-01"}]
    plain = [{"bill": 38.5, "mass": 3700, "island": None, "seen": "2009-01-01T00:00"}]
    np.testing.assert_array_equal(task.preprocess(rows, spec)[0], task.preprocess(plain, spec)[0])


def test_the_own_split_of_a_table_is_used(tmp_path: Path) -> None:
    sides = np.array(["Train", "valid", "test"])[np.arange(150) % 3]
    task = Task(Task.Data(**COLUMNS | {"split": "part"}))
    frame = table().assign(part=sides)
    frame.loc[7, "part"] = "later"
    index = task.index(raw(tmp_path, frame))
    assert index.examples["split"].value_counts().to_dict() == {"train": 50, "val": 49, "test": 50}
    assert [(one.where, one.kind) for one in index.problems] == [("penguins.csv row 8", "no side")]


def test_a_date_that_cannot_be_read_is_listed(tmp_path: Path) -> None:
    frame = table()
    frame.loc[2, "seen"] = "soon"
    problems = TASK.index(raw(tmp_path, frame)).problems
    assert [(one.where, one.kind, one.detail) for one in problems] == [
        ("penguins.csv row 3", "not a date", "seen is soon, not a date")
    ]
    with pytest.raises(DataError, match="row 1: seen is soon"):
        TASK.preprocess(frame.iloc[2:3], {"categories": {}})


@pytest.mark.parametrize(
    ("changed", "species", "why"),
    [
        ({}, ["Adelie"], "in all 150 usable rows species is Adelie; classes need two values"),
        (
            {},
            [f"{number}.5" for number in range(150)],
            "species has 150 values in 150 usable rows.*a number to predict",
        ),
        ({"classes": ["Adelie", "Gentoo"]}, None, "species is Chinstrap in .* rows, which is not in data.classes"),
        ({"classes": ["Adelie", "Gentoo", "Chinstrap", "King"]}, None, "in no usable row species is King"),
    ],
)
def test_targets_that_cannot_be_learnt_are_refused(
    tmp_path: Path, changed: dict[str, Any], species: list[str] | None, why: str
) -> None:
    frame = table()
    if species is not None:
        frame["species"] = [species[row % len(species)] for row in range(150)]
    with pytest.raises(DataError, match=why):
        Task(Task.Data(**COLUMNS | changed)).index(raw(tmp_path, frame))


def test_a_class_without_a_training_row_is_refused(tmp_path: Path) -> None:
    folder = raw(tmp_path, table())
    examples = TASK.index(folder).examples
    spec = TASK.specify(folder, examples[examples["label"] != "Gentoo"])
    with pytest.raises(DataError, match="species is Gentoo in validation or test rows and in no training row"):
        list(TASK.encode(folder, examples, spec))


@pytest.mark.parametrize("classes", [["Adelie"], ["Adelie", "Adelie"], "Adelie"])
def test_invalid_classes_are_refused(classes: Any) -> None:
    with pytest.raises(ValidationError):
        Task.Data(**COLUMNS | {"classes": classes})


def test_predictions_are_shown_by_class(tmp_path: Path) -> None:
    folder = raw(tmp_path, table())
    examples = TASK.index(folder).examples
    spec = TASK.specify(folder, examples)
    predictions = np.full((len(examples), 3), [0.7, 0.2, 0.1], np.float32)
    assert TASK.present(predictions[:1], None, spec) == [
        {"Adelie": pytest.approx(0.7), "Chinstrap": pytest.approx(0.2), "Gentoo": pytest.approx(0.1)}
    ]
    targets = np.concatenate([one.targets for one in TASK.encode(folder, examples, spec)])
    scores = TASK.scores(examples, targets, predictions, spec)
    assert scores.total().keys() == Task.metrics.keys()
    assert list(scores.breakdowns()) == ["per_class", "per_group", "by_island"]
    assert "3 classes" in TASK.words(spec).output
