"""Two classes of a table's rows: which tables are read or refused, the model's inputs, and its operating point."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from pydantic import ValidationError

from conftest import ROOT
from repeated import assert_weights_repeat
from slipway.core.config import Checks, Split
from slipway.core.errors import DataError
from slipway.core.protocol import of_column
from slipway.core.spec import Spec
from slipway.data.preparation import prepare
from slipway.data.shards import PackedSplit
from slipway.data.splits import SIDES, assign
from slipway.records import predictions
from slipway.tasks.tabular_classification import Task

COLUMNS: dict[str, Any] = {
    "target": "kind",
    "positive": "hand",
    "name": "hand_ball",
    "example": "id",
    "group": "match",
    "numeric": ("x", "speed"),
    "categorical": ("event",),
    "derived": {"distance": "abs(x - 50)", "energy": "speed ** 2 * distance"},
    "rare": 3,
    "own": 0.2,
}
TASK = Task(Task.Data(**COLUMNS))


def table(count: int = 120, seed: int = 0) -> pd.DataFrame:
    """Hand balls after a touch, more often at speed; some values are missing, and one event is rare."""
    draw = np.random.default_rng(seed)
    event = draw.choice(["duel", "touch", "shot"], count, p=[0.6, 0.3, 0.1])
    speed = draw.gamma(2, 3, count).round(2)
    hand = (event == "touch") & (speed > 4)
    frame = pd.DataFrame(
        {
            "id": np.arange(count) + 1000,
            "match": np.arange(count) // 10,
            "x": draw.uniform(0, 100, count).round(1),
            "speed": speed,
            "event": event.astype(object),
            "kind": np.where(hand, "hand", draw.choice(["foul", "protest"], count)),
        }
    )
    frame.loc[3, "event"] = "drop ball"
    frame.loc[4, "event"] = None
    frame.loc[5, "x"] = np.nan
    return frame


def raw(folder: Path, frame: pd.DataFrame, name: str = "fouls.csv") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    frame.to_csv(folder / name, index=False)
    return folder


def encoded(folder: Path, task: Task = TASK) -> tuple[pd.DataFrame, Spec, pd.DataFrame, np.ndarray]:
    """Examples, the spec of all of them, their inputs by name, their targets."""
    examples = task.index(folder).examples
    spec = task.specify(folder, examples)
    batches = list(task.encode(folder, examples, spec))
    inputs = np.concatenate([batch.inputs for batch in batches])
    assert inputs.dtype == np.float32 and list(inputs.shape[1:]) == spec["input"]["shape"]
    return (
        examples,
        spec,
        pd.DataFrame(inputs, columns=spec["input"]["names"]),
        np.concatenate([b.targets for b in batches]),
    )


@pytest.fixture(scope="module")
def fouls(tmp_path_factory):
    return encoded(raw(tmp_path_factory.mktemp("fouls"), table()))


def test_an_example_is_a_row_with_its_name_class_and_group(fouls):
    examples, spec, _, targets = fouls
    row = examples.set_index("example").loc["1012"]
    assert (row["group"], row["column event"]) == ("1", table()["event"][12])
    assert spec["classes"] == ["hand_ball", "not hand_ball"] and spec["outputs"] == ["hand_ball"]
    assert spec["objective"] == "binary" and targets.dtype == np.int64
    np.testing.assert_array_equal(targets == 1, examples["label"] == "hand_ball")
    assert targets.sum() == (table()["kind"] == "hand").sum()


def test_numbers_are_unchanged_and_missing_ones_stay_missing(fouls):
    examples, _, inputs, _ = fouls
    given = table().set_index(table()["id"].astype(str)).loc[examples["example"]]
    np.testing.assert_array_equal(inputs["x"], given["x"].astype(np.float32))
    np.testing.assert_allclose(inputs["distance"], np.abs(given["x"] - 50), rtol=1e-5)
    np.testing.assert_allclose(inputs["energy"], given["speed"] ** 2 * np.abs(given["x"] - 50), rtol=1e-5)
    assert np.isnan(inputs["energy"]).sum() == 1


def test_a_category_is_encoded_as_smoothed_share_of_positives_frequency_and_one_hot(fouls):
    examples, _, inputs, targets = fouls
    touch = (examples["column event"] == "touch").to_numpy()
    share = (targets[touch].sum() + 20 * targets.mean()) / (touch.sum() + 20)
    assert inputs["event: positive"][touch].unique() == pytest.approx([share])
    assert inputs["event: common"][touch].unique() == pytest.approx([touch.mean()])
    np.testing.assert_array_equal(inputs["event = touch"] == 1, touch)
    assert "event = shot" not in inputs


def test_a_rare_category_is_encoded_like_an_unseen_one_and_a_missing_one_is_missing(fouls):
    examples, spec, inputs, _ = fouls
    rare, missing = ((examples["example"] == name).to_numpy() for name in ("1003", "1004"))
    columns = ["event: positive", "event: common", "event = touch"]
    assert inputs.loc[rare, columns].to_numpy().tolist()[0][1:] == [0, 0] and inputs.loc[rare, columns[0]].isna().all()
    assert inputs.loc[missing, columns].isna().all(axis=None)
    new, _ = TASK.preprocess([{"x": 1, "speed": 2, "event": "never seen"}], spec)
    np.testing.assert_array_equal(new[0, 4:], inputs.loc[rare].to_numpy()[0, 4:])


@pytest.mark.parametrize("events", [["duel", "touch", "shot"], ["NA", "01234", "true"], ["None", "1.50", "1e3"]])
def test_a_caller_gets_the_same_inputs_as_prepare(tmp_path, events):
    given = table()
    given["event"] = given["event"].replace(dict(zip(["duel", "touch", "shot"], events, strict=True)))
    examples, spec, inputs, _ = encoded(raw(tmp_path, given))
    assert set(spec["categories"]["event"]["names"]) == set(events)
    spec = json.loads(json.dumps(spec, sort_keys=True))
    frame = given.drop(columns=["kind", "id", "match"])
    order = pd.Index(examples["example"]).get_indexer(given["id"].astype(str))
    found, rows = TASK.preprocess(frame, spec)
    np.testing.assert_array_equal(found, inputs.to_numpy()[order])
    assert rows.tolist() == list(range(len(frame)))
    np.testing.assert_array_equal(TASK.preprocess(frame.to_dict("records"), spec)[0], found)


def test_the_spec_does_not_depend_on_rows_outside_training(tmp_path):
    folder = raw(tmp_path, table(seed=1))
    examples = TASK.index(folder).examples
    train = examples[examples["group"].astype(int) < 8]
    other = table(seed=1)
    other.loc[80:, "event"] = "shot"
    assert TASK.specify(folder, train) == TASK.specify(raw(tmp_path / "other", other), train)


def test_bad_rows_are_listed_with_file_row_and_reason_and_left_out(tmp_path):
    frame = table().astype({"x": object, "speed": object})
    frame.loc[0, "kind"] = None
    frame.loc[1, "x"] = "far"
    frame.loc[2, "speed"] = "inf"
    frame.loc[6, "match"] = None
    frame.loc[8] = frame.loc[7]
    frame.loc[9, "id"] = frame.loc[7, "id"]
    frame.loc[10, "id"] = None
    frame.loc[11, ["x", "speed"]] = ["near", "-inf"]
    index = TASK.index(raw(tmp_path, frame))
    assert [(problem.where, problem.kind) for problem in index.problems] == [
        ("fouls.csv row 1", "no class"),
        ("fouls.csv row 2", "not a number"),
        ("fouls.csv row 3", "infinite value"),
        ("fouls.csv row 7", "no group"),
        ("fouls.csv row 9", "duplicate row"),
        ("fouls.csv row 10", "duplicate name"),
        ("fouls.csv row 11", "no name"),
        ("fouls.csv row 12", "not a number"),
    ]
    assert index.problems[-1].detail == "x is near, not a number; speed is -inf"
    assert len(index.examples) == len(frame) - 8


def test_rows_without_a_name_are_numbered_and_without_a_group_are_groups(tmp_path):
    plain = Task(Task.Data(**COLUMNS | {"example": None, "group": None}))
    examples = plain.index(raw(tmp_path, table())).examples
    assert examples["example"].iloc[1] == "fouls.csv row 0000002" == examples["group"].iloc[1]


def test_times_are_read_for_splits_by_time(tmp_path):
    timed = Task(Task.Data(**COLUMNS | {"time": "day"}))
    frame = table().assign(day=pd.date_range("2024-01-01", periods=120).astype(str))
    frame.loc[7, "day"] = "soon"
    index = timed.index(raw(tmp_path, frame))
    assert [problem.kind for problem in index.problems] == ["no time"]
    sides = assign(index.examples, Split(by="time"), classes=None, seed=0)
    assert index.examples["time"][sides == "train"].max() < index.examples["time"][sides == "test"].min()


def refusal(folder: Path, frame: pd.DataFrame, task: Task = TASK) -> str:
    with pytest.raises(DataError) as refused:
        task.index(raw(folder, frame))
    return str(refused.value)


def test_tables_that_cannot_be_used_are_refused_with_what_to_do(tmp_path):
    assert "no column kind, event; it has id, match, x, speed" in refusal(
        tmp_path / "a", table().drop(columns=["kind", "event"])
    )
    assert "column speed, event has no value in any row; remove it" in refusal(
        tmp_path / "b", table().assign(speed=np.nan, event=None)
    )
    assert "in no usable row kind is hand" in refusal(tmp_path / "c", table().assign(kind="foul"))
    assert "in no usable row kind is not hand" in refusal(tmp_path / "d", table().assign(kind="hand"))
    assert "none of 120 rows can be used; fouls.csv row 1: x is far" in refusal(tmp_path / "e", table().assign(x="far"))


def test_a_feature_that_is_empty_in_training_is_refused(tmp_path):
    frame = table()
    frame.loc[frame["match"] < 8, "speed"] = np.nan
    folder = raw(tmp_path, frame)
    examples = TASK.index(folder).examples
    with pytest.raises(DataError, match="train: column speed has no value"):
        TASK.specify(folder, examples[examples["group"].astype(int) < 8])


def test_a_bad_row_of_a_caller_is_refused_by_number(fouls):
    _, spec, *_ = fouls
    with pytest.raises(DataError, match="the table row 2: x is far, not a number; fix or remove"):
        TASK.preprocess(table().astype({"x": object}).head(3).assign(x=[1, "far", 2]), spec)
    with pytest.raises(DataError, match="the table: no column speed"):
        TASK.preprocess([{"x": 1, "event": "duel"}], spec)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"categorical": ("x",)}, "column x has two roles"),
        ({"name": "decision"}, "name cannot be decision"),
        ({"numeric": (), "categorical": (), "derived": {}}, "there is no feature"),
        ({"derived": {"a": "x + unknown"}}, "derived a reads unknown, which is neither a numeric nor a derived column"),
        ({"derived": {"a": "event + 1"}}, "derived a reads event"),
        ({"derived": {"a": "b + x", "b": "a + 1"}}, "derived columns depend on each other in a circle: a, b, a"),
        ({"derived": {"a": "open(x)"}}, "is not allowed; use numbers, columns, operators"),
    ],
)
def test_invalid_columns_are_refused(changed: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Task.Data(**COLUMNS | changed)


@pytest.mark.parametrize(
    ("positive", "values"),
    [
        (True, [True, False]),
        (True, ["TRUE", "FALSE"]),
        ("true", ["true", "false"]),
        ("NA", ["NA", "EU"]),
        ("01", ["01", "1"]),
        (1, [1, 0]),
        (1, [1.0, 0.0]),
        ("1", ["1", "no"]),
    ],
)
def test_the_positive_value_may_be_text_a_number_or_true(tmp_path: Path, positive: Any, values: list[Any]) -> None:
    task = Task(Task.Data(**COLUMNS | {"positive": positive}))
    frame = table().assign(kind=[values[row % 2] for row in range(120)])
    labels = task.index(raw(tmp_path, frame)).examples["label"]
    assert (labels == "hand_ball").sum() == 60


@pytest.mark.parametrize(
    ("written", "values", "message"),
    [
        ("yes", ["yes", "no"], 'it has no, yes. Set data.target and data.positive, in quotation marks: "yes"'),
        ("no", ["yes", "no"], 'in quotation marks: "no". Without them no is false in YAML'),
        ("on", ["On", "Off"], 'in quotation marks: "On"'),
        ("01", ["01", "02"], "kind is 1; it has 01, 02. Set"),
        ("1e3", ["1e3", "5"], None),
        ("1.0", ["1", "0"], None),
        ('"yes"', ["yes", "no"], None),
    ],
)
def test_the_error_shows_how_to_quote_a_positive_value_that_yaml_misreads(tmp_path, written, values, message):
    task = Task(Task.Data(**COLUMNS | yaml.safe_load(f"positive: {written}")))
    frame = table().assign(kind=[values[row % 2] for row in range(120)])
    if message is None:
        assert (task.index(raw(tmp_path, frame)).examples["label"] == "hand_ball").sum() == 60
    else:
        assert message in refusal(tmp_path, frame, task)


INTERNAL = (
    "example",
    "label",
    "group",
    "time",
    "split",
    "fold",
    "file",
    "row",
    "fingerprint",
    "name",
    "target",
)
INTERNAL += ("predicted hand_ball", "score", "given x", "column x", "event: positive", "event = touch", "place", "hour")


@pytest.mark.parametrize("role", ["numeric", "categorical"])
def test_columns_may_have_any_name_that_slipway_uses_itself(tmp_path, role):
    plain = table().dropna()
    values = {name: np.random.default_rng(number).integers(0, 9, len(plain)) for number, name in enumerate(INTERNAL)}
    frame = plain.assign(**values)
    task = Task(Task.Data(**COLUMNS | {role: (*COLUMNS[role], *INTERNAL)}))
    prepare(task, raw(tmp_path / "raw", frame), tmp_path / "out", tmp_path / "report.json", Split(), Checks(), 0)
    spec = json.loads((tmp_path / "out/spec.json").read_text())
    assert len(set(spec["input"]["names"])) == spec["input"]["shape"][0]
    given = frame.set_index(frame["id"].astype(str))
    for side in SIDES:
        split = PackedSplit(tmp_path / "out" / side)
        mine = given.loc[split.examples["example"]]
        assert split.examples["label"].eq("hand_ball").tolist() == mine["kind"].eq("hand").tolist()
        assert split.examples["group"].tolist() == mine["match"].astype(str).tolist()
        inputs = split.gather(np.arange(len(split)))
        np.testing.assert_array_equal(
            inputs, task.preprocess(mine, spec | {"gaps": spec["gaps"] | {"missing": INTERNAL}})[0]
        )
        for number, name in enumerate(INTERNAL):
            if role == "numeric":
                np.testing.assert_array_equal(inputs[:, 2 + number], mine[name], err_msg=name)
            else:
                assert of_column(split.examples, name).tolist() == mine[name].astype(str).tolist()
        probability = np.linspace(0, 1, len(split))[:, None]
        back, truth, predicted = predictions.read(
            predictions.table(split.examples, split.targets, probability, spec["outputs"])
        )
        assert list(back) == list(split.examples)
        np.testing.assert_array_equal(truth, split.targets)
        tables = task.scores(back, truth, predicted, spec | {"threshold": 0.5}).breakdowns()
        assert len(tables) == 1 + len(task.data.categorical)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"x": None}, "x is missing, but every row of the training data has it"),
        ({"event": None}, "event is missing, but every row of the training data has it"),
        ({"event": "throw"}, "event is throw, which is not in the training data (duel, shot, touch), nor is a rare"),
        ({"speed": 0.0}, "inverse is missing, but every row of the training data has it"),
    ],
)
def test_a_value_that_every_training_row_had_is_required_at_serving(tmp_path, row, why):
    whole = table().dropna().query("event != 'drop ball' and speed > 0")
    columns = COLUMNS | {"derived": COLUMNS["derived"] | {"inverse": "1 / speed"}}
    task = Task(Task.Data(**columns))
    _, spec, *_ = encoded(raw(tmp_path, whole), task)
    assert spec["gaps"] == {"missing": [], "unseen": []}
    request = [{"x": 1, "speed": 2, "event": "duel"}, {"x": 1, "speed": 2, "event": "duel"} | row]
    with pytest.raises(DataError, match=f"the table row 2: .*{re.escape(why)}"):
        task.preprocess(request, spec)
    assert len(task.preprocess(request, {key: value for key, value in spec.items() if key != "gaps"})[0]) == 2


def test_a_value_that_training_rows_lacked_may_be_missing_at_serving(fouls):
    _, spec, *_ = fouls
    assert spec["gaps"] == {"missing": ["distance", "energy", "event", "x"], "unseen": ["event"]}
    served, _ = TASK.preprocess([{"x": None, "speed": 2, "event": "throw"}, {"x": 1, "speed": 2, "event": None}], spec)
    assert np.isnan(served[0, 0]) and np.isnan(served[1, 4])


def test_repeated_rows_without_names_are_kept_and_stay_together(tmp_path):
    frame = table()[["event", "speed", "kind"]].assign(speed=lambda rows: rows["speed"].round())
    anonymous = Task(Task.Data(**COLUMNS | {"example": None, "group": None, "numeric": ("speed",), "derived": {}}))
    index = anonymous.index(raw(tmp_path, frame))
    assert not index.problems and len(index.examples) == len(frame)
    assert (index.examples["label"] == "hand_ball").mean() == (frame["kind"] == "hand").mean()
    alike = frame.assign(group=index.examples["group"].to_numpy()).groupby(["event", "speed"], dropna=False)["group"]
    assert (alike.nunique() == 1).all() and index.examples["group"].nunique() == len(alike)
    repeated = int(frame.duplicated().sum())
    assert repeated > 20 and index.warnings[0].startswith(f"{repeated} of 120 rows ({repeated / 120:.1%}) repeat an")
    sides = assign(index.examples, Split(), classes=["hand_ball", "not hand_ball"], seed=0)
    assert (sides.groupby(index.examples["group"]).nunique() == 1).all()


def test_rows_left_out_are_reported_by_kind_and_share(tmp_path):
    frame = pd.concat([table(), table().head(30)])
    report = tmp_path / "report.json"
    prepare(TASK, raw(tmp_path / "raw", frame), tmp_path / "out", report, Split(), Checks(quarantine=0.5), 0)
    warnings = json.loads(report.read_text())["warnings"]
    assert warnings[0].startswith("30 of 150 examples (20.0%) were set aside (duplicate row)")


def test_a_value_that_is_missing_only_in_test_rows_gives_a_warning(tmp_path):
    frame = table().dropna().assign(day=lambda rows: pd.date_range("2024-01-01", periods=len(rows)))
    frame.loc[frame.index[-2], "x"] = np.nan
    timed = Task(Task.Data(**COLUMNS | {"time": "day"}))
    report = tmp_path / "report.json"
    prepare(timed, raw(tmp_path / "raw", frame), tmp_path / "out", report, Split(by="time"), Checks(), 0)
    assert any("test: missing there but never in train" in one for one in json.loads(report.read_text())["warnings"])


def test_times_with_and_without_an_offset_in_one_file_are_refused(tmp_path):
    timed = Task(Task.Data(**COLUMNS | {"time": "day"}))
    frame = table().assign(day="2024-05-01 13:00")
    frame.loc[4, "day"] = "20240501T1300+0200"
    assert "fouls.csv: day has an offset from UTC in row 5 and none in row 1" in refusal(tmp_path, frame, timed)
    zoned = raw(tmp_path / "zoned", frame.assign(day="20240501T13+02"))
    assert set(timed.index(zoned).examples["time"].astype(str)) == {"2024-05-01 11:00:00"}


def test_dates_as_numbers_are_refused(tmp_path):
    assert "fouls.csv: column x holds dates or durations, such as 2024-05-01" in refusal(
        tmp_path, table().assign(x="2024-05-01")
    )
    with pytest.raises(DataError, match="the table: column x holds dates or durations"):
        TASK.preprocess(table().assign(x=pd.Timestamp("2024-05-01")), {})


def predicted_examples() -> tuple[pd.DataFrame, np.ndarray, np.ndarray, Spec]:
    draw = np.random.default_rng(0)
    targets = (draw.random(500) < 0.3).astype(np.int64)
    probability = np.clip(0.25 + 0.5 * targets + draw.normal(0, 0.15, 500), 0, 1)
    examples = pd.DataFrame({"event": draw.choice([None, *(f"event {one}" for one in range(30))], 500)})
    return examples, targets, probability[:, None].astype(np.float32), {"classes": ["hand_ball", "not hand_ball"]}


def test_the_operating_point_joins_the_spec_and_decides():
    examples, targets, predictions, spec = predicted_examples()
    chosen = TASK.choose_threshold(examples, targets, predictions, spec)
    assert chosen["operating_point"]["chosen_by"] == "recall at the least precision"
    assert chosen["operating_point"]["precision"] >= chosen["operating_point"]["precision_low"] >= 0.8
    spec = json.loads(json.dumps({**spec, **chosen}))
    scores = TASK.scores(examples, targets, predictions, spec).total()
    assert scores.keys() == Task.metrics.keys() and set(Task.headline) <= Task.metrics.keys()
    assert scores["precision"] == pytest.approx(chosen["operating_point"]["precision"], abs=1e-6)
    presented = TASK.present(predictions[:2], None, spec)
    assert presented[0] == {
        "hand_ball": float(predictions[0, 0]),
        "decision": bool(predictions[0, 0] >= spec["threshold"]),
    }
    moved = np.where(np.arange(500)[:, None] == 0, 1 - predictions, predictions)
    assert TASK.agreement(predictions, moved, spec)["agreement"] in (1, 0.998)


def test_a_precision_that_no_threshold_reaches_is_reported():
    examples, targets, predictions, spec = predicted_examples()
    chosen = TASK.choose_threshold(examples, targets, 0.5 + 0 * predictions, spec)
    assert chosen["operating_point"]["chosen_by"] == "f1: no threshold has the least precision"
    assert chosen["operating_point"]["recall"] == 1


@pytest.mark.parametrize(
    ("changed", "threshold", "chosen"),
    [
        ({"threshold": "accuracy"}, 0.5, "accuracy: the more probable class"),
        (
            {"threshold": "cost", "cost": {"false_positive": 1, "false_negative": 4}},
            0.2,
            "cost: 1 for a false positive, 4 for a false negative",
        ),
        ({"threshold": "f1"}, None, "f1"),
        ({"threshold": "recall", "recall": 0.9}, None, "the least recall"),
        ({"threshold": "recall", "recall": 1.0}, None, "recall 1: no threshold has the least recall"),
    ],
)
def test_the_threshold_is_chosen_for_what_the_data_section_says(changed, threshold, chosen):
    task = Task(Task.Data(**COLUMNS | changed))
    examples, targets, predictions, spec = predicted_examples()
    point = task.choose_threshold(examples, targets, predictions, spec)
    assert point["operating_point"]["chosen_by"] == chosen
    assert threshold is None or point["threshold"] == pytest.approx(threshold)
    scores = task.scores(examples, targets, predictions, {**spec, **point}).total()
    assert scores["recall"] == pytest.approx(point["operating_point"]["recall"], abs=1e-6)
    assert scores["precision"] == pytest.approx(point["operating_point"]["precision"], abs=1e-6)
    assert f"{point['threshold']:.4g}" in task.words({**spec, **point}).decision


def test_tables_show_tenths_and_the_most_common_values_of_columns():
    examples, targets, predictions, spec = predicted_examples()
    tables = TASK.scores(examples, targets, predictions, {**spec, "threshold": 0.5}).breakdowns()
    assert list(tables) == ["tenths", "by_event"]
    assert len(tables["by_event"]) == 21 and tables["by_event"]["examples"].sum() == 500
    assert "(others)" in set(tables["by_event"]["value"])


def test_a_weight_counts_an_example_that_often_in_the_tables():
    examples, targets, predictions, spec = predicted_examples()
    spec = {**spec, "threshold": 0.5}
    once, rows = TASK.scores(examples, targets, predictions, spec).breakdowns(), np.repeat(np.arange(500), 2)
    twice = TASK.scores(examples, targets, predictions, spec).breakdowns(np.full(500, 2.0))
    repeated = TASK.scores(examples.iloc[rows], targets[rows], predictions[rows], spec).breakdowns()
    assert_weights_repeat(once, twice, repeated)


def test_real_fouls_are_read_whole(recordings: Path) -> None:
    data = yaml.safe_load((ROOT / "conf/data/fouls.yaml").read_text())
    task = Task(Task.Data(**data))
    index = task.index(recordings / "fouls")
    assert len(index.examples) == 47_955 and not index.problems
    assert (index.examples["label"] == "hand_ball").sum() == 1_941
    head = index.examples.head(2000)
    spec = task.specify(recordings / "fouls", head)
    inputs = next(task.encode(recordings / "fouls", head, spec)).inputs
    assert np.isfinite(inputs).mean() > 0.99


def test_a_task_keeps_nothing_of_a_folder_between_calls(tmp_path):
    task = Task(TASK.data)
    encoded(raw(tmp_path, table()), task)
    raw(tmp_path, table().assign(x=7.0))
    _, _, inputs, _ = encoded(tmp_path, task)
    assert (inputs["x"] == 7).all()
