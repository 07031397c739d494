"""Scores of a probability and of the decision at a threshold."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from repeated import assert_weights_repeat
from slipway.metrics import binary
from slipway.metrics.breakdown import Parts


def scores_of(targets: np.ndarray, probability: np.ndarray, threshold: float) -> binary.Scores:
    return binary.Scores(pd.DataFrame(), targets, probability, threshold, ["yes", "no"])


def score(
    targets: np.ndarray, probability: np.ndarray, threshold: float, weight: np.ndarray | None = None
) -> dict[str, float]:
    return scores_of(targets, probability, threshold).total(weight)


def drawn(seed: int, count: int = 300, steps: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Targets, and probabilities with ties that correlate with them."""
    draw = np.random.default_rng(seed)
    targets = (draw.random(count) < 0.2).astype(np.int64)
    targets[0] = 1
    return targets, np.round(np.clip(draw.beta(2, 6, count) + 0.25 * targets, 0, 1) * steps) / steps


@settings(max_examples=30)
@given(seed=st.integers(0, 1000), threshold=st.sampled_from([0.0, 0.3, 0.5, 0.99]))
def test_scores_are_those_of_scikit_learn_with_ties_and_weights(seed: int, threshold: float) -> None:
    targets, probability = drawn(seed)
    weight = np.random.default_rng(seed + 1).integers(0, 4, len(targets)).astype(float)
    weight[:1] = 1
    ours = score(targets, probability, threshold, weight)
    decided = probability >= threshold
    expected = {
        "accuracy": metrics.accuracy_score(targets, decided, sample_weight=weight),
        "precision": metrics.precision_score(targets, decided, sample_weight=weight, zero_division=0),
        "recall": metrics.recall_score(targets, decided, sample_weight=weight),
        "f1": metrics.f1_score(targets, decided, sample_weight=weight),
        "roc_auc": metrics.roc_auc_score(targets, probability, sample_weight=weight),
        "average_precision": metrics.average_precision_score(targets, probability, sample_weight=weight),
        "log_loss": metrics.log_loss(
            targets, probability.clip(np.finfo(np.float32).eps, 1 - np.finfo(np.float32).eps), sample_weight=weight
        ),
    }
    assert {name: ours[name] for name in expected} == pytest.approx(expected, abs=1e-6)
    assert ours.keys() == binary.METRICS.keys()


def test_a_weight_counts_an_example_that_often() -> None:
    targets, probability = drawn(0, 60)
    weight = np.random.default_rng(1).integers(0, 3, 60)
    repeated = score(np.repeat(targets, weight), np.repeat(probability, weight), 0.4)
    assert score(targets, probability, 0.4, weight.astype(float)) == pytest.approx(repeated)


def test_calibration_error_is_of_the_probability_of_positive() -> None:
    targets = np.array([0, 0, 0, 1])
    assert score(targets, np.full(4, 0.25), 0.5)["ece"] == pytest.approx(0)
    assert score(targets, np.full(4, 0.05), 0.5)["ece"] == pytest.approx(0.2)


def test_without_positives_metrics_that_need_them_are_undefined() -> None:
    scores = score(np.zeros(4, int), np.array([0.1, 0.2, 0.3, 0.6]), 0.5)
    assert scores["accuracy"] == 0.75 and scores["precision"] == 0
    assert all(np.isnan(scores[name]) for name in ("recall", "f1", "roc_auc", "average_precision"))


def test_tenths_of_the_examples_show_calibration() -> None:
    targets, probability = drawn(4, 205)
    table = binary.by_score(targets, probability)
    assert table["tenth"].tolist() == list(range(1, 11)) and table["examples"].sum() == 205
    assert table["mean_probability"].is_monotonic_increasing
    assert (table["positives"] * table["examples"]).sum() == pytest.approx(targets.sum())


def test_values_of_a_column_have_their_own_precision_and_recall() -> None:
    values = Parts.of(pd.Series(["a", "a", "a", "b"]))
    table = binary.by_value(values, np.array([1, 0, 1, 0]), np.array([0.9, 0.8, 0.1, 0.2]), 0.5).set_index("value")
    assert table.loc["a"].to_dict() == {"examples": 3, "positives": 2, "decided": 2, "precision": 0.5, "recall": 0.5}
    assert np.isnan(table.loc["b", "precision"]) and np.isnan(table.loc["b", "recall"])


@pytest.mark.parametrize("seed", range(3))
def test_a_weight_counts_an_example_that_often_in_the_table_of_values(seed: int) -> None:
    targets, probability = drawn(seed, 60)
    draw = np.random.default_rng(seed)
    values, times = draw.choice(list("abcdefgh"), 60), draw.integers(0, 3, 60)

    def tables(rows: np.ndarray, weight: np.ndarray | None = None) -> dict[str, pd.DataFrame]:
        parts = Parts.of(pd.Series(values[rows]))
        return {"by_event": binary.by_value(parts, targets[rows], probability[rows], 0.4, weight)}

    rows = np.arange(60)
    assert_weights_repeat(tables(rows), tables(rows, times.astype(float)), tables(np.repeat(rows, times)))


def test_a_weight_counts_an_example_that_often_in_its_tenth() -> None:
    targets, probability = drawn(4, 205)
    plain, doubled = binary.by_score(targets, probability), binary.by_score(targets, probability, np.full(205, 2.0))
    pd.testing.assert_frame_equal(plain, doubled)
    upper = binary.by_score(targets, probability, (targets == 1).astype(float))
    assert set(upper["positives"].dropna()) == {1} and upper["lowest"].equals(plain["lowest"])


def test_plots_name_columns_that_they_have_and_agree_with_the_scores() -> None:
    targets, probability = drawn(5)
    plots = {plot.name: plot for plot in scores_of(targets, probability, 0.4).plots()}
    assert list(plots) == ["confusion", "precision_recall", "roc", "reliability", "scores"]
    for plot in plots.values():
        assert {plot.x, *([plot.y] if isinstance(plot.y, str) else plot.y)} <= set(plot.table)
    confusion = plots["confusion"].table
    hits = ((confusion["actual"] == "yes") & (confusion["predicted"] == "yes")).sum()
    assert hits / (confusion["actual"] == "yes").sum() == score(targets, probability, 0.4)["recall"]
    curve = plots["precision_recall"].table
    assert curve["precision"].iloc[-1] == pytest.approx(targets[probability >= probability[targets == 1].min()].mean())
    assert np.trapezoid(curve["precision"], curve["recall"]) == pytest.approx(
        score(targets, probability, 0.4)["average_precision"], abs=0.05
    )
