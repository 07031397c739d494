"""What the columns of a row add to an answer: for each kind of answer, by columns that a user knows."""

import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from markupsafe import Markup

import guesses
from hostile import Page
from slipway import tasks
from slipway.core.errors import ModelError
from slipway.core.spec import Spec
from slipway.data.rows import gallery as rows
from slipway.gate.contributions import Scored
from slipway.release.explanations import Explainer, explainer
from slipway.release.figures import figures
from slipway.release.mistakes import gallery_of, mistakes
from slipway.release.view import view
from slipway.tasks.tabular_regression import Task, gallery

Explained = tuple[Scored, Explainer]


@pytest.fixture(scope="module")
def fouls(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Explained]:
    folder = tmp_path_factory.mktemp("fouls")
    guesses.simulate("handball-context", folder / "raw")
    return folder, guesses.trees("handball-context", folder / "raw", folder)


@pytest.fixture(scope="module")
def visitors(tmp_path_factory: pytest.TempPathFactory) -> Explained:
    folder = tmp_path_factory.mktemp("visitors")
    guesses.simulate("demand-predictor", folder / "raw")
    return guesses.trees("demand-predictor", folder / "raw", folder)


def test_columns_add_up_to_the_log_odds_of_the_positive_class(fouls: tuple[Path, Explained]) -> None:
    scored, explains = fouls[1]
    at = [5, 0, 17]
    probability = scored.predictions[at, 0].astype(float)
    for one, expected in zip(explains.explain(at), np.log(probability / (1 - probability)), strict=True):
        assert (one.of, one.by) == ("the log-odds of hand_ball", "on average")
        assert one.answer == pytest.approx(one.start + sum(one.columns.values())) == pytest.approx(expected, abs=1e-4)
        sizes = [abs(value) for value in one.columns.values()]
        assert sizes == sorted(sizes, reverse=True) and sizes[0] > 0


def test_columns_are_those_of_the_table_and_the_derived_ones(fouls: tuple[Path, Explained]) -> None:
    _, explains = fouls[1]
    data = guesses.params("handball-context")["data"]
    assert sorted(explains.columns) == sorted([*data["numeric"], *data["derived"], *data["categorical"]])
    of_features = dict.fromkeys(explains.scored.spec["input"]["names"], 1.0)
    importance = explains.importance(of_features)
    assert sum(importance.values()) == len(of_features) and importance["p1_event"] > importance["x"] == 1


def test_a_forecast_is_a_linear_blend_and_what_columns_add_in_its_unit(visitors: Explained) -> None:
    scored, explains = visitors
    at = np.flatnonzero(scored.predictions[:, 0] > 1)[:40].tolist()
    for one, predicted in zip(explains.explain(at), scored.predictions[at, 0], strict=True):
        assert (one.of, one.by) == ("visitors", "by the linear blend of the past")
        assert one.answer == pytest.approx(predicted, rel=1e-4)
        assert one.columns.keys() == {
            *("visitors, past values", "timestamp", "place", "temperature", "rain", "attendance", "sky", "event")
        }


def test_a_model_without_a_column_that_is_a_feature_itself_is_explained(visitors: Explained) -> None:
    class Past:
        """Only the past of a series and its calendar, as with `data.numeric` and `data.categorical` empty."""

        columns = staticmethod(lambda task, spec: ["the past"] * len(spec["input"]["names"]))
        added = staticmethod(gallery.added)

    _, explains = visitors
    only = replace(explains, gallery=Past)  # type: ignore[arg-type]  # what it needs of a module
    (one,) = only.explain([3])
    assert list(one.columns) == ["the past"] and one.values == {}
    of, added, values = only.sample
    assert of == {"visitors"} and len(added) == len(values) == 400 and values["the past"].isna().all()


@pytest.mark.parametrize(("step", "horizon"), [("1h", 24), ("1h", 3), ("1d", 7), ("1w", 4), ("1mo", 3)])
def test_what_counts_as_calendar_depends_on_the_time_alone(step: str, horizon: int) -> None:
    """The values of the target change, and no feature of the time, the place or another column does."""
    task = Task(Task.Data(numeric=("rain",), categorical=("sky",), step=step, horizon=horizon))
    columns = gallery.columns(task, {})
    draw = np.random.default_rng(0)
    frequency = {"1h": "h", "1d": "D", "1w": "W-MON", "1mo": "MS"}[step]
    times = pd.date_range("2020-01-01", periods=400, freq=frequency).to_numpy("datetime64[s]")

    def features(values: np.ndarray) -> np.ndarray:
        of = {"numeric": {"rain": np.arange(400.0)}, "categorical": {"sky": np.ones(400)}, "holidays": {}}
        size = {"step": task.step, "horizon": task.horizon, "season": task.season}
        grid = task.encoding.grid.of(times, np.full(400, "a"), values, **of, **size)
        last = np.arange(380, 400)
        described = task.encoding.describe(grid, last, np.zeros(20, int), np.zeros(20), np.full(20, values.mean()))
        return np.stack(list(described.values()))

    one, other = features(draw.uniform(1, 2, 400)), features(draw.uniform(5, 9, 400) ** 2)
    changed = [not np.array_equal(a, b, equal_nan=True) for a, b in zip(one, other, strict=True)]
    assert len(columns) == len(one) and set(columns) == {"timestamp", "place_id", "rain", "sky", "demand, past values"}
    own = [name for name, moves in zip(columns, changed, strict=True) if moves]
    assert set(own) == {"demand, past values"}


def table(folder: Path, task_name: str, target: list[object], **data: object) -> tuple[Any, Spec]:
    folder.mkdir()
    days = pd.date_range("2026-01-01", periods=len(target), freq="D").astype(str)
    sky = np.where(np.arange(len(target)) % 3 == 0, "clear", "cloudy")
    pd.DataFrame({"size": np.arange(len(target)), "day": days, "sky": sky, "kind": target}).to_csv(folder / "rows.csv")
    named = {"target": "kind", "numeric": ["size"], "dates": ["day"], "categorical": ["sky"]}
    task = tasks.load(task_name, {**named, **data})
    return task, task.specify(folder, task.index(folder).examples)


def test_the_parts_of_a_date_and_of_a_category_are_one_column(tmp_path: Path) -> None:
    for name, target in (("tabular_multiclass", list("abc") * 20), ("row_regression", list(range(60)))):
        task, spec = table(tmp_path / name, name, target)
        columns = rows.columns(task, spec)
        assert len(columns) == len(spec["input"]["names"]) and list(dict.fromkeys(columns)) == ["size", "day", "sky"]
        begins = [feature.startswith(column) for feature, column in zip(spec["input"]["names"], columns, strict=True)]
        assert all(begins)


def test_of_several_classes_the_predicted_one_is_explained_against_the_others(tmp_path: Path) -> None:
    task, spec = table(tmp_path / "raw", "tabular_multiclass", list("abc") * 20)
    shap = np.zeros((2, 3, 4))
    shap[0, 1] = [2, 1, 0, 0]  # b
    shap[1, 2] = [0, 0, 3, 1]  # c
    added = rows.added(task, np.zeros((2, 3)), shap, spec)
    assert added.of == ["the score of b", "the score of c"]
    np.testing.assert_allclose(added.features, [[4 / 3, 2 / 3, 0], [0, 0, 2]])
    np.testing.assert_allclose(added.start, [0, 2 / 3])


def test_a_native_model_that_is_not_the_one_that_ships_explains_nothing(fouls: tuple[Path, Explained]) -> None:
    folder, (scored, _) = fouls
    gallery_ = gallery_of("tabular_classification")
    other = Scored(scored.task, scored.spec, scored.examples, scored.targets, scored.predictions * 0.9)
    with pytest.raises(ModelError, match=r"native is another model than the one that ships: run `dvc checkout`"):
        explainer(other, "catboost", gallery_, folder / "native", folder / "test")
    renamed = scored.examples.assign(example=scored.examples["example"] + "x")
    moved = Scored(scored.task, scored.spec, renamed, scored.targets, scored.predictions)
    with pytest.raises(ModelError, match=r"test is of other examples"):
        explainer(moved, "catboost", gallery_, folder / "native", folder / "test")
    with pytest.raises(ModelError, match=r"absent is not here: run `dvc pull .*absent .*`, then the report again"):
        explainer(scored, "catboost", gallery_, folder / "absent", folder / "test")
    assert explainer(scored, "keras", gallery_, folder / "native", folder / "test") is None
    assert explainer(scored, "catboost", None, folder / "native", folder / "test") is None


def test_without_the_framework_nothing_is_explained(
    fouls: tuple[Path, Explained], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, (scored, _) = fouls
    monkeypatch.setitem(sys.modules, "catboost", None)
    monkeypatch.delitem(sys.modules, "slipway.frameworks.catboost.importance")
    with pytest.raises(ModelError, match=r"catboost is not installed here: run `make .venv/build`"):
        explainer(scored, "catboost", gallery_of("tabular_classification"), folder / "native", folder / "test")


def test_the_mistakes_and_a_figure_show_what_columns_add(fouls: tuple[Path, Explained]) -> None:
    folder, (scored, explains) = fouls
    found = mistakes(scored, "tabular_classification", folder / "raw", explainer=explains)
    assert found and all(one.explained is not None for one in found)
    drawn = view(found[0].shown, found[0].explained)
    assert "What each column adds to the log-odds of hand_ball (" in drawn
    terms = [one for one in Page(drawn).elements if one[0] == "dt"]
    assert len(terms) == len(explains.columns) and drawn.count('class="added"') == len(explains.columns)
    first = next(iter(found[0].explained.columns))  # type: ignore[union-attr]
    assert Markup("_<wbr>").join(first.split("_")) == re.findall("<dt>(.*?)</dt>", drawn)[0]
    titles = [one.title for one in figures(scored, None, None, {}, explains)]
    assert titles[-1] == f"What columns add to {min(400, len(scored.examples)):,} answers: the first 12"
