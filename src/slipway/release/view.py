"""How a page shows an example: a picture with the marks on it, a player for its sound, or its row."""

import math
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
from markupsafe import Markup

from slipway.core.shown import Box, Pose, Shown
from slipway.release import charts, media
from slipway.release.explanations import Explanation
from slipway_edge.redaction import plain

ACTUAL, PREDICTED = "#ffffff", "#ffb000"
"""Colours of labels and of predictions, each on a dark edge; labels are dashed, too."""
SIDE = 320
"""The longer side of every picture in the units in which marks are drawn, so that they are equally large on all."""
_PICTURE = Markup(
    '<svg viewBox="0 0 {0:g} {1:g}" role="img" aria-label="the example">'
    '<image href="{2}" width="{0:g}" height="{1:g}" preserveAspectRatio="none"/>{3}</svg>'
)
_RECT = Markup(
    '<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" fill="none" stroke="{}" stroke-width="{}" '
    'stroke-dasharray="{}"><title>{}</title></rect>'
)
_TEXT = Markup(
    '<text x="{:.1f}" y="{:.1f}" text-anchor="{}" fill="{}" stroke="#000" stroke-width="2" paint-order="stroke" '
    'font-size="14">{}</text>'
)
_PATH = Markup('<path d="{}" fill="none" stroke="{}" stroke-width="{}" stroke-dasharray="{}" stroke-linecap="round"/>')
_AUDIO = Markup('<audio controls preload="none" src="{}"></audio>')
_CELLS = Markup("<dt>{}</dt><dd>{}</dd>")
_ADDED = Markup('<dd class="added">{}{}</dd>')
_EXPLAINED = Markup('<p class="why">What each column adds to {} ({} {}, {} here).</p>')


def view(shown: Shown, explained: Explanation | None = None) -> Markup:
    """Return an example as HTML, with what each column of its row adds if that is known; every text is escaped."""
    parts = []
    if shown.picture is not None:
        size = np.array(shown.picture.shape[1::-1])
        width, height = (SIDE * size / size.max()).round().tolist()
        marks = [mark for box in shown.boxes for mark in _box(box, width, height)]
        marks += [mark for pose in shown.poses for mark in _pose(pose, width, height)]
        parts.append(_PICTURE.format(width, height, media.jpeg(shown.picture), Markup().join(marks)))
    if shown.sound is not None:
        parts.append(_AUDIO.format(media.mp3(*shown.sound)))
    if shown.row:
        parts.append(_row(shown.row, explained))
    if shown.problem is not None:
        parts.append(Markup("<p>Not shown: {}</p>").format(plain(shown.problem)))
    return Markup("\n").join(parts)


def _row(row: Mapping[str, object], explained: Explanation | None) -> Markup:
    """Return a row, the column that adds most first."""
    if explained is None:
        cells = [_CELLS.format(plain(name), plain(_value(value))) for name, value in row.items()]
        return Markup("<dl>{}</dl>").format(Markup().join(cells))
    added = explained.columns
    most, cells = max(map(abs, added.values()), default=0.0), []
    for name in dict.fromkeys([*added, *row]):
        value = plain(_value(row.get(name, explained.values.get(name, ""))))
        drawn = (charts.addition(added[name], most), charts.signed(added[name])) if name in added else ("", "")
        cells.append(_CELLS.format(_breakable(name), value) + _ADDED.format(*drawn))
    ends = (charts.signed(value).removeprefix("+") for value in (explained.start, explained.answer))
    said = _EXPLAINED.format(plain(explained.of), next(ends), plain(explained.by), next(ends))
    return said + Markup('<dl class="explained">{}</dl>').format(Markup().join(cells))


def _breakable(name: str) -> Markup:
    """Return a name that may be divided after an underscore, and nowhere within a word."""
    return Markup("_<wbr>").join(plain(name).split("_"))


def _box(box: Box, width: float, height: float) -> Iterator[Markup]:
    """Draw the edge of a box, dark below its colour, and its text above the box, or below it at the top."""
    left, top, wide, high = box.left * width, box.top * height, box.width * width, box.height * height
    colour, dashes = _style(box.actual)
    yield _RECT.format(left, top, wide, high, "#000", 3, "none", plain(box.text))
    yield _RECT.format(left, top, wide, high, colour, 1.5, dashes, plain(box.text))
    if box.text:
        x, side = (left, "start") if left < 0.7 * width else (left + wide, "end")
        yield _TEXT.format(x, top - 4 if top > 18 else top + high + 14, side, colour, plain(box.text))


def _pose(pose: Pose, width: float, height: float) -> Iterator[Markup]:
    """Draw the bones between known points, and a dot for each known point."""
    points = np.asarray(pose.points, np.float64) * [width, height]
    known = np.isfinite(points.sum(axis=1))
    bones = "".join(
        f"M{points[a][0]:.1f} {points[a][1]:.1f}L{points[b][0]:.1f} {points[b][1]:.1f}"
        for a, b in pose.bones
        if known[a] and known[b]
    )
    dots = "".join(f"M{x:.1f} {y:.1f}h0" for x, y in points[known])
    colour, dashes = _style(pose.actual)
    for path, wide, pattern in ((bones, 1.5, dashes), (dots, 4, "none")):
        yield _PATH.format(path, "#000", wide + 1.5, "none")
        yield _PATH.format(path, colour, wide, pattern)


def _style(actual: bool) -> tuple[str, str]:
    return (ACTUAL, "4 3") if actual else (PREDICTED, "none")


def _value(value: object) -> str:
    if value is pd.NaT:
        return "missing"
    if isinstance(value, float):
        return "missing" if math.isnan(value) else f"{value:,.6g}" if abs(value) < 1e6 else f"{value:,.0f}"
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d %H:%M}"
    return "missing" if value is None else str(value)
