"""The scores by class, keypoint, group, hour, ...: which rows are shown, and their table for the HTML page.

On the page each score is a dot with its interval, from draws of whole groups as in the gate, and a ring is the score of
the baseline.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from slipway.core.metric import Metric
from slipway.gate.contributions import Scored
from slipway.release import charts, markdown
from slipway.statistics.breakdowns import Cell, groups_of, with_intervals
from slipway_edge.redaction import plain

MOST_ROWS = 24
"""Longer tables show only the rows that changed most, or without a baseline those with the worst first score."""
CHANGED_ROWS = 10
"""The number of rows that such a table shows."""
GROUPS = "groups with a score"
"""Not all groups of a row: a group without a positive example has no recall."""
BEFORE = " before"
"""What the columns of the baseline's scores end in."""

_TABLE = Markup('<div class="wide"><table class="scores"><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>\n{}')
_HEAD = Markup("<th>{}{}</th>")
_NAME = Markup('<td class="name">{}<br/><span class="note">{}</span></td>')
_CELL = Markup("<td>{}{}</td>")
_NOTE = Markup('<span class="note">{}</span>')


@dataclass(frozen=True)
class Shown:
    """The rows of a breakdown that are shown.

    `key`: the column that names the row. `counts`, `scores`: the columns of numbers of examples, and of scores,
    those that the task declares first.
    `compared`: whether the rows have the scores of the baseline, in columns that end in `BEFORE`. `dropped`: how many
    rows are left out.
    """

    key: str
    counts: Sequence[str]
    scores: Sequence[str]
    rows: Sequence[Mapping[Any, Any]]
    compared: bool
    dropped: int


@dataclass(frozen=True)
class Measured:
    """How certain the scores are: the interval of each that has one, and the number of groups with examples of it.

    No interval is shown for fewer than `least` groups.
    """

    intervals: Mapping[Cell, tuple[float, float]]
    groups: Mapping[Cell, int]
    least: int


def tables(scored: Scored) -> dict[str, pd.DataFrame]:
    """Return the breakdowns of a model's scores, without those that are curves or have a row for each example."""
    made = {name: table for name, table in scored.scores.breakdowns().items() if name not in scored.task.curves}
    return {name: table for name, table in made.items() if not len(table) == len(scored.examples) > 1}


def shown(new: pd.DataFrame, old: pd.DataFrame | None, metrics: Mapping[str, Metric]) -> Shown:
    """Return the rows of a breakdown that are shown, with the baseline's scores if it has the same table.

    Args:
        new: the table of the new model.
        old: the baseline's table, None if there is none.
        metrics: the metrics that the task declares; a column may have the name of one.
    """
    key = str(new.columns[0])
    compared = old is not None and list(old.columns) == list(new.columns)
    scores = [str(name) for name in new.columns[1:] if pd.api.types.is_float_dtype(new[name])]
    scores.sort(key=lambda name: name not in metrics)
    counts = [str(name) for name in new.columns[1:] if str(name) not in scores]
    both = new.merge(old, on=key, how="left", suffixes=("", BEFORE)) if old is not None and compared else new
    dropped = 0
    if len(both) > MOST_ROWS and scores:
        first = metrics.get(scores[0])
        worst = both[scores[0]] * (1 if first is None or first.better == "higher" else -1)
        changes = (-(both[name] - both[f"{name}{BEFORE}"]).abs().fillna(0) for name in scores if compared)
        kept = np.argsort(np.asarray(sum(changes) if compared else worst), kind="stable")[:CHANGED_ROWS]
        dropped, both = len(both) - len(kept), both.iloc[np.sort(kept)]
    return Shown(key, counts, scores, both.to_dict("records"), compared, dropped)


def measured(scored: Scored, *, least: int, resamples: int, confidence: float, seed: int) -> Measured:
    """Return how certain the scores of a model's breakdowns are; the draws are those of its metrics.

    Args:
        scored: the model on the test examples.
        least: the number of groups that an interval needs.
        resamples, confidence, seed: see `slipway.statistics.intervals.bootstrap`.
    """
    made, curves = scored.scores.breakdowns, scored.task.curves
    rows = with_intervals(
        made, scored.groups, scored.task.metrics, curves, resamples=resamples, confidence=confidence, seed=seed
    )
    groups = groups_of(made, scored.groups, curves, resamples)
    labels = {name: table.iloc[:, 0].tolist() for name, table in tables(scored).items()}
    found = {}
    for name, label, score in groups:
        if name not in labels:
            continue
        row = rows[name][labels[name].index(label)]
        low, high = row[f"{score}_low"], row[f"{score}_high"]
        if low is not None and high is not None and groups[name, label, score] >= least:
            found[name, label, score] = low, high
    return Measured(found, groups, least)


def note(measured: Measured | None) -> str:
    """Return when a score has no interval."""
    if measured is None:
        return ""
    fewer = "one group" if measured.least <= 2 else f"fewer than {measured.least} groups"
    return f"No interval is given for {fewer}, or where all groups have the same score."


def drawn(scored: Scored, old: Scored | None, measured: Measured | None) -> Iterator[tuple[str, Markup]]:
    """Yield the title of each breakdown, and its table as HTML.

    Args:
        scored: the model that ships on the test examples.
        old: the baseline on the same examples, None if there is none.
        measured: how certain the scores are, None if that is not known.
    """
    before = {} if old is None else tables(old)
    for name, table in tables(scored).items():
        yield markdown.words(name), _table(name, shown(table, before.get(name), scored.task.metrics), scored, measured)


def _table(name: str, of: Shown, scored: Scored, measured: Measured | None) -> Markup:
    decimals = {score: _decimals(of, score, scored.task.metrics.get(score)) for score in of.scores}
    axes = {score: _axis(name, score, of, scored.task.metrics.get(score), measured) for score in of.scores}
    heads = [(of.key, Markup()), *((score, charts.scale(axes[score])) for score in of.scores)]
    rows = []
    for row in of.rows:
        label = row[of.key]
        counts = {count: row[count] for count in of.counts}
        found = max((measured.groups.get((name, label, score), 0) for score in of.scores), default=0) if measured else 0
        counts |= {GROUPS: found} if found else {}
        cells = [_NAME.format(plain(str(label)), ", ".join(f"{count} {value:,}" for count, value in counts.items()))]
        cells += [
            _score(row, score, of.compared, axes[score], decimals[score], measured, (name, label, score))
            for score in of.scores
        ]
        rows.append(Markup("<tr>{}</tr>").format(Markup().join(cells)))
    return _TABLE.format(
        Markup().join(_HEAD.format(plain(head), mark) for head, mark in heads), Markup().join(rows), _said(of)
    )


def _score(
    row: Mapping[Any, Any],
    score: str,
    compared: bool,
    across: charts.Axis,
    decimals: int,
    measured: Measured | None,
    cell: Cell,
) -> Markup:
    """Return the cell of a score: its value and its interval, or before → now, above a drawing of both."""
    now, was = (None if pd.isna(value) else float(value) for value in (row[score], row.get(f"{score}{BEFORE}")))
    low, high = (None, None) if measured is None else measured.intervals.get(cell, (None, None))
    value, before, *ends = markdown.figures([now, was, low, high], decimals)
    text = f"{before} → {value}" if compared and was != now else str(value)
    if now is None:
        return _CELL.format(text, "")
    between = f" ({' to '.join(ends)})" if low is not None else ""
    uncertain = measured is not None and low is None
    said = Markup("{}{}").format(text, between or (_NOTE.format(" no interval") if uncertain else ""))
    return _CELL.format(said, charts.dot(across, now, low, high, was if compared else None, f"{text}{between}"))


def _decimals(of: Shown, score: str, metric: Metric | None) -> int:
    """The decimals of all figures of a column: three for a share, otherwise four digits of the largest."""
    values = np.abs([row[score] for row in of.rows])
    largest = float(np.nanmax(values)) if np.isfinite(values).any() else 0.0
    if (metric is not None and metric.share) or largest == 0:
        return 3
    return min(max(3 - math.floor(math.log10(largest)), 0), 9)


def _axis(name: str, score: str, of: Shown, metric: Metric | None, measured: Measured | None) -> charts.Axis:
    """The axis of a column: from 0 to 1 for a share, otherwise over its values and intervals."""
    values = [row[column] for row in of.rows for column in (score, f"{score}{BEFORE}") if column in row]
    if measured is not None:
        cells = ((name, row[of.key], score) for row in of.rows)
        values += [end for cell in cells for end in measured.intervals.get(cell, ())]
    if metric is not None and metric.share:
        values += [0.0, 1.0]
    return charts.axis(np.asarray(values, np.float64), 7, charts.DOT - 7)


def _said(of: Shown) -> Markup:
    """What the reader of a table needs to know."""
    said = ["The ring is the baseline."] if of.compared else []
    if of.dropped:
        said.append(f"{of.dropped:,} rows with {'smaller changes' if of.compared else 'better scores'} are not shown.")
    return Markup("<p>{}</p>").format(" ".join(said)) if said else Markup()
