"""Why trees give an answer: what each column of a row adds to it, by SHAP values.

The values come from the native model, whose answers are those of the model that ships; this is checked. The task says
which answer is explained, and of which column each feature is computed (`slipway.core.shown`). A column adds what its
features add together.
"""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd

from slipway.core.errors import ModelError
from slipway.core.shown import Added
from slipway.data.shards import PackedSplit
from slipway.gate.contributions import Scored

SAMPLE = 400
"""The number of test examples that the summary shows, about; they are evenly spaced."""
SAME, MOST_OTHER = 1e-3, 0.01
"""How far the two models may be apart, as a share of the usual size of an answer, but for this share of the answers."""


@dataclass(frozen=True)
class Explanation:
    """What the columns add to the answer for one example.

    `of`: what the answer is, in words. `start`: the answer without any column; `by` says whose that is. `answer`: with
    all of them. `columns`: what each adds, the largest first. `values`: of the columns that are a feature themselves.
    """

    of: str
    start: float
    by: str
    answer: float
    columns: Mapping[str, float]
    values: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Explainer:
    """Explains the answers of a model for its test examples.

    `scored`: the model that ships. `inputs`: the test examples as features [n, f]. `native`: the folder of the native
    model. `framework`, `gallery`: the modules `importance` of its framework and `gallery` of its task.
    """

    scored: Scored
    inputs: np.ndarray
    native: Path
    framework: ModuleType
    gallery: ModuleType

    def explain(self, at: Sequence[int]) -> list[Explanation]:
        """Return the explanations for test examples, given their positions [n]."""
        if not len(at):
            return []
        made, by_column = self._added(np.asarray(at))
        given: list[dict[str, float]] = self._values(np.asarray(at)).to_dict("records")  # type: ignore[assignment]  # of names
        found = []
        for of, start, added, values in zip(made.of, made.start.tolist(), by_column.tolist(), given, strict=True):
            ordered = sorted(zip(self.columns, added, strict=True), key=lambda one: (-abs(one[1]), one[0]))
            found.append(Explanation(of, start, made.by, start + sum(added), dict(ordered), values))
        return found

    @cached_property
    def columns(self) -> list[str]:
        """The columns, in the order of their first feature."""
        return list(dict.fromkeys(self._of_feature))

    @cached_property
    def sample(self) -> tuple[set[str], pd.DataFrame, pd.DataFrame]:
        """What the answers are for a sample of the test examples, what each column adds, and the values of the columns.

        A value is NaN if it is missing, or if the column has no order.
        """
        at = np.unique(np.linspace(0, len(self.inputs) - 1, min(SAMPLE, len(self.inputs))).astype(np.int64))
        made, by_column = self._added(at)
        return (
            set(made.of),
            pd.DataFrame(by_column, columns=self.columns),
            self._values(at).reindex(columns=self.columns),
        )

    def importance(self, of_features: Mapping[str, float]) -> dict[str, float]:
        """Return the importance of each column, given that of each feature in the order of the inputs."""
        total = dict.fromkeys(self.columns, 0.0)
        for column, value in zip(self._of_feature, of_features.values(), strict=True):
            total[column] += value
        return total

    def _values(self, at: np.ndarray) -> pd.DataFrame:
        """The values of the columns that are a feature themselves, for the examples at positions [n]."""
        names = self.scored.spec["input"]["names"]
        values = {name: self.inputs[at, names.index(name)] for name in self.columns if name in names}
        return pd.DataFrame(values, index=range(len(at)))

    @cached_property
    def _of_feature(self) -> list[str]:
        """The column of each feature."""
        found: list[str] = self.gallery.columns(self.scored.task, self.scored.spec)
        return found

    def _added(self, at: np.ndarray) -> tuple[Added, np.ndarray]:
        """What the features of the examples at positions [n] add, and what the columns add, [n, columns]."""
        inputs = self.inputs[at]
        made: Added = self.gallery.added(
            self.scored.task, inputs, self.framework.shap(self.native, inputs), self.scored.spec
        )
        number = pd.Index(self.columns).get_indexer(pd.Index(self._of_feature))
        by_column = np.zeros((len(at), len(self.columns)))
        np.add.at(by_column.T, number, made.features.T)
        return made, by_column


def explainer(scored: Scored, framework: str, gallery: ModuleType | None, native: Path, test: Path) -> Explainer | None:
    """Return what explains the answers of a model; None if its framework or its task cannot.

    Args:
        scored: the model that ships on the test examples.
        framework: the name of its framework.
        gallery: the module of its task that shows its examples, if it has one.
        native: the folder of the native model.
        test: the folder of the encoded test examples.

    Raises:
        ModelError: the framework is not installed, one of the folders is not here, or they are of another build than
            the model that ships.
    """
    if not hasattr(gallery, "added"):
        return None
    name = f"slipway.frameworks.{framework}.importance"
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name == name:
            return None
        raise ModelError(f"{error.name} is not installed here: run `make .venv/build`, then the report again")
    assert gallery is not None  # it has an attribute
    for folder in (native, test):
        if not folder.is_dir():
            raise ModelError(f"{folder} is not here: run `dvc pull {native} {test.parent}`, then the report again")
    split = PackedSplit(test)
    position = pd.Index(split.examples["example"]).get_indexer(pd.Index(scored.examples["example"]))
    again = "run `dvc checkout`, then the report again"
    if (position < 0).any():
        raise ModelError(f"{test} is of other examples than the predictions of the model that ships: {again}")
    inputs = split.gather(position)
    load = importlib.import_module(f"slipway.frameworks.{framework}.native").load
    answers = scored.task.postprocess(load(native)(inputs), inputs, scored.spec)
    usual = np.abs(scored.predictions).mean()
    if (np.abs(answers - scored.predictions) > SAME * usual).mean() > MOST_OTHER:
        raise ModelError(f"{native} is another model than the one that ships: {again}")
    return Explainer(scored, inputs, native, module, gallery)
