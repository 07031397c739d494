"""Breakdowns with their intervals, by a bootstrap over groups."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from slipway.metrics import binary, classification
from slipway.statistics.breakdowns import with_intervals
from slipway.statistics.intervals import bootstrap

DRAWS: dict[str, Any] = {"resamples": 300, "confidence": 0.95, "seed": 0}
NAMES = ["ad", "content", "trailer"]


def outcome() -> tuple[pd.Series, np.ndarray, np.ndarray]:
    """Groups of four examples; the share of correct ones depends on the group, and one group has all trailers."""
    draw = np.random.default_rng(0)
    groups = pd.Series(np.repeat([f"video {number:02d}" for number in range(40)], 4))
    targets = draw.integers(0, 2, 160)
    targets[:4] = 2
    right = draw.random(160) < np.repeat(draw.uniform(0.5, 1, 40), 4)
    return groups, targets, np.eye(3)[np.where(right, targets, (targets + 1) % 3)]


def broken_down(scores: classification.Scores) -> dict[str, list[dict[str, Any]]]:
    return with_intervals(scores.breakdowns, scores.groups, classification.METRICS, (), **DRAWS)


def test_each_score_of_a_class_lies_in_its_interval() -> None:
    groups, targets, predictions = outcome()
    tables = broken_down(classification.Scores(groups, targets, predictions, NAMES))
    plain = classification.Scores(groups, targets, predictions, NAMES).breakdowns()["per_class"]
    for row, (_, before) in zip(tables["per_class"][:2], plain.iterrows(), strict=False):
        assert "support_low" not in row and row["class"] == before["class"]
        for score in ("precision", "recall", "f1"):
            assert row[score] == pytest.approx(before[score], abs=1e-6)
            assert 0 < row[f"{score}_low"] < row[score] < row[f"{score}_high"] <= 1


def test_intervals_are_those_of_the_metrics_draws() -> None:
    groups, targets, predictions = outcome()
    targets, predictions = targets.clip(0, 1), predictions[:, :2]
    scores = classification.Scores(groups, targets, predictions, NAMES[:2])
    table = broken_down(scores)
    recall = bootstrap(scores.total, groups, **DRAWS, declared=classification.METRICS.get)["recall"]
    ad = table["per_class"][0]
    assert {"value": ad["recall"], "low": ad["recall_low"], "high": ad["recall_high"]} == recall


def test_a_score_from_a_single_group_has_no_interval() -> None:
    groups, targets, predictions = outcome()
    tables = broken_down(classification.Scores(groups, targets, predictions, NAMES))
    assert len(tables["per_group"]) == 40
    for row in tables["per_group"]:
        assert row["accuracy"] is not None
        assert row["accuracy_low"] is row["accuracy_high"] is None
    trailer = tables["per_class"][2]
    assert trailer["support"] == 4 and trailer["recall"] is not None
    assert trailer["recall_low"] is trailer["recall_high"] is None


def test_a_class_without_an_error_has_an_interval_by_its_number_of_groups() -> None:
    groups, targets = pd.Series(list("aabbccd")), np.array([0, 1, 0, 1, 0, 1, 0])
    rows = broken_down(classification.Scores(groups, targets, np.eye(2)[targets], ["x", "y"]))
    ends = [(row["recall_low"], row["recall_high"]) for row in rows["per_class"]]
    assert ends == [(pytest.approx(0.025 ** (1 / count), abs=1e-6), 1) for count in (4, 3)]


def test_a_curve_is_written_without_intervals() -> None:
    groups, targets, predictions = outcome()
    table = binary.by_score(targets == 0, predictions[:, 0])
    rows = with_intervals(lambda weight: {"tenths": table}, groups, {}, {"tenths"}, **DRAWS)["tenths"]
    assert len(rows) == 10 and list(rows[0]) == table.columns.tolist()
