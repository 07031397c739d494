"""The report as one self-contained HTML page: it loads no script, no picture and no font.

page.html is its template. The Markdown of the report is rendered with raw HTML turned off. SVG drawings replace the
Mermaid diagrams. Every value in the template or in a drawing is escaped.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
from jinja2 import Environment, PackageLoader
from markdown_it import MarkdownIt
from markupsafe import Markup

from slipway.gate.result import Result, named
from slipway.records.verdict import Judgement
from slipway.release.report import MARKS, Entry, anchor, confusion, sections, summary
from slipway_edge.redaction import plain

COLOURS = {"pass": "#1a7f37", "hold": "#9a6700", "fail": "#cf222e", "unjudged": "#cf222e"}
WIDTH = 760
_SVG = Markup(
    '<svg role="img" aria-label="{title}" viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}">'
    "{drawn}</svg>"
)
_TEXT = Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="{}" fill="#1f2328">{}</text>')
_RULER = Markup('<line x1="{0:.1f}" x2="{0:.1f}" y1="22" y2="{1}" stroke="#59636e" stroke-dasharray="{2}"/>')
_INTERVAL = Markup('<line x1="{:.1f}" x2="{:.1f}" y1="{y}" y2="{y}" stroke="{}" stroke-width="3"/>')
_POINT = Markup('<circle cx="{:.1f}" cy="{}" r="5" fill="{}"><title>{}</title></circle>')
_CELL = Markup('<rect x="{}" y="{}" width="{}" height="38" fill="{}" fill-opacity="{:.2f}"/>')
_BAR = Markup('<rect x="{}" y="{}" width="{:.1f}" height="18" fill="#0969da"/>')


def page(entries: Sequence[Entry], links: str = "") -> str:
    """Return the page: the content of `report`, with plots."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    environment = Environment(loader=PackageLoader("slipway.release", "."), autoescape=True, keep_trailing_newline=True)
    environment.filters |= {
        "anchor": anchor,
        "markdown": lambda text: Markup(markdown.render(text)),
        "plain": plain,
        "sections": partial(sections, links=links),
    }
    plots = {"losses": losses, "confusion": confusion_plot, "latency": latency}
    template = environment.get_template("page.html")
    return template.render(entries=entries, summary=summary(entries), marks=MARKS, plots=plots)


def losses(judged: Result) -> Markup:
    """Draw the loss of each loss rule with its interval, as a share of the allowed loss."""
    rules = [rule for rule in judged.rules if rule.kind != "bound" and rule.max and rule.value is not None]
    if not rules:
        return Markup()
    figures = [_shares(rule) for rule in rules]
    low = max(min(-1.0, *(one[1] for one in figures)), -5.0)
    high = min(max(1.5, *(one[2] for one in figures)), 5.0)
    left, right, height = 300, WIDTH - 20, 26 * len(rules) + 50

    def x(value: float) -> float:
        return left + (right - left) * (min(max(value, low), high) - low) / (high - low)

    parts = [_text(left, 14, "loss, as a share of the allowed loss; left of 0 is better than before", "start")]
    for value, name in ((0.0, "0"), (1.0, "allowed")):
        parts.append(_RULER.format(x(value), height - 22, "none" if value == 0 else "4 3"))
        parts.append(_text(x(value), height - 8, name, "middle"))
    for row, (rule, (value, least, most)) in enumerate(zip(rules, figures, strict=True)):
        y, colour = 38 + 26 * row, COLOURS[rule.verdict]
        parts.append(_text(left - 12, y + 4, named(rule), "end"))
        parts.append(_INTERVAL.format(x(least), x(most), colour, y=y))
        parts.append(_POINT.format(x(value), y, colour, plain(rule.reason)))
    return _svg(WIDTH, height, parts, "Losses compared with the allowed losses")


def confusion_plot(judged: Result) -> Markup:
    """Draw the confusion matrix: a darker cell is a larger share of its actual class; the change is in brackets."""
    if judged.new is None or judged.old is None:
        return Markup()
    now, before, names = confusion(judged.new), confusion(judged.old), judged.new.classes
    shares = now / np.maximum(now.sum(axis=1, keepdims=True), 1)
    side, left, top = 92, 150, 44
    parts = [_text(left, 14, "decided as", "start")]
    for column, name in enumerate(names):
        parts.append(_text(left + side * column + side / 2, 34, name, "middle"))
    for row, name in enumerate(names):
        parts.append(_text(left - 8, top + 40 * row + 25, name, "end"))
        for column in range(len(names)):
            share, change = float(shares[row, column]), int(now[row, column] - before[row, column])
            label = f"{now[row, column]:,}" + (f" ({change:+,})" if change else "")
            x, y, colour = left + side * column, top + 40 * row, "#0969da" if row == column else "#cf222e"
            parts.append(_CELL.format(x, y, side - 2, colour, 0.05 + 0.6 * share))
            parts.append(_text(x + side / 2, y + 24, label, "middle"))
    return _svg(left + side * len(names) + 10, top + 40 * len(names) + 6, parts, "Confusion matrix")


def latency(judged: Result) -> Markup:
    """Draw the median latency of one example by model, on one thread."""
    models = {} if judged.benchmark is None else judged.benchmark.models
    timed = {name: one.single.get("1") for name, one in models.items()}
    times = {name: one["p50_ms"] for name, one in timed.items() if one}
    if not times:
        return Markup()
    left, right, longest = 130, WIDTH - 110, max(times.values()) or 1.0
    parts = [_text(left, 14, "median latency of one example, on one thread", "start")]
    order = [name for name in ("model.tflite", "float.tflite", "native") if name in times]
    for row, name in enumerate(order):
        width, y = (right - left) * times[name] / longest, 26 + 26 * row
        parts.append(_text(left - 8, y + 14, name, "end"))
        parts.append(_BAR.format(left, y, max(width, 1)))
        parts.append(_text(left + width + 6, y + 14, f"{times[name]:.3g} ms", "start"))
    return _svg(WIDTH, 30 + 26 * len(order), parts, "Latency")


def _shares(rule: Judgement) -> tuple[float, float, float]:
    """Return the loss and its interval as shares of the allowed loss."""
    value, most = rule.value or 0.0, rule.max or 1.0
    low, high = (value if end is None else end for end in (rule.low, rule.high))
    return value / most, low / most, high / most


def _svg(width: float, height: float, parts: Sequence[Markup], title: str) -> Markup:
    return _SVG.format(title=title, width=width, height=height, drawn=Markup().join(parts))


def _text(x: float, y: float, text: str, anchor: str) -> Markup:
    return _TEXT.format(x, y, anchor, plain(text))
