"""The report as one HTML page that needs nothing else: no script, no picture and no font from elsewhere.

The Markdown is rendered as it is; what Mermaid draws there is drawn here as SVG, and the plots stand where the Markdown
has a comment for them.
"""

import re
from collections.abc import Sequence
from html import escape

import numpy as np
from markdown_it import MarkdownIt

from slipway.gate.judged import Judged, named
from slipway.gate.report import Entry, confusion, report
from slipway.gate.verdict import Judgement

COLOURS = {"pass": "#1a7f37", "hold": "#9a6700", "fail": "#cf222e", "unjudged": "#cf222e"}
WIDTH = 760
STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #1f2328; max-width: 1100px; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: .5rem 0 1rem; display: block; overflow-x: auto; }
th, td { border: 1px solid #d1d9e0; padding: .3rem .6rem; vertical-align: top; overflow-wrap: anywhere; }
th { background: #f6f8fa; text-align: left; }
details { border: 1px solid #d1d9e0; border-radius: 6px; padding: .5rem 1rem; margin: .75rem 0; }
summary { cursor: pointer; font-size: 1.05rem; }
svg { max-width: 100%; height: auto; font: 12px system-ui, sans-serif; }
code { background: #f6f8fa; padding: .1em .3em; border-radius: 4px; }
h4 { margin: 1.2rem 0 .3rem; }
@media print { details > * { display: block; } }
"""
_PLOT = re.compile(r"<!-- plot: (?P<name>\w+) (?P<variant>[\w-]+) -->")


def page(entries: Sequence[Entry], links: str = "") -> str:
    """The page, with the same content as `report` and its plots."""
    judged = {entry.judged.variant: entry.judged for entry in entries}
    draw = {"losses": losses, "confusion": confusion_plot, "latency": latency}
    markdown = MarkdownIt("commonmark", {"html": True}).enable("table")
    text = re.sub(r"```mermaid\n.*?```\n?", "", report(entries, links), flags=re.DOTALL)
    body = _PLOT.sub(lambda found: draw[found["name"]](judged[found["variant"]]), markdown.render(text))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Gate</title><style>{STYLE}</style></head>\n<body>\n{body}</body></html>\n"
    )


def losses(judged: Judged) -> str:
    """What was lost by each rule on a loss, with its interval, as a share of what may be."""
    rules = [rule for rule in judged.rules if rule.kind != "bound" and rule.max and rule.value is not None]
    if not rules:
        return ""
    figures = [_shares(rule) for rule in rules]
    low = max(min(-1.0, *(one[1] for one in figures)), -5.0)
    high = min(max(1.5, *(one[2] for one in figures)), 5.0)
    left, right, height = 300, WIDTH - 20, 26 * len(rules) + 50

    def x(value: float) -> float:
        return left + (right - left) * (min(max(value, low), high) - low) / (high - low)

    parts = [_text(left, 14, "what was lost, as a share of what may be; left of 0 is better than before", "start")]
    for value, name in ((0.0, "0"), (1.0, "all that may be")):
        dash = "" if value == 0 else ' stroke-dasharray="4 3"'
        parts.append(
            f'<line x1="{x(value):.1f}" x2="{x(value):.1f}" y1="22" y2="{height - 22}" stroke="#59636e"{dash}/>'
        )
        parts.append(_text(x(value), height - 8, name, "middle"))
    for row, (rule, (value, least, most)) in enumerate(zip(rules, figures, strict=True)):
        y, colour = 38 + 26 * row, COLOURS[rule.verdict]
        parts.append(_text(left - 12, y + 4, named(rule), "end"))
        parts.append(
            f'<line x1="{x(least):.1f}" x2="{x(most):.1f}" y1="{y}" y2="{y}" stroke="{colour}" stroke-width="3"/>'
            f'<circle cx="{x(value):.1f}" cy="{y}" r="5" fill="{colour}"><title>{escape(rule.reason)}</title></circle>'
        )
    return _svg(WIDTH, height, parts, "Losses beside what may be lost")


def confusion_plot(judged: Judged) -> str:
    """The confusion matrix, each cell as dark as its share of the actual class, with the change in brackets."""
    if judged.new is None or judged.old is None:
        return ""
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
            said = f"{now[row, column]:,}" + (f" ({change:+,})" if change else "")
            parts.append(
                f'<rect x="{left + side * column}" y="{top + 40 * row}" width="{side - 2}" height="38" '
                f'fill="{"#0969da" if row == column else "#cf222e"}" fill-opacity="{0.05 + 0.6 * share:.2f}"/>'
                + _text(left + side * column + side / 2, top + 40 * row + 24, said, "middle")
            )
    return _svg(left + side * len(names) + 10, top + 40 * len(names) + 6, parts, "Confusion matrix")


def latency(judged: Judged) -> str:
    """Median latency of one example by model: on one thread, Keras on its own."""
    models = (judged.benchmark or {}).get("models") or {}
    single = {name: one.get("single") or {} for name, one in models.items()}
    timed = {name: one.get("1") or one.get("own") for name, one in single.items()}
    times = {name: one["p50_ms"] for name, one in timed.items() if one}
    if not times:
        return ""
    left, right, longest = 130, WIDTH - 110, max(times.values()) or 1.0
    parts = [_text(left, 14, "median latency of one example, on one thread (Keras on its own)", "start")]
    order = [name for name in ("model.tflite", "float.tflite", "native") if name in times]
    for row, name in enumerate(order):
        width, y = (right - left) * times[name] / longest, 26 + 26 * row
        parts.append(_text(left - 8, y + 14, name, "end"))
        parts.append(f'<rect x="{left}" y="{y}" width="{max(width, 1):.1f}" height="18" fill="#0969da"/>')
        parts.append(_text(left + width + 6, y + 14, f"{times[name]:.3g} ms", "start"))
    return _svg(WIDTH, 30 + 26 * len(order), parts, "Latency")


def _shares(rule: Judgement) -> tuple[float, float, float]:
    """What was lost and its interval, as shares of what may be."""
    value, most = rule.value or 0.0, rule.max or 1.0
    low, high = (value if end is None else end for end in (rule.low, rule.high))
    return value / most, low / most, high / most


def _svg(width: float, height: float, parts: Sequence[str], title: str) -> str:
    return (
        f'<svg role="img" aria-label="{escape(title)}" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        f'height="{height:g}">{"".join(parts)}</svg>'
    )


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="#1f2328">{escape(text)}</text>'
