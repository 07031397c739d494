"""The figures of a variant on the HTML page: the plots of its task, its training curves, its important columns."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from markupsafe import Markup

from slipway.core.protocol import Plot
from slipway.gate.contributions import Scored
from slipway.release import charts
from slipway.release.explanations import Explainer

MOST_BARS, MOST_ROWS = 20, 12
"""The number of columns that the figures of their importance, and of what they add to answers, show."""


@dataclass(frozen=True)
class Curves:
    """What was recorded while a model was trained.

    `tables`: by metric, the column `step` and a column for each split (train, val). `step`: what a step is, in words.
    """

    step: str
    tables: Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class Figure:
    """A drawing with its title."""

    title: str
    drawn: Markup


def figures(
    scored: Scored,
    old: Scored | None,
    curves: Curves | None,
    importance: Mapping[str, float],
    explainer: Explainer | None = None,
) -> list[Figure]:
    """Return the figures of a model.

    Args:
        scored: the model that ships on the test examples.
        old: the baseline on the same examples, None if there is none.
        curves: what was recorded in training, None if that is not known.
        importance: the importance of each feature or column in percent; empty for a framework that has none.
        explainer: explains the answers of the model, if that is possible.
    """
    found = [*_confusion(scored, old), *map(_plot, _plots(scored))]
    if curves is not None:
        for metric, table in curves.tables.items():
            splits = [str(name) for name in table.columns if name != "step"]
            name = metric.replace("_", " ")
            drawn = charts.lines(f"{name} while training", table, "step", splits, curves.step, name)
            found.append(Figure(f"{name[0].upper()}{name[1:]} while training", drawn))
    if importance:
        found.append(_importance(importance))
    if explainer is not None:
        found.append(_added(explainer))
    return found


def counts(scored: Scored) -> np.ndarray:
    """Return the counts of test examples by actual class (row) and decided class (column), in class order."""
    decided = scored.contributions.decided
    cells = [[int(((scored.actual == a) & (decided == d)).sum()) for d in scored.classes] for a in scored.classes]
    return np.array(cells)


def _confusion(scored: Scored, old: Scored | None) -> Iterator[Figure]:
    if scored.exclusive:
        before = None if old is None or old.classes != scored.classes else counts(old)
        yield Figure("Confusion matrix", charts.confusion(scored.classes, counts(scored), before))


def _plots(scored: Scored) -> list[Plot]:
    """Return the plots of the task, except the confusion matrix, which is drawn with the change to the baseline."""
    return [plot for plot in scored.scores.plots() if plot.template != "confusion"]


def _plot(plot: Plot) -> Figure:
    """Draw a plot of a task as its DVC template says."""
    ys = [plot.y] if isinstance(plot.y, str) else list(plot.y)
    x_label, y_label = plot.x_label or plot.x, plot.y_label or (ys[0] if len(ys) == 1 else "")
    table = plot.table
    if plot.template.startswith("bar_horizontal"):
        return Figure(plot.title, charts.bars(plot.title, table[ys[0]].tolist(), table[plot.x].tolist(), x_label))
    if plot.template == "scatter":
        x, y = (table[name].to_numpy(np.float64) for name in (plot.x, ys[0]))
        return Figure(plot.title, charts.points(plot.title, x, y, x_label, y_label))
    return Figure(plot.title, charts.lines(plot.title, table, plot.x, ys, x_label, y_label))


def _importance(importance: Mapping[str, float]) -> Figure:
    """Draw the largest values, the largest first."""
    ordered = sorted(importance.items(), key=lambda one: (-one[1], one[0]))[:MOST_BARS]
    title = "Importance" + (f": the first {MOST_BARS}" if len(importance) > MOST_BARS else "")
    names, values = zip(*ordered, strict=True)
    return Figure(title, charts.bars(title, names, values, "share of the change of predictions, %"))


def _added(explainer: Explainer) -> Figure:
    """Draw what each column adds to the answers for test examples, the column that adds most on average first."""
    answers, added, values = explainer.sample
    ordered = sorted(map(str, added), key=lambda name: (-added[name].abs().mean(), name))[:MOST_ROWS]
    of = next(iter(answers)) if len(answers) == 1 else "the score of the predicted class"
    title = f"What columns add to {len(added):,} answers" + (
        f": the first {MOST_ROWS}" if len(ordered) < added.shape[1] else ""
    )
    high = pd.DataFrame({name: _high(values[name]) for name in ordered})
    label = f"added to {of}"
    return Figure(title, charts.swarm(title, ordered, added[ordered].to_numpy(), high.to_numpy(), label))


def _high(values: pd.Series) -> pd.Series:
    """Whether each value is high, 1 or 0: above the median, or at it if none is above; NaN where it is missing."""
    middle = values.median()
    above = values > middle
    high = above if above.any() else values >= middle
    constant = values.nunique() < 2
    return high.astype(float).where(values.notna() & (not constant))
