"""The scores of several classes of a table's rows."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score, precision_score

from repeated import assert_weights_repeat
from slipway.metrics.multiclass import METRICS, Scores

NAMES = ["a", "b", "c"]


def scores(rows: np.ndarray | None = None) -> Scores:
    draw = np.random.default_rng(0)
    targets = draw.choice(3, 300, p=[0.7, 0.2, 0.1])
    predictions = draw.dirichlet([1, 1, 1], 300) + np.eye(3)[targets]
    predictions /= predictions.sum(axis=1, keepdims=True)
    examples = pd.DataFrame(
        {
            "group": (np.arange(300) // 10).astype(str),
            "column kind": draw.choice([None, *(f"kind {number}" for number in range(30))], 300),
        }
    )
    rows = np.arange(300) if rows is None else rows
    of = examples.iloc[rows].reset_index(drop=True)
    return Scores(of["group"], targets[rows], predictions[rows], NAMES, of, ["kind"])


def test_weighted_means_are_those_of_scikit_learn() -> None:
    one = scores()
    found = one.total()
    assert found.keys() == METRICS.keys()
    assert found["f1_weighted"] == pytest.approx(f1_score(one.targets, one.chosen, average="weighted"))
    assert found["precision_weighted"] == pytest.approx(precision_score(one.targets, one.chosen, average="weighted"))
    assert found["f1"] == pytest.approx(f1_score(one.targets, one.chosen, average="macro"))


def test_a_weight_counts_an_example_that_often() -> None:
    one, rows = scores(), np.repeat(np.arange(300), 2)
    assert scores(rows).total() == pytest.approx(one.total(np.full(300, 2.0)))
    assert_weights_repeat(one.breakdowns(), one.breakdowns(np.full(300, 2.0)), scores(rows).breakdowns())


def test_without_any_weight_every_score_is_undefined() -> None:
    assert all(np.isnan(value) for value in scores().total(np.zeros(300)).values())


def test_the_accuracy_by_value_of_a_column() -> None:
    tables = scores().breakdowns()
    assert list(tables) == ["per_class", "per_group", "by_kind"]
    by_kind = tables["by_kind"]
    assert by_kind["examples"].sum() == 300 and len(by_kind) == 21
    right = scores().chosen == scores().targets
    assert by_kind["accuracy"] @ by_kind["examples"] == pytest.approx(right.sum())
