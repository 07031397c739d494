"""The mistakes of a model, for someone who wants to look at them: which examples, and what a page shows of each.

Three lists: the mistakes of which the model is most certain, the examples that flipped against the baseline, and the
examples whose label may be wrong. The last come from predictions of models that were not trained on the example, as a
cross-validation gives them, by the rule of confident learning (Northcutt, Jiang and Chuang, "Confident Learning:
Estimating Uncertainty in Dataset Labels", JAIR 70, 2021): the model decides for another class, with at least the mean
probability that it gives to this class where it is the label.

How an example is shown, and how certain a prediction is that has no probabilities of classes, is the task's own
(`slipway.core.shown`).
"""

import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd

from slipway.core.errors import SlipwayError
from slipway.core.protocol import column
from slipway.core.shown import Shown
from slipway.gate.comparison import Comparison
from slipway.gate.contributions import Scored
from slipway.release.explanations import Explainer, Explanation
from slipway.release.markdown import figures
from slipway.release.media import reduced

MOST = 24
"""The number of examples in the first and in the last list."""
CONFIDENT, FURTHEST, SUSPECT = "confident mistake", "largest error", "label may be wrong"
WORSE, BETTER = "flipped: worse", "flipped: better"
_OWN = ("example", "label", "group", "split", "fold")
"""Columns of the index that a card shows anyway, or that say nothing about the example."""


@dataclass(frozen=True)
class Mistake:
    """One example in one list.

    `why`: the list. `label`, `said`, `before`: the truth, what the model says, and what the baseline says if it is a
    flip. `kind`: the class to filter by, empty if the task has no classes. `certainty`: the model's confidence, or its
    error, as text. `explained`: why the model says so, None if that is not known.
    """

    why: str
    example: str
    group: str
    kind: str
    label: str
    said: str
    before: str
    certainty: str
    shown: Shown
    explained: Explanation | None = None


@dataclass(frozen=True)
class _Pick:
    """An example before it is read: its position in the examples of a model."""

    why: str
    at: int
    said: str
    before: str
    certainty: str


def mistakes(
    scored: Scored,
    task: str,
    raw: Path,
    comparison: Comparison | None = None,
    folds: Scored | None = None,
    explainer: Explainer | None = None,
) -> list[Mistake]:
    """Return the mistakes of a model.

    Args:
        scored: the model that ships on the test examples.
        task: the name of its task.
        raw: the folder of raw data, from which the examples are shown; it may be absent.
        comparison: the comparison with the baseline, if there is one.
        folds: predictions for the examples of a cross-validation by the models that did not learn them, if there are.
            What these say is not explained, since the models of a cross-validation are not kept.
        explainer: explains what the model says, if that is possible.
    """
    gallery = gallery_of(task)
    picks = [*_confident(scored, gallery), *_flipped(scored, comparison)]
    found = _shown(scored, gallery, raw, picks)
    if explainer is not None:
        explained = explainer.explain([pick.at for pick in picks])
        found = [replace(one, explained=why) for one, why in zip(found, explained, strict=True)]
    return found if folds is None else found + _shown(folds, gallery, raw, list(_suspects(folds)))


def probabilities(scored: Scored) -> np.ndarray | None:
    """Return the probabilities [n, classes] of a model that decides for one of the classes by them, else None."""
    predicted, classes = scored.predictions, scored.classes
    if not scored.exclusive or predicted.ndim != 2:
        return None
    if predicted.shape[1] == 1 and len(classes) == 2:
        return np.concatenate([predicted, 1 - predicted], axis=1)
    return predicted if predicted.shape[1] == len(classes) else None


def _confident(scored: Scored, gallery: ModuleType | None) -> Iterator[_Pick]:
    """Yield the mistakes with the highest confidence; of numbers and places, those that are furthest off."""
    made = scored.contributions
    if made.right is None:
        assert made.errors is not None  # a task has either `right` or `errors`
        order = np.argsort(-np.nan_to_num(made.errors), kind="stable")[:MOST]
        for at in order[made.errors[order] > 0]:
            yield _Pick(FURTHEST, int(at), _said(scored, at), "", f"off by {_value(float(made.errors[at]))}")
        return
    certainty = _certainty(scored, gallery)
    wrong = np.flatnonzero(~made.right)
    if certainty is not None:
        wrong = wrong[np.argsort(-certainty[wrong], kind="stable")]
    for at in wrong[:MOST]:
        yield _Pick(CONFIDENT, int(at), _said(scored, at), "", "" if certainty is None else f"{certainty[at]:.3f}")


def _flipped(scored: Scored, comparison: Comparison | None) -> Iterator[_Pick]:
    places = {name: at for at, name in enumerate(scored.examples["example"].astype(str))}
    for flip in () if comparison is None else comparison.flips:
        yield _Pick(BETTER if flip.better else WORSE, places[flip.example], flip.new, flip.old, "")


def _suspects(folds: Scored) -> Iterator[_Pick]:
    """Yield the examples whose label may be wrong, the most certain first."""
    probable = probabilities(folds)
    if probable is None:
        return
    names = list(folds.classes)
    label = np.array([names.index(one) for one in folds.actual])
    usual = np.array(
        [probable[label == one, one].mean() if (label == one).any() else np.inf for one in range(len(names))]
    )
    other = probable.argmax(axis=1)
    highest = probable[np.arange(len(label)), other]
    suspect = np.flatnonzero((other != label) & (highest >= usual[other]))
    for at in suspect[np.argsort(-highest[suspect], kind="stable")][:MOST]:
        yield _Pick(SUSPECT, int(at), names[other[at]], "", f"{highest[at]:.3f}")


def _certainty(scored: Scored, gallery: ModuleType | None) -> np.ndarray | None:
    """Return how certain the model is of each decision, [n]; None if that is not known."""
    if (probable := probabilities(scored)) is not None:
        decided = scored.contributions.decided
        assert decided is not None  # a task with `right` has `decided`
        return probable[np.arange(len(decided)), [scored.classes.index(one) for one in decided]]
    confidence = getattr(gallery, "confidence", None)
    return None if confidence is None else np.asarray(confidence(scored.targets, scored.predictions, scored.spec))


def _said(scored: Scored, at: int) -> str:
    """What the model says about an example: its decision, or its value if it is a number."""
    decided = scored.contributions.decided
    if decided is not None:
        return str(decided[at])
    value = np.ravel(scored.predictions[at])
    if "quantiles" in scored.spec:
        low, middle, high = (_value(float(one)) for one in value)
        return f"{middle} ({low} to {high})"
    return _value(float(value[0])) if len(value) == 1 else ""


def _shown(scored: Scored, gallery: ModuleType | None, raw: Path, picks: Sequence[_Pick]) -> list[Mistake]:
    """Return the examples with what a page shows of them."""
    at = [pick.at for pick in picks]
    examples = scored.examples.iloc[at].reset_index(drop=True)
    actual = scored.contributions.actual
    cards = _views(scored, gallery, raw, examples, at)
    return [
        Mistake(
            why=pick.why,
            example=str(row["example"]),
            group=str(row["group"]),
            kind="" if actual is None else str(actual[pick.at]),
            label=_value(row["label"]),
            said=pick.said,
            before=pick.before,
            certainty=pick.certainty,
            shown=card,
        )
        for pick, (_, row), card in zip(picks, examples.iterrows(), cards, strict=True)
    ]


def _views(scored: Scored, gallery: ModuleType | None, raw: Path, examples: pd.DataFrame, at: list[int]) -> list[Shown]:
    """Return what the task shows of examples; without a gallery, the columns of its index."""
    if not at:
        return []
    if gallery is None:
        plain = {str(name): examples[name].tolist() for name in examples if not examples[name].map(np.ndim).any()}
        named = {name.removeprefix(column("")): values for name, values in plain.items() if name not in _OWN}
        return [Shown(row={name: values[row] for name, values in named.items()}) for row in range(len(at))]
    if not raw.is_dir():
        return [Shown(problem=f"{raw} is not here: run `dvc pull {raw}`, then the report again")] * len(at)
    try:
        given = scored.targets[at], scored.predictions[at], scored.spec
        return [_reduced(one) for one in gallery.shown(scored.task, raw, examples, *given)]
    except SlipwayError as error:
        return [Shown(problem=str(error))] * len(at)


def _reduced(shown: Shown) -> Shown:
    """Return an example with a small picture, so that not all of them are in memory at full size."""
    return shown if shown.picture is None else replace(shown, picture=reduced(shown.picture))


def _value(value: object) -> str:
    return str(figures([value])[0]) if isinstance(value, float) else str(value)


def gallery_of(task: str) -> ModuleType | None:
    """Return the module of the task that shows its examples, None if it has none."""
    name = f"slipway.tasks.{task}.gallery"
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        return None
