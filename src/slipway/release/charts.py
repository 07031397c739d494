"""Charts as SVG, for pages that load nothing: lines, points, bars, a confusion matrix, what columns add, an interval.

Series differ in colour (Okabe and Ito's palette, which colour-blind readers can distinguish) and in dashes. An axis of
values begins at 0 where that does not hide them; bars always do. The axis that a line is drawn along begins where the
line does. Every text is escaped.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from markupsafe import Markup

from slipway_edge.redaction import plain

INK, GREY, GRID = "#1f2328", "#59636e", "#d1d9e0"
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
DASHES = ("none", "7 3", "2 2", "9 3 2 3", "12 4")
VERDICTS = {"pass": "#1a7f37", "hold": "#9a6700", "fail": "#cf222e", "unjudged": "#cf222e"}
WIDTH, HEIGHT = 340, 240
RIGHT, TOP, BOTTOM = 14, 10, 40
"""Margins of a chart with axes; the left one is as wide as the ticks of the y axis."""
LETTER = 6.6
"""The width of a letter, in pixels, about."""
LONGEST = 22
"""The number of characters that are shown of the name of a bar, a series or a class."""
TICKS = 5
NEAR = 0.8
"""Values that are all larger than this share of the largest are drawn without 0, since they would be a flat line."""

_RING = Markup('<circle cx="{:.1f}" cy="{:.1f}" r="5" fill="none" stroke="{}"><title>{}</title></circle>')
DOT = 150
"""The width of a score in a table."""

_SVG = Markup(
    '<svg role="img" aria-label="{title}" viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}">'
    "{drawn}</svg>"
)
_TEXT = Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="{}" fill="{}">{}</text>')
_LINE = Markup('<line x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}" stroke="{}" stroke-dasharray="{}"/>')
_PATH = Markup('<path d="{}" fill="none" stroke="{}" stroke-width="{:g}" stroke-linecap="{}" stroke-dasharray="{}"/>')
_RECT = Markup(
    '<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" fill="{}" fill-opacity="{:.2f}"><title>{}</title>'
    "</rect>"
)
_POINT = Markup('<circle cx="{:.1f}" cy="{:.1f}" r="5" fill="{}"><title>{}</title></circle>')


MARKS = (
    ("h0", (PALETTE[0], 4, "round", "none"), "low value"),
    ("m0 -3v6", (PALETTE[1], 2, "butt", "none"), "high value"),
    ("m-2 0h4", (GREY, 1.5, "butt", "none"), "no order, or missing"),
)
"""How points of low values, of high ones and of others are drawn, and what is said of them."""


@dataclass(frozen=True)
class Axis:
    """A linear axis: its ends, its ticks, and its place in pixels; `start` is the pixel of `low`."""

    low: float
    high: float
    ticks: tuple[float, ...]
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Return the pixel of a value."""
        return self.start + (self.end - self.start) * (value - self.low) / (self.high - self.low)


def axis(values: np.ndarray, start: float, end: float, zero: bool | None = None) -> Axis:
    """Return an axis over the finite values, with round ticks.

    It begins at 0 if `zero`, or by default if no value is negative and the smallest is at most `NEAR` of the largest;
    otherwise just below the smallest value. Between whole numbers, such as epochs, there are no ticks.
    """
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    if zero or (zero is None and 0 <= low <= NEAR * high):
        low = min(low, 0.0)
    if high == low:
        low, high = (0.0, 1.0) if high == 0 else (min(0.0, 2 * low), max(0.0, 2 * high))
    step = _step((high - low) / TICKS)
    if (known == known.round()).all():
        step = max(step, 1.0)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = tuple(round(number * step, 12) for number in range(first, last + 1))
    return Axis(ticks[0], ticks[-1], ticks, start, end)


def lines(title: str, table: pd.DataFrame, x: str, ys: Sequence[str], x_label: str, y_label: str) -> Markup:
    """Draw the columns `ys` of a table against its column `x`; a gap in a line is a missing value."""
    legend = _legend(ys) if len(ys) > 1 else []
    height = HEIGHT + 16 * len(legend)
    across, up = _axes(table[x], table[list(ys)].to_numpy(np.float64), zero=False)
    parts = _frame(across, up, x_label, y_label)
    if not np.isfinite(table[list(ys)].to_numpy(np.float64)).any():
        parts.append(_text((across.start + across.end) / 2, (up.start + up.end) / 2, "no values", ink=GREY))
    for number, name in enumerate(ys):
        path = _path(across, up, table[x].to_numpy(np.float64), table[name].to_numpy(np.float64))
        parts.append(_PATH.format(path, *_style(number)))
    for row, entries in enumerate(legend):
        y = HEIGHT + 10 + 16 * row
        for left, number, name in entries:
            parts.append(_PATH.format(f"M{left:.1f} {y - 4}h22", *_style(number)))
            parts.append(_text(left + 27, y, name, "start"))
    return _svg(WIDTH, height, parts, title)


def points(title: str, x: np.ndarray, y: np.ndarray, x_label: str, y_label: str) -> Markup:
    """Draw a point for each pair of the values [n]."""
    across, up = _axes(x, y)
    parts = _frame(across, up, x_label, y_label)
    dots = "".join(f"M{across(a):.0f} {up(b):.0f}h0" for a, b in zip(x, y, strict=True) if np.isfinite([a, b]).all())
    parts.append(_PATH.format(dots, PALETTE[0], 3, "round", "none"))
    return _svg(WIDTH, HEIGHT, parts, title)


def bars(title: str, names: Sequence[object], values: Sequence[float], x_label: str) -> Markup:
    """Draw a bar for each value, in this order."""
    left = 16 + LETTER * max((len(_short(name)) for name in names), default=0)
    bottom = TOP + 22 * len(names)
    across = axis(np.asarray(values, np.float64), left, WIDTH - 46, zero=True)
    parts = [_LINE.format(across(0), TOP, across(0), bottom, GREY, "none"), _text(WIDTH / 2, bottom + 18, x_label)]
    for row, (name, value) in enumerate(zip(names, values, strict=True)):
        y, known = TOP + 22 * row, math.isfinite(value)
        ends = sorted((across(0), across(value if known else 0)))
        parts.append(_text(left - 6, y + 15, _short(name), "end"))
        parts.append(_RECT.format(ends[0], y + 3, max(ends[1] - ends[0], 1), 16, PALETTE[0], 1, plain(str(name))))
        parts.append(_text(ends[1] + 5, y + 15, f"{value:.3g}" if known else "n/a", "start"))
    return _svg(WIDTH, bottom + 28, parts, title)


def confusion(names: Sequence[str], counts: np.ndarray, before: np.ndarray | None = None) -> Markup:
    """Draw a confusion matrix [classes, classes]: in each cell its share of the actual class (the row) and its count.

    A darker cell is a larger share of its row, so that a rare class can be read as well as a common one. `before` are
    the counts of the baseline; a change is in brackets.
    """
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side, tall, top = max(66.0, *(LETTER * len(_short(name, 16)) + 10 for name in names)), 38, 44
    left = 16 + LETTER * max(len(_short(name)) for name in names)
    parts = [_text(left, 14, "decided as", "start")]
    for column, name in enumerate(names):
        parts.append(_text(left + side * (column + 0.5), 34, _short(name, 16)))
    for row, name in enumerate(names):
        y = top + tall * row
        parts.append(_text(left - 8, y + 22, _short(name), "end"))
        for column, other in enumerate(names):
            share, count, x = float(shares[row, column]), int(counts[row, column]), left + side * column
            colour = PALETTE[0] if row == column else PALETTE[1]
            said = f"{plain(name)} decided as {plain(other)}: {count:,}, {share:.1%} of {plain(name)}"
            parts.append(_RECT.format(x, y, side - 2, tall - 2, colour, 0.06 + 0.5 * share, said))
            change = 0 if before is None else count - int(before[row, column])
            parts.append(_text(x + side / 2 - 1, y + 16, _percent(share)))
            parts.append(
                _text(x + side / 2 - 1, y + 30, f"{count:,}" + (f" ({change:+,})" if change else ""), ink=GREY)
            )
    return _svg(left + side * len(names) + 4, top + tall * len(names) + 4, parts, "Confusion matrix")


def swarm(title: str, names: Sequence[str], values: np.ndarray, high: np.ndarray, x_label: str) -> Markup:
    """Draw a row of points for each name, in this order: one for each of the values [n, names].

    Args:
        title: for readers that do not see it.
        names: the names of the rows.
        values: of the points, [n, names].
        high: 1 for a point that stands for a high value of something, 0 for a low one, NaN for neither, [n, names].
        x_label: what the values are.
    """
    left, tall = 16 + LETTER * max(len(_short(name)) for name in names), 26
    bottom = TOP + tall * len(names)
    across = _along(np.append(values.ravel(), 0.0), left)
    parts = [_LINE.format(across(0), TOP, across(0), bottom, GREY, "none")]
    for tick in across.ticks:
        parts.append(_LINE.format(across(tick), bottom, across(tick), bottom + 4, GREY, "none"))
        parts.append(_text(across(tick), bottom + 16, _number(tick), ink=GREY))
    for row, name in enumerate(names):
        middle = TOP + tall * (row + 0.5)
        parts.append(_text(left - 8, middle + 4, _short(name), "end"))
        xs = np.array([across(value) for value in values[:, row].tolist()])
        ys = middle + _stacked(xs, tall / 2 - 3)
        level = high[:, row]
        for of, (mark, style, _) in zip((level == 0, level == 1, np.isnan(level)), MARKS, strict=True):
            drawn = "".join(f"M{x:.1f} {y:.1f}{mark}" for x, y in zip(xs[of], ys[of], strict=True))
            parts.append(_PATH.format(drawn, *style))
    parts.append(_text(WIDTH / 2, bottom + 34, x_label))
    x = 16.0
    for mark, style, said in MARKS:
        parts.append(_PATH.format(f"M{x:.1f} {bottom + 48:.1f}{mark}", *style))
        parts.append(_text(x + 8, bottom + 52, said, "start"))
        x += 24 + LETTER * len(said)
    return _svg(WIDTH, bottom + 60, parts, title)


def dot(
    across: Axis, value: float | None, low: float | None, high: float | None, before: float | None, said: str
) -> Markup:
    """Draw a score with its interval, and that of a baseline as a ring, on an axis that a column of a table shares."""
    parts = [_LINE.format(across.start, 8, across.end, 8, GRID, "none")]
    if low is not None and high is not None:
        parts.append(_PATH.format(f"M{across(low):.1f} 8H{across(high):.1f}", PALETTE[0], 3, "butt", "none"))
    if before is not None:
        parts.append(_RING.format(across(before), 8, PALETTE[1], "before"))
    if value is not None:
        parts.append(_POINT.format(across(value), 8, PALETTE[0], said))
    return _svg(DOT, 16, parts, said)


def scale(across: Axis) -> Markup:
    """Draw the ends of the axis of `dot`."""
    ends = [
        _text(across.start - 6, 12, _number(across.low), "start", GREY),
        _text(across.end + 6, 12, _number(across.high), "end", GREY),
    ]
    return _svg(DOT, 16, ends, f"{_number(across.low)} to {_number(across.high)}")


def addition(value: float, most: float) -> Markup:
    """Draw what is added as a small bar, to the right if it is positive; `most` is the largest size of any."""
    across = Axis(-most or -1.0, most or 1.0, (), 1, 45)
    ends = sorted((across(0), across(value)))
    parts = [
        _RECT.format(ends[0], 3, max(ends[1] - ends[0], 1), 8, PALETTE[0 if value >= 0 else 1], 1, signed(value)),
        _LINE.format(across(0), 0, across(0), 14, GREY, "none"),
    ]
    return _svg(46, 14, parts, signed(value))


def interval(value: float, low: float | None, high: float | None, bound: float, floor: bool, verdict: str) -> Markup:
    """Draw a measured value with its interval beside a bound: to the right of the bound the rule is met.

    Args:
        value: the measured value.
        low, high: the ends of its interval, None if it has none.
        bound: the bound, drawn in the middle.
        floor: whether the value must be at least the bound; otherwise at most.
        verdict: it sets the colour.
    """
    sign = 1 if floor else -1
    ends = [sign * (end - bound) for end in (value if low is None else low, value if high is None else high)]
    place, furthest = sign * (value - bound), max(*map(abs, ends), abs(value - bound)) or 1.0
    width, colour = 200, VERDICTS[verdict]
    across = Axis(-furthest, furthest, (), 8, width - 8)
    shown = f"{value:.4g}" + ("" if low is None or high is None else f" ({low:.4g} to {high:.4g})")
    said = f"{shown}, bound {bound:.4g}"
    parts = [
        _RECT.format(across(0), 1, width - across(0), 22, VERDICTS["pass"], 0.08, "the rule is met here"),
        _LINE.format(across(0), 1, across(0), 23, INK, "3 2"),
        _PATH.format(f"M{across(min(ends)):.1f} 12H{across(max(ends)):.1f}", colour, 3, "butt", "none"),
        _POINT.format(across(place), 12, colour, said),
    ]
    return _svg(width, 24, parts, said)


def _stacked(xs: np.ndarray, most: float) -> np.ndarray:
    """Return by how much points at `xs` [n] are moved up or down so that few hide others, at most `most` pixels."""
    moved, seen = np.zeros(len(xs)), dict[int, int]()
    for one, at in enumerate((xs // 4).astype(int).tolist()):
        count = seen[at] = seen.get(at, -1) + 1
        moved[one] = (count + 1) // 2 * (1 if count % 2 else -1)
    steps: np.ndarray = moved * min(4.0, most / max(np.abs(moved).max(initial=0), 1))
    return steps


def _axes(x: pd.Series | np.ndarray, y: np.ndarray, zero: bool | None = None) -> tuple[Axis, Axis]:
    """Return the axes of a chart; `zero` is for that of `x`."""
    up = axis(np.asarray(y, np.float64).ravel(), HEIGHT - BOTTOM, TOP)
    left = 26 + LETTER * max(len(_number(tick)) for tick in up.ticks)
    return _along(np.asarray(x, np.float64), left, zero), up


def _along(values: np.ndarray, left: float, zero: bool | None = None) -> Axis:
    """Return an axis from left to right, whose last tick has room."""
    right = max(RIGHT, LETTER * len(_number(axis(values, 0, 1, zero).high)) / 2 + 2)
    return axis(values, left, WIDTH - right, zero)


def _frame(across: Axis, up: Axis, x_label: str, y_label: str) -> list[Markup]:
    """Draw the axes with their grid and labels."""
    parts = []
    for tick in up.ticks:
        parts.append(_LINE.format(across.start, up(tick), across.end, up(tick), GRID, "none"))
        parts.append(_text(across.start - 6, up(tick) + 4, _number(tick), "end", GREY))
    for tick in across.ticks:
        parts.append(_LINE.format(across(tick), up.start, across(tick), up.start + 4, GREY, "none"))
        parts.append(_text(across(tick), up.start + 16, _number(tick), ink=GREY))
    parts.append(_text((across.start + across.end) / 2, HEIGHT - 6, x_label))
    turned = Markup('<text transform="translate(12 {:.1f}) rotate(-90)" text-anchor="middle" fill="{}">{}</text>')
    return [*parts, turned.format((up.start + up.end) / 2, INK, plain(y_label))]


def _path(across: Axis, up: Axis, x: np.ndarray, y: np.ndarray) -> str:
    """Return a line through the known points; a point between two gaps is a short line."""
    known = np.isfinite(x) & np.isfinite(y)
    before, after = np.append(False, known[:-1]), np.append(known[1:], False)
    drawn = []
    for at in np.flatnonzero(known):
        drawn.append(f"{'L' if before[at] else 'M'}{across(x[at]):.1f} {up(y[at]):.1f}")
        if not (before[at] or after[at]):
            drawn.append("m-3 0h6")
    return "".join(drawn)


def _legend(names: Sequence[str]) -> list[list[tuple[float, int, str]]]:
    """Return the rows of a legend: left edge, number and name of each entry."""
    rows: list[list[tuple[float, int, str]]] = [[]]
    left = start = 26.0
    for number, name in enumerate(map(_short, names)):
        width = 27 + LETTER * len(name) + 14
        if rows[-1] and left + width > WIDTH:
            rows.append([])
            left = start
        rows[-1].append((left, number, name))
        left += width
    return rows


def _style(number: int) -> tuple[str, float, str, str]:
    """Return colour, width, line ends and dashes of a series; no two of the first 35 are alike."""
    dashes = DASHES[(number + number // len(PALETTE)) % len(DASHES)]
    return PALETTE[number % len(PALETTE)], 2, "butt", dashes


def _step(least: float) -> float:
    """Return the smallest of 1, 2 and 5 times a power of ten that is at least `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * (1 - 1e-9))


def _number(tick: float) -> str:
    return f"{tick:,.6g}" if abs(tick) < 1e6 else f"{tick / 1e6:,.6g}M"


def _percent(share: float) -> str:
    """Return a share in percent; a share that is not 0 or 1 is never rounded to it."""
    if share in (0.0, 1.0) or 0.005 <= share < 0.995:
        return f"{share:.0%}"
    return "<0.1%" if share < 0.0005 else ">99.9%" if share >= 0.9995 else f"{share:.1%}"


def signed(value: float) -> str:
    """Return what is added with its sign and three significant digits, or all digits before the point."""
    decimals = max(0, 2 - math.floor(math.log10(abs(value)))) if value else 0
    return f"{value:+,.{min(decimals, 6)}f}"


def _short(name: object, longest: int = LONGEST) -> str:
    text = " ".join(plain(str(name)).split())
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _svg(width: float, height: float, parts: Sequence[Markup], title: str) -> Markup:
    return _SVG.format(title=plain(title), width=width, height=height, drawn=Markup().join(parts))


def _text(x: float, y: float, text: str, anchor: str = "middle", ink: str = INK) -> Markup:
    return _TEXT.format(x, y, anchor, ink, plain(text))
