"""The verbs that every task has and what it declares of itself, so that nobody needs to know which task it is.

`prepare` indexes the raw folder, specifies the encoding on the training examples and encodes every example;
`evaluate` and `convert-tflite` postprocess raw model outputs and score them; the `Predictor` pre- and postprocesses
with the same code, which is that of `slipway_edge.tasks`. Fitting belongs to the framework (`slipway.frameworks`). The
gate, the card and the report go by the metrics, kinds of group, contributions and words of the task.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
import pandas as pd

from slipway.core.config import Section
from slipway.core.metric import Metric
from slipway.core.spec import Spec
from slipway_edge.tables import column as column


def of_column(examples: pd.DataFrame, name: str) -> pd.Series:
    """The values [n] of a column of the raw data among an index's, or of `name` itself where there is none of that.

    The latter are the index's own, and those of tables that were written before columns were told apart.
    """
    return examples[column(name) if column(name) in examples else name]


@dataclass(frozen=True)
class Problem:
    """One bad example: where it is (a file, or file and row), a short kind to count by, and what is wrong."""

    where: str
    kind: str
    detail: str


@dataclass(frozen=True)
class Index:
    """What a raw folder holds.

    `examples` has a row an example with a unique RangeIndex, sorted by `example`, and at least the columns `example`
    (a unique name), `label` (the class name, or the target's value) and `group`; optionally `time` (datetime64),
    `split` (train, val, test) and `fold` (from 1), and whatever the task wants to see again when scoring, columns of
    the raw data by the name that `column` gives them. `problems` are the examples that were left out; `notes` are
    sentences on what else of the folder is not read, or is read as something that it does not say itself; `warnings`
    are sentences on what makes the data doubtful, which the model card repeats.
    """

    examples: pd.DataFrame
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Encoded:
    """A batch of encoded examples.

    `rows`: positions (int64) in the frame given to `encode`, one that stands there several times having as many inputs
    (the windows of a long sound); a row that is missing was bad, and `problems` says why. `inputs`: [n, *shape];
    `targets`: [n, *target], int64 classes or float32 values; `hashes`: [n] uint64 perceptual hashes by Hamming
    distance, where the task has them.
    """

    rows: np.ndarray
    inputs: np.ndarray
    targets: np.ndarray
    hashes: np.ndarray | None = None
    problems: list[Problem] = field(default_factory=list)


@dataclass(frozen=True)
class Plot:
    """A table that DVC draws: `template` is a DVC plot template, x and y are columns (y may be several)."""

    name: str
    title: str
    table: pd.DataFrame
    x: str
    y: str | Sequence[str]
    template: str = "linear"
    x_label: str | None = None
    y_label: str | None = None


Ratio = tuple[np.ndarray, np.ndarray]
"""Numerator and denominator of each example, [n] each."""


@dataclass(frozen=True, eq=False)
class Contributions:
    """What each example adds to the scores; arrays are [n].

    `ratios`: by metric, of those that are ratios of sums over examples: a bootstrap of such a score is two matrix
    products instead of a thousand evaluations. `by_class`: the same of each class by itself, by metric and class.

    `actual`: the class of each example by name, where it is decided between classes, else None. Of each example is
    known either what was `decided` (the class, or in words what became of it) and whether that was `right`, or how far
    off it is: `errors`, in the target's unit or in shares. What is not known is None.
    """

    ratios: Mapping[str, Ratio]
    by_class: Mapping[str, Mapping[str, Ratio]] = field(default_factory=dict)
    actual: np.ndarray | None = None
    decided: np.ndarray | None = None
    right: np.ndarray | None = None
    errors: np.ndarray | None = None


class Scores(Protocol):
    """What one model's predictions on some examples come to.

    A value: what any weight needs (a matching, an order, the parts of a breakdown) is computed once and kept in it.
    """

    def total(self, weight: np.ndarray | None = None) -> dict[str, float]:
        """Every metric that the task declares; `weight` [n] counts each example that often (the bootstrap's draws)."""

    def breakdowns(self, weight: np.ndarray | None = None) -> Mapping[str, pd.DataFrame]:
        """Breakdowns of the score: per class, per group, by hour, ... ; the first column names the row.

        `weight` [n] counts each example that often in the scores (columns of floats), which are nan where nothing is
        counted; counts (columns of integers), rows and their order are those of the examples as they are.
        """

    def plots(self) -> Sequence[Plot]:
        """The pictures of the score that `dvc plots show` draws."""

    @property
    def contributions(self) -> Contributions:
        """What each example adds."""


@dataclass(frozen=True)
class Words:
    """What a model gives, for people.

    `output`: what comes out of it, `{outputs}` standing for the names of the spec's `outputs`. `decision`: how a
    decision is made of that, None where that goes without saying. `differences`: what differences of two models'
    predictions are in. `limits`: whole sentences on where any model of the kind ends.
    """

    output: str
    decision: str | None = None
    differences: str = "absolute"
    limits: tuple[str, ...] = ()


class Task(Protocol):
    """One kind of model over one variant's `data` section."""

    Data: ClassVar[type[Section]]
    objective: ClassVar[str]
    """What a prediction is, in a word; tasks that decode alike share it."""
    metrics: ClassVar[Mapping[str, Metric]]
    """Every metric that its scores give, by name; a gate rule on another is refused when composing."""
    headline: ClassVar[tuple[str, ...]]
    """The few metrics to show in a table of variants, the main one first."""
    curves: ClassVar[frozenset[str]]
    """Tables whose rows are stretches of a curve, not parts of the examples that have a name: without intervals."""

    def __init__(self, data: Any) -> None: ...

    @property
    def kinds(self) -> frozenset[str]:
        """Its kinds of group, by which a rule may be: columns of its test examples, the raw data's first."""

    @property
    def classes(self) -> tuple[str, ...] | None:
        """The classes that it decides between: none at all, or None where the raw data names them."""

    def index(self, raw: Path) -> Index:
        """List the examples of a raw folder.

        Raises:
            DataError: the folder is not in the task's layout at all.
        """

    def specify(self, raw: Path, examples: pd.DataFrame) -> Spec:
        """Fix what encoding needs to know (class names, vocabularies, scales) from the training `examples`."""

    def encode(self, raw: Path, examples: pd.DataFrame, spec: Spec) -> Iterator[Encoded]:
        """Encode examples in order, in batches of bounded size."""

    def preprocess(self, examples: Any, spec: Spec) -> tuple[np.ndarray, np.ndarray]:
        """Encode what a caller of the Predictor has (bytes of pictures, a table's rows).

        Returns:
            inputs [m, *shape], and for each the number of its example [m]: more than one where a sound has windows.

        Raises:
            DataError: an example cannot be read; the message says which.
        """

    def postprocess(self, outputs: np.ndarray, inputs: np.ndarray, spec: Spec) -> np.ndarray:
        """Raw model outputs [n, *k] to predictions [n, *p]: probabilities, values in the target's unit, places."""

    def choose_threshold(
        self, examples: pd.DataFrame, targets: np.ndarray, predictions: np.ndarray, spec: Spec
    ) -> Mapping[str, Any]:
        """Choose the operating point on the validation split (a threshold, ...): JSON values that join the spec."""

    def agreement(self, native: np.ndarray, converted: np.ndarray, spec: Spec) -> dict[str, float]:
        """`agreement`, `max_difference` and `mean_difference` of two models' predictions (`slipway.metrics.parity`)."""

    def present(self, predictions: np.ndarray, examples: Any, spec: Spec) -> list[Any]:
        """Predictions as a caller of the Predictor wants them, in JSON values, one for each of its raw examples."""

    def scores(self, examples: pd.DataFrame, targets: np.ndarray, predictions: np.ndarray, spec: Spec) -> Scores:
        """What predictions [n, *p] on examples [n] with targets [n, *t] come to; `spec` has the operating point."""

    def words(self, spec: Spec) -> Words:
        """What a model of this spec gives, for people."""
