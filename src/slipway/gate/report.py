"""What the gate says of all variants, as one page of Markdown for a pull request.

The verdict comes first, then a row a variant; all else of a variant is under a fold. Tables and Mermaid only, which the
places where pull requests are read draw themselves: nothing is loaded from elsewhere. `slipway.gate.page` shows the
same parts with plots.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from slipway import markdown
from slipway.gate.contributions import Scored
from slipway.gate.judged import Judged, Said, named
from slipway.gate.rules import LOWER_IS_BETTER

MOST_ROWS = 24
"""Of longer tables only the rows that changed most are shown."""
CHANGED_ROWS = 10
LONGEST = 60
"""Characters of a value of a parameter that are shown."""
MARKS: dict[Said, str] = {"pass": "✅ pass", "hold": "⏸️ hold", "fail": "❌ fail", "unjudged": "❔ not judged"}
MEANS: dict[Said, str] = {
    "pass": "every rule is met",
    "hold": "the data cannot tell whether every rule is met",
    "fail": "a rule is broken",
    "unjudged": "it could not be judged, which is no pass",
}
ORDER: tuple[Said, ...] = ("fail", "unjudged", "hold", "pass")

Change = tuple[str, Any, Any]
"""A parameter by its dotted key, its value in the baseline and its value now; None where there is none."""


@dataclass(frozen=True)
class Entry:
    """One variant: the gate's word, the resolved parameters that changed, and how often the gate errs at its size.

    `calibration`: what the simulation of benchmarks/gate_calibration.py came to for this variant, None where it was not
    run or was of other rules or another test split.
    """

    judged: Judged
    params: Sequence[Change] = ()
    calibration: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Section:
    """A part of what is under a variant's fold: Markdown, a Mermaid diagram, and the plot that HTML has instead."""

    title: str
    body: Sequence[str]
    diagram: Sequence[str] = ()
    plot: str | None = None


def report(entries: Sequence[Entry], links: str = "", longest: int | None = None) -> str:
    """The page, ending in a newline; `links` goes before the paths of model cards.

    Of a page of more than `longest` characters the folds are left out that matter least, and it says whose.
    """
    verdicts = {entry.judged.variant: entry.judged.verdict for entry in entries}
    head = summary(entries)
    folds = {entry.judged.variant: "\n".join(_fold(entry, links)) for entry in entries}
    mildest = sorted(folds, key=lambda variant: -ORDER.index(verdicts[variant]))
    for number in range(len(folds) + 1):
        left_out = mildest[:number]
        parts = ["\n".join(head), *(fold for variant, fold in folds.items() if variant not in left_out)]
        if left_out:
            listed = ", ".join(map(markdown.text, left_out))
            parts.append(f"Too long for here, and on the page in HTML: the details of {listed}.")
        page = "\n\n".join(parts) + "\n"
        if longest is None or len(page) <= longest:
            break
    return page


def summary(entries: Sequence[Entry]) -> list[str]:
    """The worst verdict as a heading, how many have which, and a row a variant."""
    counts = {said: sum(entry.judged.verdict == said for entry in entries) for said in ORDER}
    worst: Said = next((said for said in ORDER if counts[said]), "pass")
    listed = ", ".join(f"{count} {MARKS[said]}" for said, count in counts.items() if count)
    return [
        f"# {MARKS[worst]}",
        "",
        f"Of {len(entries)} variants: {listed or 'none'}. **{_say(worst)}.**",
        "",
        *markdown.table(
            ("variant", "verdict", "beside", "main score, before → now", "flipped", "size", "p95 ms", "why"),
            [_row(entry) for entry in entries],
        ),
    ]


def _say(worst: Said) -> str:
    return f"{MEANS[worst][0].upper()}{MEANS[worst][1:]}"


def _row(entry: Entry) -> tuple[str, ...]:
    judged = entry.judged
    name, verdict = f"[{markdown.text(judged.variant)}](#{anchor(judged)})", f"**{MARKS[judged.verdict]}**"
    if judged.record is None or judged.benchmark is None:
        return name, verdict, "", "", "", "", "", markdown.text(judged.why or "")
    compared = judged.comparison
    flipped = "" if compared is None else f"{compared.worse} worse, {compared.better} better"
    why = [f"{rule.subject}: {rule.reason}" for rule in judged.rules if rule.verdict != "pass"]
    return (
        name,
        verdict,
        markdown.text(judged.beside),
        _main(judged),
        flipped,
        markdown.size(judged.record.model.bytes),
        markdown.figure(judged.benchmark.p95_ms()),
        "; ".join(markdown.text(one) for one in [*why, *([judged.why] if judged.why else [])]),
    )


def _main(judged: Judged) -> str:
    """The first metric that a rule is on, before and now."""
    assert judged.record is not None
    metric = next((rule.metric for rule in judged.rules if rule.metric in judged.record.metrics), None)
    metric = metric or next(iter(judged.record.metrics), None)
    if metric is None:
        return ""
    now = judged.record.metrics[metric]["value"]
    before = None if judged.old is None else judged.old.score()[metric]
    figures = markdown.figures([before, now])
    return f"{markdown.text(metric)} {figures[1] if before is None else ' → '.join(figures)}"


def _fold(entry: Entry, links: str) -> list[str]:
    judged = entry.judged
    title = f"<b>{markdown.html(judged.variant)}</b>: {MARKS[judged.verdict]}, beside {markdown.html(judged.beside)}"
    lines = [f'<a id="{anchor(judged)}"></a>', "", f"<details><summary>{title}</summary>", ""]
    for section in sections(entry, links):
        heading = [f"#### {markdown.text(section.title)}", ""] if section.title else []
        lines += [*heading, *section.body, "", *section.diagram, *([""] if section.diagram else [])]
    return [*lines, "</details>"]


def sections(entry: Entry, links: str = "") -> Iterator[Section]:
    """What is under the fold of a variant, in order; `links` goes before the path of its card."""
    judged = entry.judged
    if judged.why is not None:
        yield Section("", [f"Not judged: {markdown.text(judged.why)}"])
    yield from (section for section in _parts(entry) if section.body)
    if judged.record is not None:
        yield Section("", [f"[Model card]({links}{markdown.target(f'models/{judged.variant}/card.md')})"])


def _parts(entry: Entry) -> Iterator[Section]:
    judged = entry.judged
    if judged.record is None or judged.benchmark is None:
        return
    yield Section("Rules", _rules(judged), plot="losses")
    yield Section("How sure this is", [] if entry.calibration is None else [sureness(entry.calibration)])
    yield Section("Metrics", _metrics(judged))
    if judged.old is not None and judged.new is not None:
        for name, now in _tables(judged.new).items():
            yield Section(markdown.words(name), _breakdown(_tables(judged.old).get(name), now))
        yield Section("Confusion matrix", _confusion(judged.old, judged.new), plot="confusion")
        yield Section("Examples that flipped", _flips(judged), _pie(judged))
    yield Section("Parameters that changed", _params(entry))
    yield Section("Data", _data(judged))
    yield Section("Latency and size", _latency(judged), plot="latency")


def _rules(judged: Judged) -> list[str]:
    rows = [
        (markdown.text(named(rule)), markdown.text(rule.reason), f"**{MARKS[rule.verdict]}**") for rule in judged.rules
    ]
    return markdown.table(("rule", "measured", "verdict"), rows)


def sureness(figures: Mapping[str, Any]) -> str:
    """How often the gate errs, in words, from a variant's figures of the simulation."""
    worse = sorted(figures["worse"], key=lambda one: one["points"])
    passes = ", ".join(f"{one['points']:g} {one['pass']:.1%}" for one in worse)
    fails = ", ".join(f"{one['points']:g} {one['fail']:.1%}" for one in worse)
    power = ", ".join(f"{one['points']:g} {one['when_nothing_may_be_lost']['fail']:.1%}" for one in worse)
    equal = figures["equal"]
    size = f"{figures['examples']:,} examples in {figures['groups']:,} groups"
    rule = f"{markdown.text(figures['metric'])}, of which {figures['most']:g} may be lost"
    return (
        f"Simulated {figures['draws']:,} times at this test size ({size}) for {rule}, with trainings that differ on "
        f"{figures['churn']:.1%} of the examples: a model that is truly as good fails {equal['fail']:.1%}, holds "
        f"{equal['hold']:.1%} and passes {equal['pass']:.1%} of the time. One that is worse by so many points passes: "
        f"{passes}; and fails: {fails}. If nothing might be lost it would fail: {power} (the power), and one that is "
        f"as good {equal['when_nothing_may_be_lost']['fail']:.1%}."
    )


def _metrics(judged: Judged) -> list[str]:
    assert judged.record is not None
    before = None if judged.old is None else judged.old.score()
    noted = {} if judged.old_record is None else judged.old_record.metrics
    rows = []
    for metric, one in sorted(judged.record.metrics.items()):
        old = None if before is None else before[metric]
        now, own = one["value"], noted.get(metric, {"value": None})
        was = own["value"]
        if old is None or was is None or abs(was - old) > 1e-4 * max(1, abs(old)):
            own = {"value": old}
        change = None if old is None or now is None else now - old
        rows.append((markdown.text(metric), _measured(own), _measured(one), _direction(metric, change)))
    lines = markdown.table(("metric", "before", "now", "change"), rows, numbers=3)
    if before is None:
        return lines
    return [*lines, "", "Both on today's test examples, with 95 % intervals of each where it is known."]


def _measured(one: Mapping[str, float | None]) -> str:
    value, low, high = (one.get(part) for part in ("value", "low", "high"))
    if value is None:
        return markdown.UNKNOWN if "low" in one else ""
    said = markdown.figures([value, low, high])
    return said[0] if low is None or high is None else f"{said[0]} ({said[1]} to {said[2]})"


def _direction(metric: str, change: float | None) -> str:
    if change is None:
        return ""
    if abs(change) < 5e-7:
        return "0"
    better = (change < 0) == (metric in LOWER_IS_BETTER)
    return f"{change:+.4g} {'better' if better else 'worse'}"


def _tables(scored: Scored) -> dict[str, pd.DataFrame]:
    tables = scored.task.tables(scored.examples, scored.targets, scored.predictions, scored.spec)
    return {name: table for name, table in tables.items() if name != "tenths"}


def _breakdown(old: pd.DataFrame | None, new: pd.DataFrame) -> list[str]:
    """A table of scores before → now, a row a class, keypoint, hour, ..., those that changed most where it is long."""
    key = str(new.columns[0])
    if old is None or list(old.columns) != list(new.columns):
        return []
    scores = [str(name) for name in new.columns[1:] if pd.api.types.is_float_dtype(new[name])]
    counts = [str(name) for name in new.columns[1:] if str(name) not in scores]
    both = new.merge(old, on=key, how="left", suffixes=("", " before"))
    change = sum((both[name] - both[f"{name} before"]).abs().fillna(0) for name in scores)
    dropped = 0
    if len(both) > MOST_ROWS:
        largest = np.argsort(-np.asarray(change), kind="stable")[:CHANGED_ROWS]
        dropped, both = len(both) - len(largest), both.iloc[np.sort(largest)]
    rows = []
    for row in both.to_dict("records"):
        cells = [markdown.text(row[key]), *(f"{row[name]:,}" for name in counts)]
        for name in scores:
            before, now = (None if pd.isna(one) else float(one) for one in (row[f"{name} before"], row[name]))
            said = markdown.figures([before, now])
            cells.append(said[1] if before == now else f"{said[0]} → **{said[1]}**")
        rows.append(cells)
    head = map(markdown.text, (key, *counts, *scores))
    lines = markdown.table(tuple(head), rows, len(counts) + len(scores))
    return [*lines, "", f"{dropped:,} rows that changed less are not shown."] if dropped else lines


def confusion(scored: Scored) -> np.ndarray:
    """Test examples by actual class (row) and decided class (column), in the order of the classes."""
    decided = np.asarray(scored.decisions)
    cells = [[int(((scored.actual == a) & (decided == d)).sum()) for d in scored.classes] for a in scored.classes]
    return np.array(cells)


def _confusion(old: Scored, new: Scored) -> list[str]:
    if not new.classes or old.classes != new.classes:
        return []
    now, before = confusion(new), confusion(old)
    rows = [
        (
            f"**{markdown.text(name)}**",
            *(f"{one:,}" if one == was else f"{one:,} ({one - was:+,})" for one, was in zip(n, b, strict=True)),
        )
        for name, n, b in zip(new.classes, now, before, strict=True)
    ]
    head = ("actual, decided as:", *map(markdown.text, new.classes))
    return markdown.table(head, rows, len(new.classes))


def _flips(judged: Judged) -> list[str]:
    compared = judged.comparison
    if compared is None:
        return []
    if not compared.flips:
        return [f"None of {compared.examples:,} test examples."]
    chance = "" if compared.p is None else f"; McNemar's exact test of as many either way: p = {compared.p:.3g}"
    rows = [
        ("better" if flip.better else "**worse**", *map(markdown.text, (flip.example, flip.actual, flip.old, flip.new)))
        for flip in compared.flips
    ]
    return [
        f"Of {compared.examples:,} test examples in {compared.groups:,} groups {compared.worse:,} got worse and "
        f"{compared.better:,} better{chance}. The first of each:",
        "",
        *markdown.table(("", "example", "actual", "before", "now"), rows),
    ]


def _pie(judged: Judged) -> list[str]:
    compared = judged.comparison
    if compared is None or not compared.flips:
        return []
    same = compared.examples - compared.worse - compared.better
    return [
        "```mermaid",
        "pie title Test examples",
        *(
            f'  "{name}" : {count}'
            for name, count in (("as before", same), ("worse", compared.worse), ("better", compared.better))
            if count
        ),
        "```",
    ]


def _params(entry: Entry) -> list[str]:
    if entry.judged.version is None or entry.judged.old_record is None:
        return []
    if not entry.params:
        return ["None."]
    rows = [(markdown.code(key), _value(old), _value(new)) for key, old, new in entry.params]
    return markdown.table(("parameter", "before", "now"), rows)


def _value(value: Any) -> str:
    said = str(value)
    return markdown.text(said if len(said) <= LONGEST else f"{said[:LONGEST]}...")


def _data(judged: Judged) -> list[str]:
    assert judged.record is not None
    now, before = judged.record, judged.old_record
    rows = []
    for side in ("train", "val", "test", "calibration"):
        counted = [None if one is None else one.dataset.splits.get(side) for one in (before, now)]
        rows.append((side, *_change(*(None if one is None else one.total for one in counted))))
        names = dict.fromkeys(name for one in counted if one is not None for name in one.classes)
        for name in names:
            pair = [None if one is None else one.classes.get(name) for one in counted]
            if pair[0] != pair[1] and pair[0] is not None:
                rows.append((f"{side}, {markdown.text(name)}", *_change(*pair)))
    rows = [row for row in rows if row[2]]
    for name, key in (("raw data", "raw"), ("prepared data", "prepared")):
        old, new = (None if one is None else getattr(one.lineage, key) for one in (before, now))
        if old is not None and old != new:
            rows.append((f"{name}, DVC's hash", markdown.code(str(old)[:12]), markdown.code(str(new)[:12])))
    warned = [f"- {markdown.text(warning)}" for warning in now.dataset.warnings]
    return [*markdown.table(("", "before", "now"), rows, numbers=2), *(["", *warned] if warned else [])] if rows else []


def _change(before: int | None, now: int | None) -> tuple[str, str]:
    return "" if before is None else f"{before:,}", "" if now is None else f"{now:,}"


def _latency(judged: Judged) -> list[str]:
    now, before = judged.benchmark, judged.old_benchmark
    assert judged.record is not None and now is not None
    rows = []
    shipped = f"model.tflite, {markdown.text(judged.record.precision)}"
    titles = {"model.tflite": shipped, "float.tflite": "float.tflite", "native": "native"}
    for name, title in titles.items():
        if (model := now.models.get(name)) is None:
            continue
        threads = "1" if "1" in model.single else "own"
        one = model.single.get(threads, {})
        was = None if before is None else before.models.get(name)
        old = None if was is None else was.single.get(threads, {}).get("p50_ms")
        times = (old, one.get("p50_ms"), one.get("p95_ms"))
        rows.append((title, *map(markdown.figure, times), markdown.size(model.size_bytes)))
    if not rows:
        return []
    head = ("one example, on one thread (Keras on its own)", "p50 ms before", "p50 ms", "p95 ms", "size")
    lines = markdown.table(head, rows, numbers=4)
    if before is not None and before.machine != now.machine:
        lines += ["", "The baseline was measured on another machine: its times are no comparison."]
    return lines


def anchor(judged: Judged) -> str:
    """Where on the page a variant is."""
    return f"gate-{re.sub('[^A-Za-z0-9-]+', '-', judged.variant)}"
