"""The linear blend: it finds linear rules, minimises absolute errors, and handles unknown values."""

import json

import numpy as np
import pandas as pd
import pytest

from slipway.tasks.tabular_regression import expectation
from slipway.tasks.tabular_regression.names import names
from slipway_edge.tasks.tabular_regression import HOURLY
from slipway_edge.tasks.tabular_regression.expectation import expect
from slipway_edge.tasks.tabular_regression.hourly import Grid

EMPTY = Grid(np.datetime64("2001-01-01T00"), ("",), np.empty((0, 1)), {}, {}, {})


def features(rows: int = 6000, places: int = 2) -> pd.DataFrame:
    """Features without special days; lags and base are random, and there are no deviations."""
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(1.0, index=range(rows), columns=names(HOURLY, EMPTY))
    for name in frame:
        if name.startswith(("lag_", "base", "similar_")):
            frame[name] = draw.uniform(0.2, 2, rows)
    frame["level"] = 100.0
    frame["place"] = np.arange(rows) % places
    frame["weekday"] = np.arange(rows) % 7
    frame["from_new_year"] = 20.0
    frame[["holiday", "holiday_before", "holiday_after"]] = 0.0
    return frame


def arrays(frame: pd.DataFrame) -> dict[str, np.ndarray]:
    return {name: values.to_numpy() for name, values in frame.items()}


def test_a_linear_rule_is_found_on_every_kind_of_day():
    frame = features()
    ratio = (0.6 * frame["lag_24"] + 0.4 * frame["lag_168"]).to_numpy()
    expected = expect(arrays(frame), expectation.fit(arrays(frame), ratio, 2))
    assert np.abs(expected - ratio).mean() < 0.02


def test_a_few_outliers_do_not_change_the_fit():
    frame = features()
    ratio = frame["lag_24"].to_numpy().copy()
    wild = np.arange(len(ratio)) % 20 == 0
    expected = expect(arrays(frame), expectation.fit(arrays(frame), np.where(wild, 40.0, ratio), 2))
    assert np.abs(expected - ratio).mean() < 0.1


def test_places_may_differ():
    frame = features()
    ratio = np.where(frame["place"] == 0, frame["lag_24"], frame["lag_168"]).astype(float)
    expected = expect(arrays(frame), expectation.fit(arrays(frame), ratio, 2))
    assert np.abs(expected - ratio).mean() < 0.15


def test_coefficients_survive_json():
    frame = features()
    found = expectation.fit(arrays(frame), frame["lag_24"].to_numpy(), 2)
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize("unknown", ["all history", "place"])
def test_unknown_values_give_a_finite_expectation(unknown):
    frame = features()
    found = expectation.fit(arrays(frame), frame["lag_24"].to_numpy(), 2)
    if unknown == "place":
        frame["place"] = np.nan
    else:
        frame.loc[:, frame.columns.str.contains("lag|base|similar|mean|dev|share|kind|level_")] = np.nan
    expected = expect(arrays(frame), found)
    assert np.isfinite(expected).all() and (expected >= 0).all()


def test_too_few_rows_of_a_kind_of_day_borrow_from_others():
    frame = features(300)
    expected = expect(arrays(frame), expectation.fit(arrays(frame), frame["lag_24"].to_numpy(), 2))
    assert np.abs(expected - frame["lag_24"]).mean() < 0.2
