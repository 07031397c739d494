"""Scores of labels, against scikit-learn, and the thresholds that a configuration asks for."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from slipway import tasks
from slipway.metrics.multilabel import METRICS, Scores

NAMES = ["bird", "rain", "wind"]
THRESHOLDS = [0.3, 0.5, 0.7]


def scores(n: int, seed: int = 0, **more: np.ndarray) -> Scores:
    random = np.random.default_rng(seed)
    targets = (random.random((n, 3)) < [0.5, 0.3, 0.1]).astype(np.uint8)
    predictions = np.round(0.4 * targets + 0.6 * random.random((n, 3)), 2).astype(np.float32)  # with ties
    groups = pd.Series([f"g{number // 3}" for number in range(n)])
    values = {"targets": targets, "predictions": predictions} | more
    return Scores(groups, values["targets"], values["predictions"], THRESHOLDS, NAMES)


def test_scores_are_those_of_scikit_learn() -> None:
    one = scores(200)
    truth, probability = one.targets, one.predictions.astype(np.float64)
    decided = (probability >= THRESHOLDS).astype(int)
    found = one.total()
    assert found.keys() == METRICS.keys()
    for average, suffix in (("micro", "_micro"), ("macro", "")):
        assert found[f"f1{suffix}"] == pytest.approx(metrics.f1_score(truth, decided, average=average))
    assert found["precision"] == pytest.approx(metrics.precision_score(truth, decided, average="macro"))
    assert found["recall"] == pytest.approx(metrics.recall_score(truth, decided, average="macro"))
    assert found["mean_average_precision"] == pytest.approx(metrics.average_precision_score(truth, probability))
    assert found["roc_auc"] == pytest.approx(metrics.roc_auc_score(truth, probability))
    assert found["exact_match"] == pytest.approx(metrics.accuracy_score(truth, decided))
    losses = [metrics.log_loss(truth[:, at], probability[:, at]) for at in range(3)]
    assert found["log_loss"] == pytest.approx(np.mean(losses), rel=1e-6)


def test_the_table_of_labels_has_their_scores() -> None:
    one = scores(200)
    table = one.breakdowns()["per_class"].set_index("class")
    assert table["support"].tolist() == one.targets.sum(axis=0).tolist()
    for at, name in enumerate(NAMES):
        of = one.targets[:, at], one.predictions[:, at].astype(np.float64) >= THRESHOLDS[at]
        assert table.loc[name, "f1"] == pytest.approx(metrics.f1_score(*of))
        precision = metrics.average_precision_score(one.targets[:, at], one.predictions[:, at])
        assert table.loc[name, "average_precision"] == pytest.approx(precision)
    for column in ("average_precision", "precision", "recall", "f1"):
        name = {"average_precision": "mean_average_precision"}.get(column, column)
        assert one.total()[name] == pytest.approx(table[column].mean())


@given(st.lists(st.integers(0, 3), min_size=30, max_size=30).filter(any))
def test_a_weight_counts_an_example_as_often(weight: list[int]) -> None:
    one = scores(30)
    rows = np.repeat(np.arange(30), weight)
    repeated = Scores(one.groups.iloc[rows], one.targets[rows], one.predictions[rows], THRESHOLDS, NAMES)
    expected = repeated.total()
    for name, value in one.total(np.array(weight)).items():
        assert value == pytest.approx(expected[name], nan_ok=True), name
    tables, again = one.breakdowns(np.array(weight)), repeated.breakdowns()
    for column in ("average_precision", "precision", "recall", "f1"):
        assert tables["per_class"][column].tolist() == pytest.approx(again["per_class"][column].tolist(), nan_ok=True)


def test_a_label_without_an_example_is_left_out_of_the_means() -> None:
    one = scores(60)
    gone = one.targets.copy()
    gone[:, 2] = 0
    some, both = scores(60, targets=gone), one.breakdowns()["per_class"]
    assert some.total()["recall"] == pytest.approx(both["recall"][:2].mean())
    assert np.isnan(some.breakdowns()["per_class"]["average_precision"][2])
    nothing = scores(60, targets=np.zeros_like(gone), predictions=np.zeros((60, 3), np.float32)).total()
    assert np.isnan(nothing["f1_micro"]) and np.isnan(nothing["mean_average_precision"])
    assert nothing["exact_match"] == 1


def test_plots_show_the_most_frequent_labels() -> None:
    one = scores(200)
    curves, reliability = one.plots()
    assert list(curves.table) == ["recall", *NAMES]
    truth, probability = one.targets[:, 0] == 1, one.predictions[:, 0]
    found = probability >= probability[truth].min()
    assert curves.table["bird"].iloc[-1] == pytest.approx(truth.sum() / found.sum())
    assert reliability.table["n"].sum() == 600


def test_a_model_without_skill_has_the_mean_share_of_a_label_as_mean_average_precision() -> None:
    examples = pd.DataFrame({"labels": [["bird", "rain"], ["bird"], [], ["bird"]]})
    task = tasks.load("image_multilabel", {"height": 8, "width": 8})
    assert task.unlearnt(examples) == ("mean_average_precision", 0.5, "the mean share of a label")
    one = scores(2000)
    guessed = np.random.default_rng(1).random(one.predictions.shape).astype(np.float32)
    chance = scores(2000, predictions=guessed).total()["mean_average_precision"]
    assert chance == pytest.approx(one.targets.mean(), abs=0.05)


@pytest.mark.parametrize(("data", "expected"), [({}, None), ({"threshold": "accuracy"}, [0.5] * 3)])
def test_each_label_gets_the_threshold_that_the_configuration_asks_for(data: dict, expected: list | None) -> None:
    one = scores(200)
    task = tasks.load("image_multilabel", {"height": 8, "width": 8, **data})
    spec = {"outputs": NAMES}
    chosen = task.choose_threshold(pd.DataFrame(), one.targets, one.predictions, spec)
    assert list(chosen["operating_point"]) == NAMES
    if expected is not None:
        assert chosen["threshold"] == expected
        return
    for at, (name, threshold) in enumerate(zip(NAMES, chosen["threshold"], strict=True)):
        truth, probability = one.targets[:, at], one.predictions[:, at].astype(np.float64)
        best = max(metrics.f1_score(truth, probability >= cut) for cut in np.unique(probability))
        assert metrics.f1_score(truth, probability >= threshold) == pytest.approx(best)
        assert chosen["operating_point"][name]["chosen_by"] == "f1"
