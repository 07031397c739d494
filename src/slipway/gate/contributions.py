"""One model on the test examples, and what each of them adds to its scores, as its task declares that."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from slipway.core.protocol import Contributions, Ratio, Scores, Task
from slipway.core.spec import Spec


@dataclass(frozen=True, eq=False)
class Scored:
    """One model on the test examples: rows [n] of the index, targets and predictions [n, ...], spec with threshold."""

    task: Task
    spec: Spec
    examples: pd.DataFrame
    targets: np.ndarray
    predictions: np.ndarray

    def score(self, weight: np.ndarray | None = None) -> dict[str, float]:
        """Every metric of the task; `weight` [n] counts each example that often."""
        return self.scores.total(weight)

    @cached_property
    def scores(self) -> Scores:
        """What the predictions come to."""
        return self.task.scores(self.examples, self.targets, self.predictions, self.spec)

    @property
    def contributions(self) -> Contributions:
        """What each example adds."""
        return self.scores.contributions

    @property
    def groups(self) -> pd.Series:
        """[n] the group of each example."""
        return self.examples["group"]

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes that are decided between, none where the task has no such decision."""
        return tuple(self.spec["classes"]) if self.contributions.actual is not None else ()

    @property
    def actual(self) -> np.ndarray:
        """[n] the class of each example by name."""
        assert self.contributions.actual is not None  # there are `classes`
        return self.contributions.actual

    def ratio(self, metric: str) -> Ratio | None:
        """The parts of a metric, None where it is no ratio of sums."""
        return self.contributions.ratios.get(metric)

    def of_class(self, metric: str, name: str) -> Ratio | None:
        """The parts of a metric of one class by itself, None where it is not known of that."""
        return self.contributions.by_class.get(metric, {}).get(name)


def aligned(scored: Scored, names: Sequence[str]) -> Scored | None:
    """The same with its examples in the order of `names`, None where one of them is missing."""
    position = pd.Index(scored.examples["example"]).get_indexer(pd.Index(names))
    if (position < 0).any():
        return None
    examples = scored.examples.iloc[position].reset_index(drop=True)
    return Scored(scored.task, scored.spec, examples, scored.targets[position], scored.predictions[position])
