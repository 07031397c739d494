"""Run a baseline that was tested on other examples on today's test examples.

Where the baseline takes the same inputs, it runs on the prepared split. Otherwise today's raw examples are encoded as
in its training: at its size, with its vocabularies.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from slipway.core.errors import ModelError
from slipway.core.protocol import Task
from slipway.core.spec import Spec
from slipway.data.pooling import by_example
from slipway.data.shards import PackedSplit
from slipway.gate.contributions import Scored
from slipway_edge.interpreter import Interpreter

BATCH = 256
"""Examples predicted at a time."""


def replay(task: Task, spec: Spec, model: bytes, names: pd.Series, test: Path, raw: Path, alike: bool) -> Scored:
    """Return a baseline with its predictions on test examples.

    Args:
        task: the baseline's task, with its own `data` section.
        spec: the spec of its release record.
        model: its TFLite file.
        names: the names of the test examples in the index, [n].
        test: the prepared test split, used where the baseline takes the same inputs.
        raw: the raw folder, used where it does not.
        alike: whether the baseline takes the same inputs.

    Raises:
        ModelError: the split or the folder is not on this disk, or lacks an example.
        DataError: the raw folder cannot be read as the baseline reads it.
    """
    interpreter = Interpreter(model)
    frames, targets, predictions = [], [], []
    for examples, inputs, truth in _prepared(test) if alike else _encoded(task, spec, names, raw):
        frames.append(examples)
        targets.append(truth)
        predictions.append(task.postprocess(interpreter(inputs), inputs, spec))
    one = by_example(pd.concat(frames, ignore_index=True), np.concatenate(targets), np.concatenate(predictions))
    return Scored(task, spec, *one)


Batches = Iterator[tuple[pd.DataFrame, np.ndarray, np.ndarray]]


def _prepared(test: Path) -> Batches:
    if not (test / "examples.parquet").is_file():
        raise ModelError(f"{test} is not here, and the baseline must run on it: run `dvc pull {test.parent}`")
    split = PackedSplit(test)
    start = 0
    for inputs, targets in split.batches(BATCH):
        yield split.examples.iloc[start : start + len(inputs)], inputs, targets
        start += len(inputs)


def _encoded(task: Task, spec: Spec, names: pd.Series, raw: Path) -> Batches:
    if not raw.is_dir():
        raise ModelError(f"{raw} is not here, and the baseline must run on it: run `dvc pull {raw}`")
    indexed = task.index(raw).examples
    position = pd.Index(indexed["example"]).get_indexer(pd.Index(names))
    if (position < 0).any():
        missing = names[position < 0].iloc[0]
        raise ModelError(
            f"{raw}, read as the baseline reads it, has no {missing}; {int((position < 0).sum())} are missing in all"
        )
    examples = indexed.iloc[position].reset_index(drop=True)
    for encoded in task.encode(raw, examples, spec):
        yield examples.iloc[encoded.rows], encoded.inputs, encoded.targets
