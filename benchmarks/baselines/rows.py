"""CatBoost with its defaults on the raw columns of a table: what the plain baselines for tables of rows share."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from slipway.core.protocol import column
from slipway.data.shards import PackedSplit
from slipway.stages.baseline import Prepared
from slipway_edge.rows.encoding import PARTS


def trees(data: Prepared, kind: type[Any], **settings: Any) -> tuple[Any, Callable[[PackedSplit], pd.DataFrame]]:
    """Return a model of CatBoost trained on train, and the function from a split to the columns that it takes."""
    of = data.task.data
    plain = len(of.numeric) + len(of.derived) + len(PARTS) * len(of.dates)
    """The features that are numbers come first; Slipway's encoding of the categories follows, and is not used."""

    def columns(split: PackedSplit) -> pd.DataFrame:
        table = pd.DataFrame(split.gather(np.arange(len(split)))[:, :plain]).rename(columns=str)
        return table.assign(**{f"category {name}": _texts(split, name) for name in of.categorical})

    categories = [f"category {name}" for name in of.categorical]
    model = kind(cat_features=categories, random_seed=data.seed, verbose=False, allow_writing_files=False, **settings)
    model.fit(columns(data.train), data.train.targets)
    return model, columns


def _texts(split: PackedSplit, name: str) -> pd.Series:
    return split.examples[column(name)].astype(object).fillna("missing").astype(str)
