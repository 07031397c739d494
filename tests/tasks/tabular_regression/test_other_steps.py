"""Forecasts at steps other than hours, of one series, and with quantiles."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from slipway.core.errors import DataError
from slipway.core.spec import Spec
from slipway.data.rows.proposal import propose
from slipway.tasks import row_regression
from slipway.tasks.tabular_regression import Task

FREQUENCIES = {"15min": "15min", "6h": "6h", "1d": "D", "1w": "W-WED", "1mo": "MS"}
SEASONS = {"15min": 96, "6h": 28, "1d": 7, "1w": 52, "1mo": 12}
LENGTH = 300
QUANTILES = (0.1, 0.5, 0.9)


def table(step: str, shops: int = 2, length: int = LENGTH) -> pd.DataFrame:
    """Sales with a season and a trend."""
    times, draw = pd.date_range("2015-01-01", periods=length, freq=FREQUENCIES[step]), np.random.default_rng(0)
    rhythm = 3 + np.sin(np.arange(length) / SEASONS[step] * 2 * np.pi) + np.arange(length) / length
    frames = [
        pd.DataFrame({"day": times.astype(str), "shop": f"s{shop}", "price": 1.5, "sales": draw.poisson(40 * rhythm)})
        for shop in range(shops)
    ]
    return pd.concat(frames, ignore_index=True)


def task(step: str, **own: object) -> Task:
    named = {"target": "sales", "time": "day", "place": "shop", "season": SEASONS[step], "horizon": 5}
    return Task(Task.Data(**{**named, "step": step, **own}))


def raw(folder: Path, frame: pd.DataFrame, **how: str) -> Path:
    frame.to_csv(folder / "sales.csv", index=False, **how)
    return folder


def encoded(of: Task, folder: Path) -> tuple[pd.DataFrame, Spec, np.ndarray]:
    examples = of.index(folder).examples
    spec = of.specify(folder, examples[examples["time"] <= examples["time"].quantile(0.8)])
    return examples, spec, np.concatenate([batch.inputs for batch in of.encode(folder, examples, spec)])


@pytest.mark.parametrize("step", FREQUENCIES)
def test_the_naive_forecast_is_the_value_a_season_before(tmp_path: Path, step: str) -> None:
    examples = task(step).index(raw(tmp_path, table(step))).examples
    assert len(examples) == 2 * LENGTH and examples["example"].is_unique
    season = SEASONS[step]
    for _, shop in examples.groupby("group"):
        ordered = shop.sort_values("time")
        assert ordered["naive"].isna().sum() == season
        np.testing.assert_array_equal(ordered["naive"][season:], ordered["label"][:-season])


@pytest.mark.parametrize("step", FREQUENCIES)
def test_a_request_gives_the_inputs_of_training_and_targets_decode_to_the_labels(tmp_path: Path, step: str) -> None:
    frame, of = table(step), task(step)
    examples, spec, inputs = encoded(of, raw(tmp_path, frame))
    last = examples["time"] == examples["time"].max()
    request = frame.assign(sales=frame["sales"].astype(object).where(frame["day"] != frame["day"].max(), None))
    asked, _ = of.preprocess(request.to_dict("records"), spec)
    np.testing.assert_array_equal(asked, inputs[last])
    assert (inputs[:, 0] > 0).all() and np.isfinite(inputs[:, 1]).all()


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Task, pd.DataFrame, Spec]]:
    found = {}
    for step in FREQUENCIES:
        frame, of = table(step), task(step, numeric=("price",))
        found[step] = of, frame, encoded(of, raw(tmp_path_factory.mktemp(step), frame))[1]
    return found


@pytest.mark.parametrize("step", FREQUENCIES)
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(row=st.integers(150, LENGTH - 1), scale=st.floats(0, 50))
def test_no_feature_sees_a_target_younger_than_the_horizon(known, step: str, row: int, scale: float) -> None:
    of, frame, spec = known[step]
    request = frame[frame.groupby("shop").cumcount() <= row].astype({"sales": object})
    number = request.groupby("shop").cumcount()
    request.loc[number == row, "sales"] = None
    changed = request.copy()
    young = (number > row - 5) & (number < row)
    changed.loc[young, "sales"] = changed.loc[young, "sales"].astype(float) * scale
    before, after = (of.preprocess(one.to_dict("records"), spec)[0] for one in (request, changed))
    np.testing.assert_array_equal(before, after)
    changed.loc[number == row - 5, "sales"] = 9e5
    assert (of.preprocess(changed.to_dict("records"), spec)[0] != before).any()


@pytest.mark.parametrize(
    ("given", "configured", "message"),
    [
        (
            "1d",
            "1h",
            r"sales\.csv row 1: the series s0 has a row every day .2015-01-01 00:00:00 and 2015-01-02.* row 2",
        ),
        ("6h", "1d", r"has a row every 6 hours .*, and data.step is 1d; set data.step to 6h"),
        ("1mo", "1d", r"has a row every month"),
        ("1d", "1mo", r"has a row every day .* set data.step to 1d"),
    ],
)
def test_a_table_of_another_step_is_refused(tmp_path: Path, given: str, configured: str, message: str) -> None:
    of = Task(Task.Data(target="sales", time="day", place="shop", step=configured))
    with pytest.raises(DataError, match=message):
        of.index(raw(tmp_path, table(given)))
    request = table(given).astype({"sales": object})
    request.loc[0, "sales"] = None
    with pytest.raises(DataError, match=message.replace(r"sales\.csv", "the table")):
        of.preprocess(request.to_dict("records"), {})


def test_one_series_of_another_step_is_named(tmp_path: Path) -> None:
    weekly = table("1w", shops=1, length=40).assign(shop="weekly")
    with pytest.raises(DataError, match=r"sales\.csv row 601: the series weekly has a row every week"):
        task("1d").index(raw(tmp_path, pd.concat([table("1d"), weekly])))


def test_gaps_are_unknown_values_and_rows_between_steps_are_listed(tmp_path: Path) -> None:
    frame = table("1d", shops=1)
    kept = frame.drop(index=range(100, 130))
    kept.loc[5, "day"] = "2015-01-06 07:30:00"
    index = task("1d").index(raw(tmp_path, kept))
    assert [(problem.where, problem.kind) for problem in index.problems] == [("sales.csv row 6", "not on the day")]
    assert "which is not a local day like 2024-05-01" in index.problems[0].detail
    by_day = index.examples.set_index("time")["naive"]
    assert by_day["2015-04-12":"2015-05-17"].isna().sum() == 7


def test_months_may_be_given_by_their_last_day_and_only_once(tmp_path: Path) -> None:
    frame = table("1mo", shops=1, length=60)
    ends = pd.to_datetime(frame["day"]) + pd.offsets.MonthEnd(0)
    frame = frame.assign(day=ends.dt.strftime("%Y-%m-%d"))
    twice = pd.concat([frame, frame[3:4].assign(day="2015-04-01")])
    index = task("1mo").index(raw(tmp_path, twice))
    assert index.examples["example"].tolist()[:2] == ["s0/2015-01", "s0/2015-02"]
    assert [(one.where, one.kind) for one in index.problems] == [("sales.csv row 61", "duplicate row")]


def test_a_table_without_a_place_is_one_series_in_any_format(tmp_path: Path) -> None:
    frame = table("1d", shops=1).drop(columns="shop").assign(sales=lambda rows: rows["sales"] + 0.5)
    of = task("1d", place=None, numeric=("price",), format={"separator": ";", "decimal": ","}, block=7)
    examples, spec, inputs = encoded(of, raw(tmp_path, frame, sep=";", decimal=","))
    assert examples["label"].tolist() == frame["sales"].tolist() and set(examples["place"]) == {"sales"}
    assert spec["places"] == ["sales"] and examples["group"].value_counts().max() == 7
    request = [
        {"day": day, "price": "1,5", "sales": "" if day == frame["day"].max() else str(value).replace(".", ",")}
        for day, value in zip(frame["day"], frame["sales"], strict=True)
    ]
    asked, _ = of.preprocess([{**row, "sales": row["sales"] or None} for row in request], spec)
    np.testing.assert_array_equal(asked, inputs[-1:])


def test_new_keys_are_written_only_if_they_are_used() -> None:
    plain = Task.Data(target="sales").model_dump(mode="json")
    assert set(plain) == {
        "target", "time", "place", "numeric", "categorical", "country", "subdivision", "exclude",
    }  # fmt: skip
    used = Task.Data(step="60min", horizon=3, quantiles=QUANTILES).model_dump(mode="json")
    assert "step" not in used and (used["horizon"], used["quantiles"]) == (3, list(QUANTILES))


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"step": "5min"}, "at least 15 minutes"),
        ({"quantiles": (0.9, 0.5, 0.1)}, "give a lower one, 0.5, and a higher one"),
        ({"quantiles": (0.1, 0.4, 0.9)}, "give a lower one, 0.5, and a higher one"),
        ({"target": "interval"}, "target cannot be interval"),
        ({"horizon": 0}, "greater than or equal to 1"),
    ],
)
def test_a_section_that_makes_no_sense_is_refused(own: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Task.Data(**own)


def quantiles(tmp_path: Path) -> tuple[Task, pd.DataFrame, Spec, np.ndarray]:
    of = task("1d", quantiles=QUANTILES)
    return of, *encoded(of, raw(tmp_path, table("1d")))


def test_quantiles_are_in_order_at_least_0_and_become_an_interval(tmp_path: Path) -> None:
    of, _, spec, inputs = quantiles(tmp_path)
    assert spec["outputs"] == ["sales 10 %", "sales 50 %", "sales 90 %"] and spec["quantiles"] == list(QUANTILES)
    crossing = np.tile([[0.2, -9.0, -0.1]], (len(inputs), 1))
    values = of.postprocess(crossing, inputs, spec)
    assert values.shape == (len(inputs), 3) and (np.diff(values, axis=1) >= 0).all() and (values[:, 0] == 0).all()
    shown = of.present(values[:1], None, spec)
    assert shown == [{"sales": values[0, 1], "interval": [values[0, 0], values[0, 2]]}]


def test_an_interval_has_coverage_width_and_pinball_loss_overall_and_by_weekday(tmp_path: Path) -> None:
    of, examples, spec, _ = quantiles(tmp_path)
    label = examples["label"].to_numpy()
    predicted = np.stack([label - 10, label + 2, label + 30], axis=1)
    predicted[::4, 2] = label[::4] - 1
    scores = of.scores(examples, label, predicted, spec)
    total = scores.total()
    assert total["coverage"] == pytest.approx(0.75) and total["mae"] == pytest.approx(2)
    assert total["width"] == pytest.approx(0.75 * 40 + 0.25 * 9)
    assert total["pinball"] == pytest.approx((1 + 1 + 0.75 * 3 + 0.25 * 0.9) / 3)
    assert total.keys() == of.metrics.keys() == Task.metrics.keys() > task("1d").metrics.keys()
    tables = scores.breakdowns()
    assert tables["by_weekday"]["weekday"].tolist() == [1, 2, 3, 4, 5, 6, 7] and "coverage" in tables["by_place"]
    for name in ("coverage", "width", "pinball"):
        part, whole = scores.contributions.ratios[name]
        assert part.sum() / whole.sum() == pytest.approx(total[name])
    plots = {plot.name: plot for plot in scores.plots()}
    assert list(plots) == ["error_by_weekday", "errors_over_time", "latest", "forecast_and_actual"]
    assert "forecast 5 days ahead" in plots["errors_over_time"].title
    assert of.kinds == {"group", "weekday"}


def test_a_new_forecast_has_what_was_found_in_the_table(tmp_path: Path) -> None:
    proposed = propose(raw(tmp_path, table("1d")), "sales", None)
    assert Task.suits(proposed) and not row_regression.Task.suits(proposed)
    columns, sections = Task.sections(proposed)
    assert [(one.name, one.kind) for one in columns.columns] == [
        ("day", "time"), ("shop", "series"), ("price", "not known ahead"), ("sales", "target"),
    ]  # fmt: skip
    assert sections["data"] == {
        "target": "sales", "time": "day", "place": "shop", "step": "1d", "horizon": 7, "season": 7,
        "quantiles": [0.1, 0.5, 0.9], "block": 7,
    }  # fmt: skip
    assert Task(Task.Data(**sections["data"])).index(tmp_path).examples["group"].nunique() > 80
    assert sections["split"] == {"by": "time"} and sections["train"] == {"refit": True}


def test_a_forecast_of_a_table_without_series_is_refused(tmp_path: Path) -> None:
    mixed = table("1d").drop(columns="shop")
    proposed = propose(raw(tmp_path, mixed), "sales", None)
    assert not Task.suits(proposed) and row_regression.Task.suits(proposed)
    with pytest.raises(DataError, match=r"no series found in this table: .* name that column with --group"):
        Task.sections(proposed)
