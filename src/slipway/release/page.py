"""The report as one self-contained HTML page: it loads no script, no picture and no font.

page.html is its template, with page.css, page.js and gallery.html. The Markdown of the report is rendered with raw HTML
turned off. Every value in a template or a drawing is escaped. In addition, the page's own policy allows no request, and
no script but its own, by the hash of it (https://www.w3.org/TR/CSP3/).
"""

from base64 import b64encode
from collections.abc import Sequence
from functools import partial
from hashlib import sha256
from importlib import resources

from jinja2 import Environment, PackageLoader
from markdown_it import MarkdownIt
from markupsafe import Markup

from slipway.gate.result import Result, named
from slipway.records.verdict import Judgement
from slipway.release import breakdowns, charts
from slipway.release.figures import Figure, figures
from slipway.release.report import MARKS, Entry, anchor, sections, summary
from slipway.release.view import view
from slipway_edge.redaction import plain

_FOLDER = resources.files("slipway.release")
STYLE, SCRIPT = (Markup(_FOLDER.joinpath(name).read_text(encoding="utf-8")) for name in ("page.css", "page.js"))
_RULES = Markup(
    "<p>The dashed line is the bound of a rule: to the right of it, the rule is met.</p>"
    '<div class="wide"><table><thead><tr><th>rule</th><th>measured</th><th>verdict</th></tr></thead>'
    "<tbody>{}</tbody></table></div>"
)
_RULE = Markup('<tr><td>{}{}</td><td>{}</td><td class="{}"><b>{}</b></td></tr>')


def page(entries: Sequence[Entry], links: str = "") -> str:
    """Return the page: the content of `report`, with figures, scores without a baseline, and the mistakes."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    markdown.add_render_rule("table_open", lambda *_: '<div class="wide"><table>\n')
    markdown.add_render_rule("table_close", lambda *_: "</table></div>\n")
    environment = Environment(loader=PackageLoader("slipway.release", "."), autoescape=True, keep_trailing_newline=True)
    environment.filters |= {
        "anchor": anchor,
        "breakdowns": breakdowns.drawn,
        "no_interval": breakdowns.note,
        "figures": _figures,
        "markdown": lambda text: Markup(markdown.render(text)),
        "plain": plain,
        "sections": partial(sections, links=links, page=True),
        "view": view,
    }
    return environment.get_template("page.html").render(
        entries=entries,
        summary=summary(entries),
        marks=MARKS,
        rules=rules,
        style=STYLE,
        script=SCRIPT,
        script_hash=f"sha256-{b64encode(sha256(SCRIPT.encode()).digest()).decode()}",
    )


def rules(judged: Result) -> Markup:
    """Return a table of the rules: each with its measured value and interval beside its bound."""
    rows = [
        _RULE.format(plain(named(rule)), _drawn(rule), plain(rule.reason), rule.verdict, MARKS[rule.verdict])
        for rule in judged.rules
    ]
    return _RULES.format(Markup().join(rows)) if rows else Markup()


def latency(judged: Result) -> Markup:
    """Draw the median latency of one example by model, on one thread."""
    models = {} if judged.benchmark is None else judged.benchmark.models
    timed = {
        name: models[name].single.get("1") for name in ("model.tflite", "float.tflite", "native") if name in models
    }
    times = {name: one["p50_ms"] for name, one in timed.items() if one}
    return charts.bars("Latency", list(times), list(times.values()), "ms") if times else Markup()


def _figures(entry: Entry) -> list[Figure]:
    drawn = []
    if entry.scored is not None:
        drawn = figures(entry.scored, entry.judged.old, entry.curves, entry.importance, entry.explainer)
    times = latency(entry.judged)
    return [*drawn, Figure("Median latency of one example, on one thread", times)] if times else drawn


def _drawn(rule: Judgement) -> Markup:
    """Draw a rule; one with a floor and a ceiling beside the bound that is nearer."""
    bounds = [(bound, floor) for bound, floor in ((rule.min, True), (rule.max, False)) if bound is not None]
    if rule.value is None or not bounds:
        return Markup()
    value = rule.value
    bound, floor = min(bounds, key=lambda one: abs(one[0] - value))
    return charts.interval(value, rule.low, rule.high, bound, floor, rule.verdict)
