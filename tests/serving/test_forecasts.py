"""A forecast from the history that the server keeps is that of the Predictor for a table with all rows."""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from serving import house
from serving.process import Server, serving
from slipway.core.errors import DataError
from slipway.registry.grammar import Tag
from slipway.registry.state import Version
from slipway.serving.forecasts import Forecasts, is_ahead
from slipway.serving.release import Loaded
from slipway_edge.predictor import Predictor

Row = dict[str, Any]
ROWS = house.demand()
LAST_DAY = sorted({row["hour"] for row in ROWS})[-24:]
PAST = [row for row in ROWS if row["hour"] not in LAST_DAY]
AHEAD = [{**row, "visitors": None} for row in ROWS if row["hour"] in LAST_DAY]
TAG = Tag("demand@v1.0.0", "0" * 40, "1" * 40, "demand", "register", "v1.0.0", None, 0, "Ann", "ann@example.org", 0, "")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("forecasts") / "repository"
    house.begin(root)
    house.forecasts(root)
    house.rows(root)
    house.commit(root)
    for variant in ("demand", "ball"):
        house.register(root, variant, "v1.0.0")
        house.assign(root, variant, "v1.0.0", "production", 1)
    return root


@pytest.fixture(scope="module")
def predictor(repository: Path) -> Predictor:
    return Predictor.load(repository / "models" / "demand")


@pytest.fixture
def model(predictor: Predictor) -> Loaded:
    return Loaded(Version("demand", "v1.0.0", "1" * 40, TAG, ()), predictor, 1, 1.0, ((1,), np.dtype(np.float64)))


@pytest.fixture
def forecasts(tmp_path: Path) -> Forecasts:
    return Forecasts(tmp_path / "history.db")


def predicted(forecasts: Forecasts, model: Loaded, ahead: Sequence[Row]) -> list[Any]:
    array, values = forecasts.predict(model, ahead)
    assert len(array) == len(values) == len(ahead)
    return values


def at(place: str, rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row["spot"] == place]


@pytest.mark.parametrize("ahead", [AHEAD, at("hall", AHEAD), at("park", AHEAD)[3:4], AHEAD[::-5]])
def test_a_forecast_is_that_of_the_whole_table(
    forecasts: Forecasts, model: Loaded, predictor: Predictor, ahead: list[Row]
) -> None:
    forecasts.add(model, PAST)
    expected = predictor.predict([*PAST, *ahead])
    assert predicted(forecasts, model, ahead) == expected
    assert predicted(forecasts, model, ahead) == expected  # also from what was kept
    without_target = [{name: value for name, value in row.items() if name != "visitors"} for row in ahead]
    assert predicted(forecasts, model, without_target) == expected


def test_what_is_known_ahead_matters_and_is_not_kept(forecasts: Forecasts, model: Loaded, predictor: Predictor) -> None:
    forecasts.add(model, PAST)
    first = predicted(forecasts, model, AHEAD)
    warmer = [{**row, "warmth": row["warmth"] + 20, "sky": "rain"} for row in AHEAD]
    assert predicted(forecasts, model, warmer) == predictor.predict([*PAST, *warmer]) != first
    assert predicted(forecasts, model, AHEAD) == first


def test_rows_may_come_in_any_order_late_twice_or_corrected(
    forecasts: Forecasts, model: Loaded, predictor: Predictor
) -> None:
    shuffled = random.Random(1).sample(PAST, len(PAST))
    wrong = [{**shuffled[0], "visitors": 9999.0}]
    assert forecasts.add(model, shuffled[:300]).added == 300
    assert forecasts.add(model, wrong).changed == 1
    assert predicted(forecasts, model, AHEAD) != predictor.predict([*PAST, *AHEAD])
    kept = forecasts.add(model, shuffled)
    assert (kept.added, kept.changed, kept.rows) == (len(PAST) - 300, 1, len(PAST))
    assert predicted(forecasts, model, AHEAD) == predictor.predict([*PAST, *AHEAD])
    again = forecasts.add(model, shuffled)
    assert (again.added, again.changed, again.rows) == (0, 0, len(PAST))


def test_another_process_sees_the_rows(tmp_path: Path, model: Loaded, predictor: Predictor) -> None:
    one, other = Forecasts(tmp_path / "history.db"), Forecasts(tmp_path / "history.db")
    one.add(model, PAST[:-24])
    before = predicted(other, model, AHEAD)
    one.add(model, PAST)
    assert predicted(other, model, AHEAD) == predictor.predict([*PAST, *AHEAD]) != before


def test_rows_out_of_reach_are_removed(forecasts: Forecasts, model: Loaded) -> None:
    old = [{**row, "hour": row["hour"].replace("2023-12", "2020-12").replace("2024-01", "2021-01")} for row in PAST]
    forecasts.add(model, old)
    assert forecasts.add(model, PAST).rows == len(PAST)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([{**PAST[0], "visitors": None}], "row 1: visitors is None"),
        ([PAST[0], {**PAST[1], "visitors": -1}], "row 2: visitors is -1"),
        ([PAST[0], PAST[0]], "row 2: a second row for hall"),
        ([{**PAST[0], "hour": "soon"}], "row 1: hour is soon, which is not a local hour"),
        ([{**PAST[0], "spot": None}], "row 1: spot is empty"),
        ([{"hour": "2024-01-01 00:00", "spot": "hall"}], "no column visitors, warmth, sky"),
    ],
)
def test_rows_that_cannot_be_used_are_refused_and_nothing_changes(
    forecasts: Forecasts, model: Loaded, rows: list[Row], says: str
) -> None:
    forecasts.add(model, PAST)
    first = predicted(forecasts, model, AHEAD)
    with pytest.raises(DataError) as error:
        forecasts.add(model, [*rows])
    assert says in str(error.value)
    assert forecasts.add(model, PAST).changed == 0
    assert predicted(forecasts, model, AHEAD) == first


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([{**AHEAD[0], "spot": "lake"}], "there is no history of lake; there is of hall, park"),
        ([{**AHEAD[0], "hour": "2023-11-01 00:00"}], "is before the history"),
        ([{**AHEAD[0], "hour": "2026-11-01 00:00"}], "more than 366 days after the end of the history"),
        ([{**AHEAD[0], "warmth": None}], "warmth is missing"),
        ([AHEAD[0], AHEAD[0]], "a second row for"),
    ],
)
def test_rows_ahead_that_cannot_be_used_are_refused(
    forecasts: Forecasts, model: Loaded, rows: list[Row], says: str
) -> None:
    forecasts.add(model, PAST)
    with pytest.raises(DataError) as error:
        forecasts.predict(model, rows)
    assert says in str(error.value)


def test_a_table_with_its_own_past_needs_no_history(model: Loaded) -> None:
    assert is_ahead(model, AHEAD)
    assert not is_ahead(model, [*PAST, *AHEAD])


@pytest.fixture(scope="module")
def server(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(repository, tmp_path_factory.mktemp("server")) as running:
        yield running


def test_over_http_a_request_names_what_is_ahead_alone(
    server: Server, repository: Path, predictor: Predictor, tmp_path: Path
) -> None:
    expected = predictor.predict([*PAST, *AHEAD])
    assert server.predict("demand", json=[*PAST, *AHEAD])["predictions"] == expected
    response = server.post("/api/v1/history/demand", json=PAST)
    assert response.status_code == 200, response.text
    kept = {"model": "demand", "added": len(PAST), "changed": 0, "rows": len(PAST)}
    assert {name: response.json()[name] for name in kept} == kept
    assert server.predict("demand", json=AHEAD)["predictions"] == expected
    assert server.predict("demand", json=[*PAST, *AHEAD])["predictions"] == expected
    refused = server.post("/api/v1/history/demand", json=AHEAD)
    assert refused.status_code == 422
    assert "visitors is None" in refused.json()["detail"]
    refused = server.post("/api/v1/history/ball", json=house.ROWS)
    assert refused.status_code == 422
    assert "does not forecast" in refused.json()["detail"]


def test_the_history_outlives_the_server(repository: Path, predictor: Predictor, tmp_path: Path) -> None:
    expected = predictor.predict([*PAST, *AHEAD])
    with serving(repository, tmp_path / "server", "demand", "--workers", "2") as first:
        assert first.post("/api/v1/history/demand", json=PAST).status_code == 200
        answers = [first.predict("demand", json=AHEAD)["predictions"] for _ in range(8)]
        assert all(one == expected for one in answers)  # whichever worker answers
    with serving(repository, tmp_path / "server", "demand") as second:
        assert second.predict("demand", json=AHEAD)["predictions"] == expected
