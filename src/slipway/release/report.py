"""The results of the gate for all variants, as one page of Markdown for a pull request.

The verdict comes first, then one row per variant; the details of a variant are in a fold. The page has only tables and
Mermaid diagrams, which GitHub and GitLab render themselves, and loads nothing else. report.md.jinja is the page,
summary.md.jinja its beginning, and sections.md.jinja has one macro for each section of a fold. `slipway.release.page`
shows the same with figures and examples.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from slipway.core.metric import Metric
from slipway.gate.contributions import Scored
from slipway.gate.plain_baseline import Beside, said
from slipway.gate.result import Result, Status, named
from slipway.release import breakdowns, markdown
from slipway.release.breakdowns import Measured
from slipway.release.explanations import Explainer
from slipway.release.figures import Curves, counts
from slipway.release.markdown import UNKNOWN, Markdown
from slipway.release.mistakes import Mistake

LONGEST = 60
"""The number of characters that are shown of a parameter's value."""
MARKS: dict[Status, str] = {"pass": "✅ pass", "hold": "⏸️ hold", "fail": "❌ fail", "unjudged": "❔ not judged"}
MEANINGS: dict[Status, str] = {
    "pass": "every rule is met",
    "hold": "the data cannot tell whether every rule is met",
    "fail": "a rule is broken",
    "unjudged": "a variant could not be judged, which does not count as a pass",
}
METRICS = ("metric", "before", "now", "change")
LATENCY = ("one example, on one thread (Keras: with its own threads)", "p50 ms before", "p50 ms", "p95 ms", "size")
OF_BASELINE = ("before", "change", "p50 ms before")
"""Columns of tables that are left out if there is no baseline."""
ORDER: tuple[Status, ...] = ("fail", "unjudged", "hold", "pass")

_TEMPLATES = markdown.environment("slipway.release")
_TEMPLATES.globals |= {"marks": MARKS}
_SECTIONS = _TEMPLATES.get_template("sections.md.jinja").module

_NOTHING = Markdown()

Row = Sequence[object]
Change = tuple[str, Any, Any]
"""The dotted key of a parameter, its value in the baseline and its value now; None where it is missing."""


@dataclass(frozen=True)
class Entry:
    """One variant: the result of the gate, and what else the report shows of the build.

    `params`: the resolved parameters that changed. `calibration`: the result of the simulation in
    benchmarks/gate_calibration.py for this variant, None where it was not run, or was run with other rules or another
    test split. `plain`: the model beside its plain baseline, or why they cannot be compared; None if it has none. The
    rest is for the HTML page alone. `scored`: the model that ships on the test examples, None where its predictions
    cannot be read. `curves`: what was recorded in training. `importance`: that of each feature or column. `explainer`:
    explains the answers, None where that is not possible. `measured`: the intervals of the scores by class, group and
    so on. `mistakes`: the examples to show. `notes`: what the page lacks, and why.
    """

    judged: Result
    params: Sequence[Change] = ()
    calibration: Mapping[str, Any] | None = None
    plain: Beside | str | None = None
    scored: Scored | None = None
    curves: Curves | None = None
    importance: Mapping[str, float] = field(default_factory=dict)
    explainer: Explainer | None = None
    measured: Measured | None = None
    mistakes: Sequence[Mistake] = ()
    notes: Sequence[str] = ()

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """The metrics that the task declares; empty where no predictions can be read."""
        return self.judged.metrics if self.scored is None else self.scored.task.metrics


@dataclass(frozen=True)
class Section:
    """One section of a variant's fold: Markdown, and a Mermaid diagram for a Git host."""

    title: str
    body: Markdown
    diagram: Markdown = _NOTHING


def report(entries: Sequence[Entry], links: str = "", longest: int | None = None) -> str:
    """Return the page, ending in a newline; `links` is put before the paths of model cards.

    Where the page has more than `longest` characters, the folds with the best verdicts are left out first, and the page
    names their variants.
    """
    template, head = _TEMPLATES.get_template("report.md.jinja"), summary(entries)
    folds = {entry.judged.variant: (entry.judged, list(sections(entry, links))) for entry in entries}
    mildest = sorted(folds, key=lambda variant: -ORDER.index(folds[variant][0].verdict))
    for number in range(len(folds) + 1):
        left_out = mildest[:number]
        shown = [fold for variant, fold in folds.items() if variant not in left_out]
        page = template.render(summary=head, folds=shown, left_out=left_out, anchor=anchor)
        if longest is None or len(page) <= longest:
            break
    return page


def summary(entries: Sequence[Entry]) -> Markdown:
    """Return the worst verdict as a heading, the count of each verdict, and one row per variant."""
    counts = {verdict: sum(entry.judged.verdict == verdict for entry in entries) for verdict in ORDER}
    worst: Status = next((verdict for verdict in ORDER if counts[verdict]), "pass")
    page = _TEMPLATES.get_template("summary.md.jinja").render(
        worst=worst,
        counts=[f"{count} {MARKS[verdict]}" for verdict, count in counts.items() if count],
        meaning=f"{MEANINGS[worst][0].upper()}{MEANINGS[worst][1:]}",
        rows=[_row(entry) for entry in entries],
    )
    return Markdown(page.rstrip("\n"))


def _row(entry: Entry) -> Row:
    judged = entry.judged
    link = Markdown(f"[{markdown.text(judged.variant)}](#{anchor(judged)})")
    verdict = markdown.strong(MARKS[judged.verdict])
    if judged.record is None or judged.benchmark is None:
        return link, verdict, "", "", "", "", "", judged.why or ""
    compared = judged.comparison
    why = [f"{rule.subject}: {rule.reason}" for rule in judged.rules if rule.verdict != "pass"]
    if isinstance(entry.plain, Beside) and not entry.plain.beats:
        why.append(f"{entry.plain.outcome}: {entry.plain.figures}")
    return (
        link,
        verdict,
        judged.baseline_name,
        _main(entry),
        "" if compared is None else f"{compared.worse} worse, {compared.better} better",
        markdown.size(judged.record.model.bytes),
        markdown.figure(judged.benchmark.p95_ms()),
        Markdown("; ".join(map(markdown.text, [*why, *([judged.why] if judged.why else [])]))),
    )


def _main(entry: Entry) -> Markdown:
    """Return the main metric of the task, and its value now, or its values before and now."""
    record, scored, old = entry.judged.record, entry.judged.new or entry.scored, entry.judged.old
    assert record is not None
    if scored is None:
        return _NOTHING
    name = scored.task.headline[0]
    now, before = record.metrics.get(name, {}).get("value"), None if old is None else old.score()[name]
    figures = markdown.figures([before, now], scored.task.metrics[name].decimals)
    return Markdown(f"{markdown.text(name)} {figures[1] if before is None else ' → '.join(figures)}")


def sections(entry: Entry, links: str = "", page: bool = False) -> Iterator[Section]:
    """Yield the sections of a variant's fold in order.

    Args:
        entry: the variant.
        links: is put before the path of its card.
        page: for the HTML page, which draws rules, confusion matrix, and scores by class and group, itself.
    """
    judged = entry.judged
    if judged.why is not None:
        yield Section("", _render("unjudged", judged.why))
    yield from (section for section in _parts(entry, page) if section.body)
    if judged.record is not None:
        path = f"models/{judged.variant}/card.md"
        yield Section("", _render("card", Markdown(f"{links}{markdown.target(path)}")))


def _parts(entry: Entry, page: bool) -> Iterator[Section]:
    judged = entry.judged
    if judged.record is None or judged.benchmark is None:
        return
    if not page:
        rules = [(named(rule), rule.reason, markdown.strong(MARKS[rule.verdict])) for rule in judged.rules]
        yield Section("Rules", markdown.table(rules, ("rule", "measured", "verdict")))
    if entry.plain is not None:
        yield Section("Plain baseline", _beside(entry.plain))
    if entry.calibration is not None:
        yield Section("Reliability of the gate", markdown.text(reliability(entry.calibration)))
    yield Section(
        "Metrics", _render("metrics", *_unless_alone(judged.old, METRICS, _metrics(entry)), judged.old is not None)
    )
    if not page and judged.old is not None and judged.new is not None:
        before = breakdowns.tables(judged.old)
        for name, now in breakdowns.tables(judged.new).items():
            yield Section(markdown.words(name), _breakdown(before.get(name), now, judged.new.task.metrics))
    if judged.old is not None and judged.new is not None:
        if not page:
            yield Section("Confusion matrix", _confusion(judged.old, judged.new))
        if (compared := judged.comparison) is not None:
            diagram = _render("pie", compared) if compared.flips else _NOTHING
            yield Section("Examples that flipped", _render("flips", compared), diagram)
    if judged.version is not None and judged.old_record is not None:
        params = [(markdown.code(key), _value(old), _value(new)) for key, old, new in entry.params]
        yield Section("Parameters that changed", _render("params", params))
    yield Section("Data", _data(judged))
    yield Section("Latency and size", _latency(judged))


def _render(macro: str, *values: object) -> Markdown:
    """Render a macro of sections.md.jinja with its arguments."""
    return Markdown(getattr(_SECTIONS, macro)(*values).strip("\n"))


def reliability(figures: Mapping[str, Any]) -> str:
    """Describe how often the gate errs, from the figures of a variant in the simulation."""
    worse = sorted(figures["worse"], key=lambda one: one["points"])
    passes = ", ".join(f"{one['points']:g} {one['pass']:.1%}" for one in worse)
    fails = ", ".join(f"{one['points']:g} {one['fail']:.1%}" for one in worse)
    power = ", ".join(f"{one['points']:g} {one['when_nothing_may_be_lost']['fail']:.1%}" for one in worse)
    equal = figures["equal"]
    size = f"{figures['examples']:,} examples in {figures['groups']:,} groups"
    rule = f"{figures['metric']} with an allowed loss of {figures['most']:g}"
    return (
        f"From {figures['draws']:,} simulations at this test size ({size}) for {rule}, in which two trainings differ "
        f"on {figures['churn']:.1%} of the examples: a model that is equally good fails {equal['fail']:.1%}, holds "
        f"{equal['hold']:.1%} and passes {equal['pass']:.1%} of the time. A model that is worse by the given number "
        f"of points passes this often: {passes}; and fails this often: {fails}. With no allowed loss it would fail: "
        f"{power} (the power), and an equally good model {equal['when_nothing_may_be_lost']['fail']:.1%}."
    )


def _unless_alone(baseline: object, head: Sequence[str], rows: Iterable[Row]) -> tuple[list[Row], Sequence[str]]:
    """Return rows and head of a table, without the columns on the baseline if there is none."""
    kept = [column for column, name in enumerate(head) if baseline is not None or name not in OF_BASELINE]
    return [[row[column] for column in kept] for row in rows], [head[column] for column in kept]


def _metrics(entry: Entry) -> Iterator[Row]:
    """Yield each metric before and now, and the change; the main ones of the task come first."""
    judged = entry.judged
    assert judged.record is not None
    before = None if judged.old is None else judged.old.score()
    noted = {} if judged.old_record is None else judged.old_record.metrics
    scored = judged.new or entry.scored
    main = () if scored is None else scored.task.headline
    for name, one in sorted(judged.record.metrics.items(), key=lambda one: (_place(one[0], main), one[0])):
        metric = entry.metrics.get(name)
        old = None if before is None else before[name]
        now, own = one["value"], noted.get(name, {"value": None})
        was = own["value"]
        if old is None or was is None or abs(was - old) > 1e-4 * max(1, abs(old)):
            own = {"value": old}
        change = None if old is None or now is None else now - old
        yield name, _measured(own, metric), _measured(one, metric), _direction(metric, change)


def _beside(plain: Beside | str) -> Markdown:
    """Return whether the model is better than its plain baseline, or why that is not known."""
    outcome, why = said(plain)
    return Markdown(f"{markdown.strong(outcome)}: {markdown.text(why)}")


def _place(name: str, main: Sequence[str]) -> int:
    """Return the place of a metric among the main ones of a task; all others come after them."""
    return main.index(name) if name in main else len(main)


def _measured(one: Mapping[str, float | None], metric: Metric | None) -> Markdown:
    value, low, high = (one.get(part) for part in ("value", "low", "high"))
    if value is None:
        return UNKNOWN if "low" in one else _NOTHING
    return markdown.measured(value, low, high, None if metric is None else metric.decimals)


def _direction(metric: Metric | None, change: float | None) -> Markdown:
    if change is None or metric is None:
        return _NOTHING
    if abs(change) < 5e-7:
        return Markdown("0")
    better = (change < 0) == metric.lower_is_better
    return Markdown(f"{change:+.4g} {'better' if better else 'worse'}")


def _breakdown(old: pd.DataFrame | None, new: pd.DataFrame, metrics: Mapping[str, Metric]) -> Markdown:
    """Return a table of scores by class, keypoint, hour, ..., before → now; nothing without the baseline's table."""
    shown = breakdowns.shown(new, old, metrics)
    if not shown.compared:
        return _NOTHING
    rows = []
    for row in shown.rows:
        cells = [row[shown.key], *(markdown.number(row[name]) for name in shown.counts)]
        for name in shown.scores:
            now, was = (None if pd.isna(row[one]) else float(row[one]) for one in (name, f"{name}{breakdowns.BEFORE}"))
            shown_now, shown_was = markdown.figures([now, was])
            cells.append(shown_now if was == now else Markdown(f"{shown_was} → {markdown.strong(shown_now)}"))
        rows.append(cells)
    return _render("breakdown", rows, (shown.key, *shown.counts, *shown.scores), shown.dropped)


def _confusion(old: Scored, new: Scored) -> Markdown:
    if not new.exclusive or old.classes != new.classes:
        return _NOTHING
    rows = [
        (markdown.strong(name), *(_counted(int(one), int(was)) for one, was in zip(now, before, strict=True)))
        for name, now, before in zip(new.classes, counts(new), counts(old), strict=True)
    ]
    return markdown.table(rows, ("actual / decided", *new.classes), len(new.classes))


def _counted(now: int, before: int) -> Markdown:
    return Markdown(f"{now:,}" if now == before else f"{now:,} ({now - before:+,})")


def _value(value: Any) -> str:
    shown = str(value)
    return shown if len(shown) <= LONGEST else f"{shown[:LONGEST]}..."


def _data(judged: Result) -> Markdown:
    assert judged.record is not None
    now, before = judged.record, judged.old_record
    rows: list[Row] = []
    for side in ("train", "val", "test", "calibration"):
        counted = [None if one is None else one.dataset.splits.get(side) for one in (before, now)]
        totals = [None if one is None else one.total for one in counted]
        if totals[1] is not None:
            rows.append((side, *map(_count, totals)))
        names = dict.fromkeys(name for one in counted if one is not None for name in one.classes)
        for name in names:
            pair = [None if one is None else one.classes.get(name) for one in counted]
            if pair[0] != pair[1] and None not in pair:
                rows.append((f"{side}, {name}", *map(_count, pair)))
    for name, key in (("raw data", "raw"), ("prepared data", "prepared")):
        old, new = (None if one is None else getattr(one.lineage, key) for one in (before, now))
        if old is not None and old != new:
            rows.append((f"{name}, DVC's hash", markdown.code(str(old)[:12]), markdown.code(str(new)[:12])))
    shown = _unless_alone(before, ("", "before", "now"), rows)
    return _render("data", *shown, now.dataset.warnings) if rows else _NOTHING


def _count(count: int | None) -> Markdown:
    return Markdown() if count is None else markdown.number(count)


def _latency(judged: Result) -> Markdown:
    now, before = judged.benchmark, judged.old_benchmark
    assert judged.record is not None and now is not None
    rows = []
    shipped = f"model.tflite, {judged.record.precision}"
    titles = {"model.tflite": shipped, "float.tflite": "float.tflite", "native": "native"}
    for name, title in titles.items():
        if (model := now.models.get(name)) is None:
            continue
        one = model.single.get("1", {})
        was = None if before is None else before.models.get(name)
        old = None if was is None else was.single.get("1", {}).get("p50_ms")
        times = (old, one.get("p50_ms"), one.get("p95_ms"))
        rows.append((title, *map(markdown.figure, times), markdown.size(model.size_bytes)))
    other_machine = before is not None and before.machine != now.machine
    return _render("latency", *_unless_alone(before, LATENCY, rows), other_machine) if rows else _NOTHING


def anchor(judged: Result) -> Markdown:
    """Return the anchor of a variant on the page."""
    return Markdown(f"gate-{re.sub('[^A-Za-z0-9-]+', '-', judged.variant)}")
