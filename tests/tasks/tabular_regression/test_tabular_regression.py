"""Forecasting a table of hours and places: which tables are read, what a feature may use, and the scores."""

import json
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from mutated_tables import MUTATED, mutated, records
from repeated import assert_weights_repeat
from slipway.core.errors import ConfigError, DataError
from slipway.core.spec import Spec
from slipway.tasks.tabular_regression import Task
from slipway.tasks.tabular_regression.names import names
from slipway_edge.tasks.tabular_regression import HOURLY
from slipway_edge.tasks.tabular_regression.hourly import Grid

HOURS = 24 * 7 * 11
COLUMNS = {"target": "visitors", "time": "hour", "place": "spot", "country": "GB", "subdivision": "ENG"}
DATA = Task.Data(numeric=("warmth",), categorical=("sky",), **COLUMNS)


def table(places: int = 3, hours: int = HOURS, seed: int = 0) -> pd.DataFrame:
    """Visitors with a daily and a weekly pattern, around Christmas."""
    draw = np.random.default_rng(seed)
    time = pd.date_range("2023-10-20", periods=hours, freq="h")
    frames = []
    for place in range(places):
        rhythm = 1.2 + np.sin(time.hour / 24 * 2 * np.pi) + 0.5 * (time.day_of_week < 5)
        frames.append(
            pd.DataFrame(
                {
                    "hour": time.astype(str),
                    "spot": f"spot {place}",
                    "warmth": draw.normal(10, 5, hours).round(1),
                    "sky": draw.choice(["clear", "rain"], hours),
                    "visitors": draw.poisson(30 * (place + 1) * rhythm).astype(float),
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def raw(folder: Path, frame: pd.DataFrame, name: str = "visitors.csv") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    frame.to_csv(folder / name, index=False)
    return folder


def encoded(task: Task, folder: Path, share: float = 0.8) -> tuple[pd.DataFrame, Spec, np.ndarray, np.ndarray]:
    """All examples of a folder, the spec from the first `share` of the time, inputs and targets."""
    examples = task.index(folder).examples
    spec = task.specify(folder, examples[examples["time"] <= examples["time"].quantile(share)])
    batches = list(task.encode(folder, examples, spec))
    return examples, spec, np.concatenate([b.inputs for b in batches]), np.concatenate([b.targets for b in batches])


@pytest.fixture(scope="module")
def visitors(tmp_path_factory):
    folder = raw(tmp_path_factory.mktemp("visitors"), table())
    return Task(DATA), folder, *encoded(Task(DATA), folder)


def test_an_example_is_a_place_and_an_hour_with_its_naive_forecast(visitors):
    _, _, examples, *_ = visitors
    assert examples["example"].is_unique and examples["example"].is_monotonic_increasing
    row = examples.set_index("example").loc["spot 1/2023-11-10T07"]
    week_before = examples.set_index("example").loc["spot 1/2023-11-03T07"]
    assert (row["group"], row["hour"], row["naive"]) == ("spot 1", 7, week_before["label"])
    assert examples[examples["time"] < "2023-10-27"]["naive"].isna().all()


def test_inputs_are_named_numbers_and_targets_decode_to_the_labels(visitors):
    task, _, examples, spec, inputs, targets = visitors
    assert inputs.dtype == np.float32 and targets.dtype == np.float32
    assert spec["input"]["shape"] == [inputs.shape[1]] == [len(spec["input"]["names"])]
    assert spec["input"]["names"][:2] == ["level", "expected"] and (inputs[:, 0] > 0).all()
    visitors_again = task.postprocess(targets[:, None], inputs, spec)
    np.testing.assert_allclose(visitors_again[:, 0], examples["label"], rtol=1e-5, atol=1e-4)


def test_the_default_city_gives_69_features():
    columns = [
        {name: np.empty((0, 1)) for name in some} for some in (("temperature", "rain", "attendance"), ("sky", "event"))
    ]
    assert len(names(HOURLY, Grid(np.datetime64("2001-01-01T00"), ("",), np.empty((0, 1)), *columns, {}))) == 69


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(hour=st.integers(24 * 30, HOURS - 1), scale=st.floats(0, 50))
def test_no_feature_sees_a_target_younger_than_24_hours(visitors, tmp_path, hour, scale):
    task, _, _, spec, *_ = visitors
    history = table()
    time = pd.to_datetime(history["hour"])
    now = time.min() + pd.Timedelta(hours=hour)
    request = history[time <= now].copy()
    when = pd.to_datetime(request["hour"])
    request.loc[when == now, "visitors"] = np.nan
    changed = request.copy()
    changed.loc[when > now - pd.Timedelta(hours=24), "visitors"] *= scale
    np.testing.assert_array_equal(task.preprocess(request, spec)[0], task.preprocess(changed, spec)[0])


def test_a_target_24_hours_old_is_seen(visitors):
    task, _, _, spec, *_ = visitors
    request = table()
    when = pd.to_datetime(request["hour"])
    request.loc[when == when.max(), "visitors"] = np.nan
    changed = request.copy()
    changed.loc[when == when.max() - pd.Timedelta(hours=24), "visitors"] += 100
    assert (task.preprocess(request, spec)[0] != task.preprocess(changed, spec)[0]).any()


def test_rows_to_forecast_get_the_same_inputs_as_in_prepare(visitors):
    task, _, examples, spec, inputs, _ = visitors
    request = table().sample(frac=1, random_state=1)
    ahead = pd.to_datetime(request["hour"]) >= "2024-01-04"
    request.loc[ahead, "visitors"] = np.nan
    names = request[ahead]["spot"] + "/" + pd.to_datetime(request[ahead]["hour"]).dt.strftime("%Y-%m-%dT%H")
    rows = pd.Index(examples["example"]).get_indexer(names)
    first_day = pd.to_datetime(request[ahead]["hour"]) < "2024-01-05"
    np.testing.assert_array_equal(task.preprocess(request, spec)[0][first_day], inputs[rows][first_day])


def test_rows_arrays_and_a_frame_are_encoded_equally(visitors):
    task, _, _, spec, *_ = visitors
    request = table()
    request.loc[request.index[-2:], "visitors"] = np.nan
    wanted = task.preprocess(request, spec)[0]
    arrays = {name: request[name].to_numpy() for name in request}
    typed = arrays | {"hour": request["hour"].to_numpy().astype("datetime64[s]")}
    for other in (request.to_dict("records"), arrays, typed, {name: list(of) for name, of in arrays.items()}):
        np.testing.assert_array_equal(task.preprocess(other, spec)[0], wanted)


def test_later_rows_do_not_change_the_spec(tmp_path):
    frame = table()
    later = frame.copy()
    time = pd.to_datetime(frame["hour"])
    later.loc[time > time.quantile(0.9), "visitors"] *= 3
    one, two = (encoded(Task(DATA), raw(tmp_path / n, f))[1] for n, f in (("one", frame), ("two", later)))
    assert one == two


def test_a_new_place_can_be_encoded(visitors):
    task, _, _, spec, *_ = visitors
    request = table(places=4)
    when = pd.to_datetime(request["hour"])
    request.loc[(when == when.max()) & (request["spot"] == "spot 3"), "visitors"] = np.nan
    inputs, _ = task.preprocess(request, spec)
    names = spec["input"]["names"]
    assert inputs.shape == (1, len(names))
    assert np.isnan(inputs[0, names.index("place")])
    assert inputs[0, 0] == pytest.approx(request["visitors"][request["spot"] == "spot 3"].tail(24 * 28).mean(), rel=0.1)


@pytest.mark.parametrize(
    ("column", "value", "why"),
    [
        ("warmth", None, "warmth is missing, but every row of the training data has it"),
        ("sky", None, "sky is missing, but every row of the training data has it"),
        ("sky", "hail", "sky is hail, which is in no row of the training data"),
    ],
)
def test_a_value_that_every_training_row_had_is_required_in_the_rows_to_forecast(visitors, column, value, why):
    task, _, _, spec, *_ = visitors
    request = table()
    request.loc[request.index[-2:], "visitors"] = np.nan
    request.loc[[5, request.index[-1]], column] = value
    with pytest.raises(DataError, match=f"the table row {len(request)}: {why}; give"):
        task.preprocess(request, spec)
    earlier = {key: of for key, of in spec.items() if key != "gaps"}
    for lenient in (earlier, spec | {"gaps": {"missing": [column]}}):
        served, _ = task.preprocess(request, lenient)
        assert np.isnan(served[:, spec["input"]["names"].index(column)]).tolist() == [False, True]


def test_a_spec_says_which_columns_lacked_values_in_training(tmp_path, visitors):
    assert visitors[3]["gaps"] == {"missing": []}
    frame = table(places=1)
    frame.loc[7, "sky"] = None
    frame.loc[frame.index[-1], "warmth"] = np.nan
    assert encoded(Task(DATA), raw(tmp_path, frame))[1]["gaps"] == {"missing": ["sky"]}


INTERNAL = (
    "place",
    "time",
    "target",
    "given_time",
    "given_target",
    "file",
    "row",
    "example",
    "label",
    "group",
    "split",
)
INTERNAL += (
    "fold",
    "fingerprint",
    "level",
    "expected",
    "holiday",
    "base",
    "lag_24",
    "dev_1y",
    "naive",
    "column a",
    "a",
)
INTERNAL += ("week_hour", "week_hour (column)", "a_change_24")


@pytest.mark.parametrize("role", ["numeric", "categorical"])
def test_columns_may_have_any_name_that_slipway_uses_itself(tmp_path, role):
    plain = table(places=1)
    task = Task(Task.Data(**COLUMNS))
    _, spec, inputs, targets = encoded(task, raw(tmp_path / "plain", plain))
    own = spec["input"]["shape"][0]
    values = {name: np.random.default_rng(number).integers(0, 9, len(plain)) for number, name in enumerate(INTERNAL)}
    frame = plain.assign(**values)
    task = Task(Task.Data(**COLUMNS | {role: INTERNAL}))
    examples, spec, found, fitted = encoded(task, raw(tmp_path / "named", frame))
    np.testing.assert_array_equal(found[:, :own], inputs)
    np.testing.assert_array_equal(fitted, targets)
    assert len(set(spec["input"]["names"])) == spec["input"]["shape"][0]
    order = pd.Index(examples["time"].astype(str)).get_indexer(plain["hour"])
    for number, name in enumerate(INTERNAL):
        column = found[order, own + number * (3 if role == "numeric" else 1)]
        wanted = values[name]
        if role == "categorical":
            wanted = [spec["categories"][name].index(str(value)) for value in wanted]
        np.testing.assert_array_equal(column, wanted, err_msg=name)
    request = frame.assign(visitors=frame["visitors"].where(frame.index < len(frame) - 24))
    np.testing.assert_array_equal(task.preprocess(request, spec)[0], found[order][-24:])


@pytest.mark.parametrize(
    "text",
    ["2023-10-20T08+02:00", "20231020T0800+0200", "2023-10-20 08Z", "2023-10-20T08z", "2023-W42-5T08:00", "2023-293"],
)
def test_a_time_with_an_offset_or_of_another_calendar_is_listed_and_not_shifted(tmp_path, text):
    frame = table(places=1)
    frame.loc[8, "hour"] = text
    index = Task(DATA).index(raw(tmp_path, frame))
    assert [(problem.where, problem.kind) for problem in index.problems] == [("visitors.csv row 9", "no time")]
    assert f"hour is {text}, which is not a local hour" in index.problems[0].detail
    assert len(index.examples) == len(frame) - 1 and not (index.examples["time"] == "2023-10-20T06").sum() > 1


@pytest.mark.parametrize("year", [1970, 2020, 2199])
def test_a_row_years_from_the_others_is_listed_and_costs_no_memory(tmp_path, year):
    frame = table(places=2)
    frame.loc[5, "hour"] = f"{year}-01-01 00:00:00"
    folder = raw(tmp_path, frame)
    task = Task(Task.Data(numeric=("warmth",), target="visitors", time="hour", place="spot"))
    tracemalloc.start()
    index = task.index(folder)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [(problem.where, problem.kind) for problem in index.problems] == [
        ("visitors.csv row 6", "far from the rest")
    ]
    assert peak < 30 * 2**20


@pytest.mark.parametrize("year", [2262, 9999])
def test_an_implausible_year_is_not_a_time(tmp_path, year):
    frame = table(places=1)
    frame.loc[5, "hour"] = f"{year}-01-01 00:00:00"
    assert [problem.kind for problem in Task(DATA).index(raw(tmp_path, frame)).problems] == ["no time"]


def test_years_of_hours_before_a_gap_of_years_are_kept(tmp_path):
    frame = table(places=1)
    early = frame.assign(hour=frame["hour"].str.replace("2023", "2019").str.replace("2024", "2020"))
    index = Task(DATA).index(raw(tmp_path, pd.concat([early, frame])))
    assert not index.problems and len(index.examples) == 2 * len(frame)


def test_a_table_of_more_places_than_its_rows_can_fill_is_refused(tmp_path):
    frame = table(places=3).assign(spot=lambda rows: [f"ticket {row}" for row in range(len(rows))])
    with pytest.raises(
        DataError, match=r"rows are too few for 5,544 places and the 1,848 steps \(1h\) from .*visitors\.csv row 1"
    ):
        Task(DATA).index(raw(tmp_path, frame))


@MUTATED
@given(data=st.data())
def test_each_row_of_a_mutated_csv_is_an_example_or_listed_or_the_whole_is_refused(tmp_path, data):
    original = table(places=1, hours=24 * 8).to_csv(index=False).encode()
    (tmp_path / "visitors.csv").write_bytes(data.draw(mutated(original)))
    try:
        index = Task(DATA).index(tmp_path)
    except DataError as refused:
        assert "visitors.csv" in str(refused) or "rows are too few" in str(refused)
    else:
        assert len(index.examples) + len(index.problems) == len(records(tmp_path / "visitors.csv")) - 1


def test_the_repeated_hour_of_the_change_from_summer_time_is_listed_once(tmp_path):
    frame = table(places=1)
    twice = frame["hour"].str.startswith("2023-10-29 01")
    frame = pd.concat([frame[: twice.idxmax() + 1], frame[twice], frame[twice.idxmax() + 1 :]])
    problems = Task(DATA).index(raw(tmp_path, frame)).problems
    assert [(problem.kind, problem.detail) for problem in problems] == [
        ("duplicate row", "a second row for spot 0 at 2023-10-29 01:00:00")
    ]


def test_dates_and_text_in_numeric_columns_are_refused_or_listed(tmp_path):
    frame = table(places=1)
    frame.assign(warmth=pd.Timestamp("2024-05-01")).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"a\.parquet: column warmth holds dates or durations"):
        Task(DATA).index(tmp_path)
    with pytest.raises(DataError, match="column visitors holds dates or durations"):
        Task(DATA).index(raw(tmp_path / "target", frame.assign(visitors="2024-05-01")))
    mixed = frame.astype({"warmth": object})
    mixed.loc[[3, 4], "warmth"] = ["mild", "inf"]
    problems = Task(DATA).index(raw(tmp_path / "text", mixed)).problems
    assert [problem.detail for problem in problems] == ["warmth is mild", "warmth is inf"]


def test_the_day_after_the_last_is_known_to_be_a_holiday_or_none(visitors):
    *_, spec, inputs, _ = visitors
    after = inputs[:, spec["input"]["names"].index("holiday_after")]
    assert not np.isnan(after).any()


def test_a_past_target_that_is_not_a_number_is_refused_at_serving(visitors):
    task, _, _, spec, *_ = visitors
    request = table().astype({"visitors": object})
    request.loc[4, "visitors"] = "many"
    request.loc[request.index[-1], "visitors"] = None
    with pytest.raises(DataError, match="the table row 5: visitors is many"):
        task.preprocess(request, spec)


def test_gaps_in_the_series_are_unknown_and_not_zero(tmp_path):
    frame = table()
    time = pd.to_datetime(frame["hour"])
    gap = (time >= "2023-12-01") & (time < "2023-12-02")
    examples, spec, inputs, _ = encoded(Task(DATA), raw(tmp_path, frame[~gap]))
    lag = inputs[:, spec["input"]["names"].index("lag_24")]
    assert np.isnan(lag[(examples["time"] >= "2023-12-02") & (examples["time"] < "2023-12-03")]).all()


def test_bad_rows_are_listed_with_file_row_and_reason_and_left_out(tmp_path):
    frame = table(places=1).astype({"visitors": object, "warmth": object})
    frame.loc[0, "visitors"] = None
    frame.loc[1, "hour"] = "yesterday"
    frame.loc[2, "visitors"] = -4
    frame.loc[3, "visitors"] = "inf"
    frame.loc[5, "hour"] = frame.loc[4, "hour"]
    frame.loc[6, "warmth"] = "mild"
    frame.loc[7, "spot"] = None
    frame.loc[8, "hour"] = "2023-10-20 08:30:00"
    frame.loc[9, "visitors"] = "many"
    index = Task(DATA).index(raw(tmp_path, frame))
    assert [(problem.where, problem.kind) for problem in index.problems] == [
        ("visitors.csv row 1", "no target"),
        ("visitors.csv row 2", "no time"),
        ("visitors.csv row 3", "negative target"),
        ("visitors.csv row 4", "infinite target"),
        ("visitors.csv row 6", "duplicate row"),
        ("visitors.csv row 7", "not a number"),
        ("visitors.csv row 8", "no place"),
        ("visitors.csv row 9", "not on the hour"),
        ("visitors.csv row 10", "no target"),
    ]
    assert "visitors is many" in index.problems[-1].detail
    assert len(index.examples) == len(frame) - 9


def test_tables_of_several_kinds_are_read_together_and_others_are_left_out(tmp_path):
    frame = table()
    raw(tmp_path, frame[:1000], "a.csv")
    raw(tmp_path, frame[1000:3000], "b.csv.gz")
    typed = frame[3000:].assign(hour=pd.to_datetime(frame["hour"][3000:]))
    typed.to_parquet(tmp_path / "c.parquet")
    (tmp_path / "places.csv").write_text("name,latitude\nspot 0,1.0\n")
    whole = Task(DATA).index(raw(tmp_path / "whole", frame)).examples
    pd.testing.assert_frame_equal(Task(DATA).index(tmp_path).examples, whole)


def test_a_place_is_the_same_whole_number_with_and_without_a_fraction(tmp_path):
    frame = table(places=2)
    raw(tmp_path, frame[frame["spot"] == "spot 0"].assign(spot=7), "a.csv")
    raw(tmp_path, frame[frame["spot"] == "spot 1"].assign(spot=8.0), "b.csv")
    assert set(Task(DATA).index(tmp_path).examples["group"]) == {"7", "8"}


def test_a_table_without_a_column_is_refused_by_name(tmp_path):
    folder = raw(tmp_path, table().drop(columns=["sky", "visitors"]))
    with pytest.raises(DataError, match=r"visitors\.csv: no column visitors, sky; it has hour, spot, warmth"):
        Task(DATA).index(folder)


def test_a_folder_without_a_table_is_refused(tmp_path):
    with pytest.raises(DataError, match="no table"):
        Task(DATA).index(tmp_path)


def test_a_file_that_is_not_a_table_is_refused_by_name(tmp_path):
    (tmp_path / "visitors.parquet").write_bytes(b"no")
    with pytest.raises(DataError, match=r"visitors\.parquet: cannot be read"):
        Task(DATA).index(tmp_path)


def test_a_table_without_a_usable_row_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"none of 10 rows can be used; visitors.csv row 1: visitors is"):
        Task(DATA).index(raw(tmp_path, table()[:10].assign(visitors=-1.0)))


def test_an_unknown_country_is_refused(tmp_path):
    task = Task(DATA.model_copy(update={"country": "XX"}))
    with pytest.raises(ConfigError, match=r"data\.country"):
        task.index(raw(tmp_path, table()))


def test_a_column_has_one_role():
    with pytest.raises(ValidationError, match="column warmth has two roles"):
        Task.Data(numeric=("warmth",), categorical=("warmth",), **COLUMNS)


def test_a_table_with_nothing_to_forecast_is_refused(visitors):
    task, _, _, spec, *_ = visitors
    with pytest.raises(DataError, match="no row to forecast: leave visitors empty"):
        task.preprocess(table(), spec)


def test_a_bad_row_among_those_to_forecast_is_refused_by_number(visitors):
    task, _, _, spec, *_ = visitors
    request = table()
    request.loc[4, "visitors"] = -1
    request.loc[request.index[-1], "visitors"] = np.nan
    with pytest.raises(DataError, match="the table row 5: visitors is -1"):
        task.preprocess(request, spec)


def scored(labels: list[float], naive: list[float], predictions: list[float], weight: list[float] | None = None):
    count = len(labels)
    examples = pd.DataFrame(
        {
            "example": [f"a/{i}" for i in range(count)],
            "label": labels,
            "group": ["a"] * (count - 1) + ["b"],
            "time": pd.date_range("2024-01-01", periods=count, freq="h"),
            "hour": range(count),
            "naive": naive,
        }
    )
    task = Task(DATA)
    spec: Spec = {"places": ["a", "b"], "outputs": ["visitors"]}
    values = np.array(predictions)[:, None]
    weights = None if weight is None else np.array(weight)
    return task, examples, spec, values, task.scores(examples, np.zeros(count), values, spec).total(weights)


def test_scores_are_in_visitors_in_percent_and_relative_to_the_naive_forecast():
    *_, scores = scored([10, 0, 20], [20, 5, np.nan], [12, 1, 16])
    assert scores == pytest.approx({"mae": 7 / 3, "rmse": 7**0.5, "mape": 20, "mae_ratio_to_naive": 3 / 15})
    assert scores.keys() == Task(DATA).metrics.keys() and set(Task.headline) <= scores.keys()


def test_a_weight_counts_an_example_that_often():
    *_, weighed = scored([10, 0, 20], [20, 5, 25], [12, 1, 16], [2, 0, 1])
    *_, repeated = scored([10, 10, 20], [20, 20, 25], [12, 12, 16])
    assert weighed == pytest.approx(repeated)


def test_errors_are_broken_down_by_hour_and_by_place():
    task, examples, spec, predictions, scores = scored([10, 0, 20], [20, 5, np.nan], [12, 1, 16])
    tables = task.scores(examples, np.zeros(3), predictions, spec).breakdowns()
    assert tables["by_hour"]["mae"].tolist() == [2, 1, 4]
    by_place = tables["by_place"].set_index("place")
    assert by_place.loc["a", "mae_ratio_to_naive"] == pytest.approx(3 / 15)
    assert (by_place["mae"] * by_place["examples"]).sum() / 3 == pytest.approx(scores["mae"])


def test_a_weight_counts_an_example_that_often_in_the_tables():
    draw = np.random.default_rng(0)
    naive = np.where(draw.random(60) < 0.2, np.nan, draw.uniform(0, 30, 60))
    task, examples, spec, predictions, _ = scored(draw.uniform(0, 30, 60), naive, draw.uniform(0, 30, 60))
    examples = examples.assign(hour=examples["hour"] % 6, group=draw.choice(["a", "b"], 60))
    times = np.where(examples["hour"] == 3, 0, draw.integers(0, 3, 60))
    rows = np.repeat(np.arange(60), times)
    assert_weights_repeat(
        task.scores(examples, np.zeros(60), predictions, spec).breakdowns(),
        task.scores(examples, np.zeros(60), predictions, spec).breakdowns(times.astype(float)),
        task.scores(examples.iloc[rows], np.zeros(len(rows)), predictions[rows], spec).breakdowns(),
    )


def test_plots_show_hours_errors_over_time_two_weeks_of_one_place_and_a_scatter(visitors):
    task, _, examples, spec, inputs, targets = visitors
    plots = task.scores(examples, targets, task.postprocess(targets[:, None], inputs, spec), spec).plots()
    names = [plot.name for plot in plots]
    assert names == ["error_by_hour", "errors_over_time", "last_two_weeks", "forecast_and_actual"]
    assert "by day: forecast 24 hours ahead" in plots[1].title
    weeks = plots[2]
    assert len(weeks.table) == 14 * 24 and "spot 1" in weeks.title
    for plot in plots:
        assert {plot.x, *([plot.y] if isinstance(plot.y, str) else plot.y)} <= set(plot.table)


def test_the_real_counts_are_read_with_their_few_bad_rows(recordings):
    index = Task(Task.Data(country="AU", subdivision="VIC")).index(recordings / "demand")
    assert len(index.examples) > 620_000
    assert {problem.kind for problem in index.problems} == {"no target", "no place"}
    late = index.examples[index.examples["time"] >= "2014-12-04"].dropna(subset="naive")
    assert (late["label"] - late["naive"]).abs().mean() == pytest.approx(128.5, abs=0.1)


def test_a_spec_read_from_sorted_json_gives_the_same_inputs(tmp_path):
    columns = {"target": "visitors", "time": "hour", "place": "spot", "categorical": ("wind", "sky")}
    rows = table().assign(wind=lambda rows: np.where(rows.index % 5 == 0, "strong", "calm"))
    rows.to_csv(tmp_path / "rows.csv", index=False)
    task = Task(Task.Data(**columns))
    examples = task.index(tmp_path).examples
    spec = task.specify(tmp_path, examples)
    read_back = json.loads(json.dumps(spec, sort_keys=True))
    for ours, theirs in zip(
        task.encode(tmp_path, examples, spec), task.encode(tmp_path, examples, read_back), strict=True
    ):
        np.testing.assert_array_equal(ours.inputs, theirs.inputs)


def test_a_task_keeps_nothing_of_a_folder_between_calls(tmp_path):
    task, folder = Task(DATA), raw(tmp_path, table())
    examples = task.index(folder).examples
    raw(tmp_path, table().assign(warmth=7.0))
    spec = task.specify(folder, examples)
    inputs = np.concatenate([batch.inputs for batch in task.encode(folder, examples, spec)])
    assert (inputs[:, spec["input"]["names"].index("warmth")] == 7).all()
