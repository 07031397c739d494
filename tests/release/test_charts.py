"""Charts: axes, order, colours and dashes, and that every text stays text."""

import re
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hostile
from slipway.release import charts

VALUES = st.lists(st.floats(-1e6, 1e6).map(lambda value: round(value, 4)), min_size=1, max_size=20)


@given(VALUES)
def test_an_axis_has_round_ticks_and_holds_all_values(values: list[float]) -> None:
    axis = charts.axis(np.array(values), 0, 100)
    assert axis.low <= min(values) and max(values) <= axis.high
    assert axis.ticks == tuple(sorted(axis.ticks)) and 2 <= len(axis.ticks) <= 12
    assert all(-1e-6 <= axis(value) <= 100 + 1e-6 for value in values)


@pytest.mark.parametrize(
    ("values", "low"), [([0.3, 0.9], 0), ([0.92, 0.97], 0.92), ([120, 900], 0), ([-3, 5], -4), ([2], 0), ([0, 0], 0)]
)
def test_an_axis_begins_at_0_unless_that_would_hide_the_values(values: list[float], low: float) -> None:
    assert charts.axis(np.array(values), 0, 100).low == pytest.approx(low)


def test_an_axis_of_missing_values_can_be_drawn() -> None:
    table = pd.DataFrame({"x": [1.0, 2.0], "y": [np.nan, np.nan]})
    ElementTree.fromstring(charts.lines("t", table, "x", ["y"], "x", "y"))


def test_no_two_series_have_the_same_colour_and_dashes() -> None:
    names = [f"class {number}" for number in range(35)]
    table = pd.DataFrame({"x": [0.0, 1.0], **{name: [0.0, 1.0] for name in names}})
    drawn = ElementTree.fromstring(charts.lines("t", table, "x", names, "x", "y"))
    styles = [(one.attrib["stroke"], one.attrib["stroke-dasharray"]) for one in drawn.iter("path")]
    assert len(styles) == 2 * len(names) and len(set(styles)) == len(names)  # each line and its entry in the legend


def test_the_axis_along_a_line_begins_where_the_line_does() -> None:
    table = pd.DataFrame({"epoch": [1.0, 2.0, 3.0], "loss": [0.9, 0.5, 0.3]})
    drawn = ElementTree.fromstring(charts.lines("t", table, "epoch", ["loss"], "epoch", "loss"))
    ticks = [one.text for one in drawn.iter("text") if one.attrib.get("text-anchor") == "middle"]
    assert ticks[:4] == ["1", "2", "3", "epoch"]


def test_a_single_point_can_be_seen_and_no_point_is_said() -> None:
    one = pd.DataFrame({"epoch": [1.0], "loss": [0.5]})
    (path,) = re.findall(' d="([^"]*)"', charts.lines("t", one, "epoch", ["loss"], "epoch", "loss"))
    assert path.endswith("m-3 0h6")
    assert "no values</text>" in charts.lines("t", one.assign(loss=np.nan), "epoch", ["loss"], "epoch", "loss")


def test_the_last_tick_is_inside_the_picture() -> None:
    drawn = ElementTree.fromstring(charts.points("t", np.array([0.0, 99_000.0]), np.array([0.0, 1.0]), "x", "y"))
    (last,) = [one for one in drawn.iter("text") if one.text == "100,000"]
    assert float(last.attrib["x"]) + charts.LETTER * len("100,000") / 2 <= charts.WIDTH


@pytest.mark.parametrize(
    ("tick", "text"), [(0, "0"), (0.05, "0.05"), (1500, "1,500"), (2.5e6, "2.5M"), (-4e9, "-4,000M")]
)
def test_a_tick_is_written_without_an_exponent(tick: float, text: str) -> None:
    assert charts._number(tick) == text


def test_a_swarm_tells_high_values_from_low_ones_without_colour() -> None:
    values, high = np.array([[-1.0, 0.5], [2.0, 0.5], [0.0, 0.5]]), np.array([[0.0, np.nan], [1.0, np.nan], [0.0, 1.0]])
    drawn = charts.swarm("t", ["size", "kind"], values, high, "added")
    paths = re.findall(' d="([^"]*)"', drawn)
    low, tall, other = (mark for mark, _, _ in charts.MARKS)
    assert len({low, tall, other}) == 3
    assert [path.count("M") for path in paths] == [2, 1, 0, 0, 1, 2, 1, 1, 1]  # three marks a row, and the legend
    assert paths[1].endswith(tall) and paths[5].endswith(other)
    heights = {float(y) for y in re.findall(r"M[\d.]+ ([\d.]+)", paths[4] + paths[5])}
    assert len(heights) > 1  # equal values do not hide each other


def test_what_is_added_is_right_of_the_middle_if_positive_and_has_its_sign() -> None:
    for value, text in ((0.412, "+0.412"), (-12.34, "-12.3"), (1234.5, "+1,234"), (0.0, "+0")):
        drawn = ElementTree.fromstring(charts.addition(value, 2000))
        (bar,), (middle,) = list(drawn.iter("rect")), list(drawn.iter("line"))
        assert drawn.attrib["aria-label"] == text == charts.signed(value)
        assert (float(bar.attrib["x"]) >= float(middle.attrib["x1"])) == (value >= 0)


def test_a_line_has_a_gap_where_a_value_is_missing() -> None:
    table = pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0, 5.0], "y": [1.0, 2.0, np.nan, 1.0, 2.0]})
    (path,) = re.findall(' d="([^"]*)"', charts.lines("t", table, "x", ["y"], "x", "y"))
    assert path.count("M") == 2 and path.count("L") == 2


def test_bars_begin_at_0_and_stand_in_the_order_given() -> None:
    names = ["0 to 8 px", "8 to 16 px", "16 to 32 px", "64 px and more"]
    drawn = ElementTree.fromstring(charts.bars("t", names, [0.9, 0.95, 1.0, float("nan")], "rate"))
    assert [one.text for one in drawn.iter("text")][1::2] == names
    widths = [float(one.attrib["width"]) for one in drawn.iter("rect")]
    assert widths[0] / widths[2] == pytest.approx(0.9, abs=0.01)


def test_a_confusion_matrix_shows_the_shares_of_a_rare_class() -> None:
    drawn = charts.confusion(("rare", "common"), np.array([[1, 3], [7, 9992]]), np.array([[2, 2], [7, 9992]]))
    texts = [one.text for one in ElementTree.fromstring(drawn).iter("text")]
    assert {"25%", "75%", "0.1%", "99.9%", "1 (-1)", "3 (+1)", "9,992"} <= set(texts)


@pytest.mark.parametrize(
    ("share", "text"), [(0, "0%"), (1, "100%"), (1e-6, "<0.1%"), (1 - 1e-6, ">99.9%"), (0.004, "0.4%"), (0.25, "25%")]
)
def test_a_share_is_never_rounded_to_none_or_all(share: float, text: str) -> None:
    assert charts._percent(share) == text


@pytest.mark.parametrize(("value", "floor", "right"), [(0.9, True, True), (0.7, True, False), (3, False, False)])
def test_a_met_rule_is_right_of_its_bound(value: float, floor: bool, right: bool) -> None:
    drawn = ElementTree.fromstring(charts.interval(value, value - 0.01, value + 0.01, 0.8, floor, "hold"))
    (bound,), (point,) = list(drawn.iter("line")), list(drawn.iter("circle"))
    assert (float(point.attrib["cx"]) > float(bound.attrib["x1"])) == right
    assert drawn.attrib["aria-label"] == f"{value:g} ({value - 0.01:g} to {value + 0.01:g}), bound 0.8"


def test_every_text_stays_text() -> None:
    def drawn(text: str) -> list[str]:
        table = pd.DataFrame({text: [1.0, 2.0], f"{text} y": [1.0, 2.0], f"{text} z": [1.0, 2.0]})
        return [
            charts.lines(text, table, text, [f"{text} y", f"{text} z"], text, text),
            charts.points(text, np.array([1.0]), np.array([1.0]), text, text),
            charts.bars(text, [text], [1.0], text),
            charts.confusion((text, "b"), np.eye(2, dtype=int)),
            charts.swarm(text, [text], np.ones((2, 1)), np.ones((2, 1)), text),
            charts.dot(charts.axis(np.ones(1), 0, 9), 1.0, 0.5, 1.5, 1.0, text),
        ]

    for evil, plain in zip(drawn(hostile.TEXT), drawn(hostile.PLAIN), strict=True):
        assert hostile.Page(evil).elements == hostile.Page(plain).elements
