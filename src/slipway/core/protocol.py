"""The protocol of a task: its methods and its declarations, so that other code works with any task.

`prepare` indexes the raw folder, specifies the encoding on the training examples and encodes every example;
`evaluate` and `convert-tflite` postprocess raw model outputs and score them; the `Predictor` pre- and postprocesses
with the same code, from `slipway_edge.tasks`. The framework fits the model (`slipway.frameworks`). The gate, the card
and the report use the metrics, kinds of group, contributions, words and usage of the task.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
import pandas as pd

from slipway.core.config import Section
from slipway.core.metric import Metric
from slipway.core.spec import Spec
from slipway_edge.tables import column as column


def of_column(examples: pd.DataFrame, name: str) -> pd.Series:
    """Return the values [n] of the raw data's column `name`; if there is none, those of the index's own column `name`.

    In older tables, columns of the raw data have their plain name too.
    """
    return examples[column(name) if column(name) in examples else name]


def each_class(examples: pd.DataFrame) -> pd.Series:
    """Return the class of each example, or its classes if it may have several, with the example's index.

    An example of several classes occurs several times, and one of none does not occur.
    """
    return examples["labels"].explode().dropna() if "labels" in examples else examples["label"]


@dataclass(frozen=True)
class Problem:
    """One bad example: where it is (a file, or file and row), its kind (for counting), and what is wrong."""

    where: str
    kind: str
    detail: str


@dataclass(frozen=True)
class Index:
    """The examples of a raw folder.

    `examples` has one row per example, with a unique RangeIndex, sorted by `example`. Its required columns are
    `example` (a unique name), `label` (the class name, or the target's value) and `group`. Optional columns are
    `labels` (the list of class names, if an example may have several or none; `label` is then their text), `time`
    (datetime64), `split` (train, val, test), `fold` (from 1), and any others that the task needs for scoring; columns
    of the raw data have the name that `column` gives them. `problems` are the examples that were left out. `notes` are
    sentences on other parts of the folder that are not read, or are read in a way that the data does not state.
    `warnings` are sentences on what makes the data doubtful; the model card repeats them.
    """

    examples: pd.DataFrame
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Encoded:
    """A batch of encoded examples.

    `rows`: [n] int64, the position of each input's example in the frame given to `encode`. A position occurs several
    times if the example has several inputs (the windows of a long sound); one that is missing is a bad example, and
    `problems` says why. `inputs`: [n, *shape]. `targets`: [n, *target], int64 classes, uint8 labels or float32 values.
    `hashes`: [n] uint64 perceptual hashes, compared by Hamming distance, if the task has them.
    """

    rows: np.ndarray
    inputs: np.ndarray
    targets: np.ndarray
    hashes: np.ndarray | None = None
    problems: list[Problem] = field(default_factory=list)


@dataclass(frozen=True)
class Plot:
    """A table that DVC plots: `template` is a DVC plot template; x and y are columns (y may be several)."""

    name: str
    title: str
    table: pd.DataFrame
    x: str
    y: str | Sequence[str]
    template: str = "simple"
    x_label: str | None = None
    y_label: str | None = None


Ratio = tuple[np.ndarray, np.ndarray]
"""Numerator and denominator of each example, [n] each."""


@dataclass(frozen=True, eq=False)
class Contributions:
    """What each example adds to the scores; arrays are [n].

    `ratios`: by metric, for the metrics that are ratios of sums over examples. The bootstrap of such a score takes two
    matrix products instead of a thousand evaluations. `by_class`: the same for each class, by metric and class.

    `members`: by class, whether each example is of it; empty if the task decides between no classes. `several`: whether
    an example may be of several classes or of none. `actual`: the class name of each example, or all of its class names
    as text; None if there are no classes.

    Each example has either a decision or an error. `decided` is the decision (the class, or the outcome in words) and
    `right` whether it is right; `errors` is the error, in the target's unit or as a share. What a task does not have is
    None.
    """

    ratios: Mapping[str, Ratio]
    by_class: Mapping[str, Mapping[str, Ratio]] = field(default_factory=dict)
    members: Mapping[str, np.ndarray] = field(default_factory=dict)
    several: bool = False
    actual: np.ndarray | None = None
    decided: np.ndarray | None = None
    right: np.ndarray | None = None
    errors: np.ndarray | None = None


class Scores(Protocol):
    """The scores of one model's predictions on some examples.

    Immutable: what all weights share (a matching, an order, the parts of a breakdown) is computed once and kept.
    """

    def total(self, weight: np.ndarray | None = None) -> dict[str, float]:
        """Return every metric of the task; `weight` [n] is how often each example counts (for a bootstrap)."""

    def breakdowns(self, weight: np.ndarray | None = None) -> Mapping[str, pd.DataFrame]:
        """Return the breakdowns of the score: per class, per group, by hour, ... ; the first column names the row.

        `weight` [n] is how often each example counts in the scores (columns of floats), which are NaN if no example
        counts. Counts (columns of integers), rows and their order do not depend on `weight`.
        """

    def plots(self) -> Sequence[Plot]:
        """Return the plots that `dvc plots show` draws."""

    @property
    def contributions(self) -> Contributions:
        """What each example adds to the scores."""


@dataclass(frozen=True)
class Words:
    """Texts on a model's output, for pages.

    `output`: what the model returns; `{outputs}` stands for the names of the spec's `outputs`. `decision`: how the
    output becomes a decision, None if that is obvious. `differences`: the unit of the differences between two models'
    predictions. `limits`: whole sentences on the limits of every model of this task. `hub`: the task's name on the
    Hugging Face hub; None if it is that of the task, with `-` for `_`.
    """

    output: str
    decision: str | None = None
    differences: str = "absolute"
    limits: tuple[str, ...] = ()
    hub: str | None = None


@dataclass(frozen=True)
class Column:
    """A column of the tables that a model takes.

    `missing`: whether a value may be missing, None if that is not known. `values`: the categories of the training data.
    `others`: whether other categories are allowed too. `note`: what else there is to know about the values.
    """

    name: str
    kind: Literal["number", "category", "date", "time"]
    missing: bool | None = None
    values: tuple[str, ...] = ()
    others: bool = False
    note: str = ""


@dataclass(frozen=True)
class Usage:
    """How a model is called, for its card.

    `example`: what an example is, and how a caller gives one or several. `code`: Python that assigns an example to
    `example`, given `folder`, the path of the release; it needs `imports`. `origin`: whole sentences on this example.
    `given`: this example as a value, if it is not `golden` and `present` needs it. `file`: a file name for
    `slipway predict`. `steps`: whole sentences on what happens to an example before the model runs. `answer`: whole
    sentences on the form of a prediction. `columns`: those of a table, as in the raw data.
    """

    example: str
    code: str
    origin: str
    file: str
    imports: str = ""
    given: Any = None
    steps: tuple[str, ...] = ()
    answer: str = ""
    columns: tuple[Column, ...] = ()


class Task(Protocol):
    """One kind of model over one variant's `data` section."""

    Data: ClassVar[type[Section]]
    objective: ClassVar[str]
    """What a prediction is, in one word; tasks that decode outputs in the same way share it."""
    curves: ClassVar[frozenset[str]]
    """Breakdowns whose rows are points of a curve and not named parts of the examples: they get no intervals."""

    def __init__(self, data: Any) -> None: ...

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """Every metric of its scores, by name; the compose stage refuses a gate rule on any other metric.

        The class has those of all its variants.
        """

    @property
    def headline(self) -> tuple[str, ...]:
        """The few metrics that a table of variants shows, the main one first."""

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of group that a rule may name: columns of its test examples, those of the raw data first."""

    @property
    def classes(self) -> tuple[str, ...] | None:
        """The classes that it decides between: empty if it has none, None if the raw data names them."""

    def index(self, raw: Path) -> Index:
        """List the examples of a raw folder.

        Raises:
            DataError: the folder does not have the layout of the task.
        """

    def specify(self, raw: Path, examples: pd.DataFrame) -> Spec:
        """Derive what encoding needs (class names, vocabularies, scales) from the training `examples`."""

    def encode(self, raw: Path, examples: pd.DataFrame, spec: Spec) -> Iterator[Encoded]:
        """Encode the examples in order, in batches of bounded size."""

    def preprocess(self, examples: Any, spec: Spec) -> tuple[np.ndarray, np.ndarray]:
        """Encode the raw examples of a caller of the Predictor (bytes of pictures, rows of a table).

        Returns:
            The inputs [m, *shape] and each input's example number [m]; a sound may have several inputs (windows).

        Raises:
            DataError: an example cannot be read; the message says which.
        """

    def postprocess(self, outputs: np.ndarray, inputs: np.ndarray, spec: Spec) -> np.ndarray:
        """Turn raw outputs [n, *k] into predictions [n, *p]: probabilities, values in the target's unit, places."""

    def choose_threshold(
        self, examples: pd.DataFrame, targets: np.ndarray, predictions: np.ndarray, spec: Spec
    ) -> Mapping[str, Any]:
        """Choose the operating point on the validation split (a threshold, ...); return JSON values for the spec."""

    def agreement(self, native: np.ndarray, converted: np.ndarray, spec: Spec) -> dict[str, float]:
        """Return `agreement`, `max_difference` and `mean_difference` of predictions (see `slipway.metrics.parity`)."""

    def present(self, predictions: np.ndarray, examples: Any, spec: Spec) -> list[Any]:
        """Return the predictions for a caller of the Predictor: JSON values, one for each raw example."""

    def scores(self, examples: pd.DataFrame, targets: np.ndarray, predictions: np.ndarray, spec: Spec) -> Scores:
        """Score predictions [n, *p] on examples [n] with targets [n, *t]; `spec` has the operating point."""

    def words(self, spec: Spec) -> Words:
        """Return the texts on the output of a model with this spec."""

    def usage(self, spec: Spec, shown: int, golden: np.ndarray | None) -> Usage:
        """Return how a model with this spec is called, with an example that gives the input `golden` [*shape].

        It is the input of the golden example with the number `shown`. The golden examples are a part of every release,
        and the card shows no other data. If `golden` is None, or no example can be made from it, one is made up.
        """
