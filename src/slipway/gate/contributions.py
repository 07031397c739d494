"""One model on the test examples, and what each example contributes to the scores, as the task declares it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from slipway.core.protocol import Contributions, Ratio, Scores, Task
from slipway.core.spec import Spec


@dataclass(frozen=True, eq=False)
class Scored:
    """One model on the test examples: n rows of the index, targets and predictions [n, ...], spec with threshold."""

    task: Task
    spec: Spec
    examples: pd.DataFrame
    targets: np.ndarray
    predictions: np.ndarray

    def score(self, weight: np.ndarray | None = None) -> dict[str, float]:
        """Return every metric of the task; `weight` [n] is how often each example counts."""
        return self.scores.total(weight)

    @cached_property
    def scores(self) -> Scores:
        """The scores of the predictions."""
        return self.task.scores(self.examples, self.targets, self.predictions, self.spec)

    @property
    def contributions(self) -> Contributions:
        """What each example contributes to the scores."""
        return self.scores.contributions

    @property
    def groups(self) -> pd.Series:
        """The group of each example, [n]."""
        return self.examples["group"]

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of a task that decides between classes, else none."""
        return tuple(self.spec["classes"]) if self.contributions.members else ()

    @property
    def exclusive(self) -> bool:
        """Whether each example is of exactly one of the classes."""
        return bool(self.classes) and not self.contributions.several

    @property
    def actual(self) -> np.ndarray:
        """The name of the actual class of each example, or of all its classes, [n]."""
        assert self.contributions.actual is not None  # the task has classes
        return self.contributions.actual

    def members(self, name: str) -> np.ndarray:
        """Whether each example is of the class `name`, [n]."""
        return self.contributions.members[name]

    def ratio(self, metric: str) -> Ratio | None:
        """The numerator and denominator of a metric, None where it is not a ratio of sums."""
        return self.contributions.ratios.get(metric)

    def of_class(self, metric: str, name: str) -> Ratio | None:
        """The numerator and denominator of a metric of one class, None where the metric has no value by class."""
        return self.contributions.by_class.get(metric, {}).get(name)


def aligned(scored: Scored, names: Sequence[str]) -> Scored | None:
    """Return the model with its examples in the order of `names`, None where one of them is missing."""
    position = pd.Index(scored.examples["example"]).get_indexer(pd.Index(names))
    if (position < 0).any():
        return None
    examples = scored.examples.iloc[position].reset_index(drop=True)
    return Scored(scored.task, scored.spec, examples, scored.targets[position], scored.predictions[position])
