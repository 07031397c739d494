"""Scores by class and group on the page: dots, intervals, and what is said of few groups."""

import json
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

import guesses
import hostile
from slipway.gate.contributions import Scored
from slipway.release import breakdowns
from slipway.release.breakdowns import CHANGED_ROWS, MOST_ROWS, Measured, drawn, measured, note
from slipway.statistics.breakdowns import groups_of, with_intervals

DRAWS = {"resamples": 200, "confidence": 0.95, "seed": 3}


def classifier(groups: int = 12, seed: int = 0, names: tuple[str, ...] = ("ad", "content")) -> Scored:
    """A classifier of pictures, eight in each group; the last class is in one group alone."""
    draw = np.random.default_rng(seed)
    count = 8 * groups
    targets = np.arange(count) % 2
    if len(names) > 2:
        targets[:8] = 2
    right = draw.random(count) < np.repeat(draw.uniform(0.5, 1, groups), 8)
    predictions = np.eye(len(names))[np.where(right, targets, (targets + 1) % len(names))]
    examples = pd.DataFrame(
        {
            "example": [f"{number}.jpg" for number in range(count)],
            "label": [names[one] for one in targets],
            "group": [f"v{number // 8:03d}" for number in range(count)],
        }
    )
    task = guesses.tasks.load("image_classification", guesses.params("base-ad-detector")["data"])
    return Scored(task, {"outputs": list(names), "classes": list(names)}, examples, targets, predictions)


def cells(table: str) -> list[list[str]]:
    """The texts of the cells of a table, row by row."""
    parsed = ElementTree.fromstring(table[: table.index("</div>") + 6])
    return [["".join(cell.itertext()) for cell in row] for row in parsed.iter("tr")]


def test_each_class_has_its_scores_with_intervals_and_its_examples_and_groups() -> None:
    scored = classifier()
    made = measured(scored, least=5, **DRAWS)
    by_class, by_group = (dict(drawn(scored, None, made))[name] for name in ("Per class", "Per group"))
    head, ad, _ = cells(by_class)
    assert [cell.split("0")[0] for cell in head] == ["class", "precision", "recall", "f1"]
    rows = with_intervals(scored.scores.breakdowns, scored.groups, scored.task.metrics, (), **DRAWS)
    expected = rows["per_class"][0]
    said = f"{expected['recall']:.3f} ({expected['recall_low']:.3f} to {expected['recall_high']:.3f})"
    assert ad[2].startswith(said) and ad[0] == "adsupport 48, groups with a score 12"
    assert by_class.count("<circle") == 6 and "no interval" not in by_class
    assert by_group.count("no interval") == 12 and cells(by_group)[1][0] == "v000n 8, groups with a score 1"


def test_too_few_groups_have_no_interval() -> None:
    scored = classifier(groups=4)
    assert {cell[0] for cell in measured(scored, least=4, **DRAWS).intervals} == {"per_class"}
    few = measured(scored, least=5, **DRAWS)
    assert few.intervals == {} and set(few.groups.values()) == {1, 4}
    assert note(few) == "No interval is given for fewer than 5 groups, or where all groups have the same score."
    assert note(Measured({}, {}, 1)).startswith("No interval is given for one group")
    assert "no interval" in dict(drawn(scored, None, few))["Per class"]


def test_groups_are_counted_by_score_and_extrapolated_beyond_the_most() -> None:
    scored = classifier(names=("ad", "content", "trailer"))
    groups = groups_of(scored.scores.breakdowns, scored.groups, (), 1000)
    assert groups["per_class", "trailer", "recall"] == 1 and groups["per_class", "ad", "recall"] == 11
    assert groups_of(scored.scores.breakdowns, scored.groups, (), 6)["per_class", "content", "recall"] in (10, 12)
    assert groups_of(scored.scores.breakdowns, scored.groups, ("per_class",), 6).keys() == {
        ("per_group", f"v{number:03d}", "accuracy") for number in range(12)
    }


def test_the_baseline_is_a_ring_and_a_changed_score_has_both_values() -> None:
    new, old = classifier(seed=1), classifier(seed=2)
    table = dict(drawn(new, old, measured(new, least=2, **DRAWS)))["Per class"]
    was, now = (one.scores.breakdowns()["per_class"]["recall"].iloc[0] for one in (old, new))
    assert cells(table)[1][2].startswith(f"{was:.3f} → {now:.3f} (")
    assert table.count('fill="none"') >= 6 and "The ring is the baseline." in table


def test_of_many_rows_the_worst_are_shown_or_those_that_changed_most() -> None:
    scored = classifier(groups=MOST_ROWS + 6)
    table = scored.scores.breakdowns()["per_group"]
    shown = breakdowns.shown(table, None, scored.task.metrics)
    assert shown.dropped == MOST_ROWS + 6 - CHANGED_ROWS
    worst = sorted(table["accuracy"])[:CHANGED_ROWS]
    assert sorted(row["accuracy"] for row in shown.rows) == worst
    other = table.assign(accuracy=table["accuracy"].where(table["group"] != "v020", 0.0))
    changed = breakdowns.shown(other, table, scored.task.metrics)
    assert changed.compared and "v020" in {row["group"] for row in changed.rows}
    assert "20 rows with better scores are not shown" in dict(drawn(scored, None, None))["Per group"]


def test_a_table_with_a_row_for_each_example_is_left_out() -> None:
    scored = classifier()
    alone = replace(scored, examples=scored.examples.assign(group=scored.examples["example"]))
    assert list(breakdowns.tables(scored)) == ["per_class", "per_group"] and list(breakdowns.tables(alone)) == [
        "per_class"
    ]
    assert {cell[0] for cell in measured(alone, least=2, **DRAWS).intervals} == {"per_class"}


def test_an_axis_of_shares_is_whole_and_one_of_errors_holds_its_intervals() -> None:
    table = pd.DataFrame({"hour": [0, 1], "examples": [3, 3], "mae": [2.0, 3.0], "coverage": [0.8, 0.9]})
    metrics = {**guesses.tasks.load("tabular_regression", {"quantiles": [0.1, 0.5, 0.9]}).metrics}
    shown = breakdowns.shown(table, None, metrics)
    given = Measured({("by_hour", 1, "mae"): (1.0, 7.5)}, {}, 2)
    share = breakdowns._axis("by_hour", "coverage", shown, metrics["coverage"], given)
    errors = breakdowns._axis("by_hour", "mae", shown, metrics["mae"], given)
    assert (share.low, share.high) == (0, 1) and (errors.low, errors.high) == (0, 8)


def test_declared_metrics_come_before_other_figures() -> None:
    table = pd.DataFrame({"hour": [0], "examples": [3], "mean": [9.0], "mae": [2.0], "naive_mae": [3.0]})
    metrics = guesses.tasks.load("tabular_regression", {}).metrics
    assert breakdowns.shown(table, None, metrics).scores == ["mae", "mean", "naive_mae"]


@pytest.mark.parametrize("old", [True, False])
def test_every_name_stays_text(old: bool) -> None:
    def structure(text: str) -> object:
        scored = classifier(names=(text, "content"))
        made = measured(scored, least=2, **DRAWS)
        return hostile.Page("".join(table for _, table in drawn(scored, scored if old else None, made))).elements

    assert json.dumps(structure(hostile.TEXT)) == json.dumps(structure(hostile.PLAIN))
