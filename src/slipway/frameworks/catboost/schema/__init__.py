"""The parts of the sections `model`, `train` and `convert` that all tasks with CatBoost share.

Each task has a module here with its section models `Model` and `Train`.

Trees are symmetric: all nodes of a level have the same split condition, so they can be converted to plain TFLite ops.
"""

from typing import Annotated, Literal

from pydantic import Field

from slipway.core import config
from slipway.core.config import Section

Count = Annotated[int, Field(ge=1)]


class Convert(config.Convert):
    """Trees ship as float32: they compare features with borders, and rounding would move the borders."""

    precision: Literal["float32"] = "float32"


class Model(Section):
    """The ensemble: at most `iterations` trees of depth `depth`, over features with up to `borders` split values."""

    iterations: Count = 1000
    depth: Annotated[int, Field(ge=1, le=16)] = 6
    borders: Annotated[int, Field(ge=1, le=65535)] = 254


class Train(Section):
    """How the trees are grown.

    `l2` regularises leaf values, `subsample` is the share of rows that a tree is grown on, and `feature_share` is the
    share of features from which each split is chosen. With `early_stopping_rounds` of 0, training never stops early and
    keeps every tree. `threads` affects the result, since sums depend on their order. `snapshot_seconds` is how often
    training is saved, so that it can be resumed.
    """

    learning_rate: Annotated[float, Field(gt=0, le=1)] = 0.05
    l2: Annotated[float, Field(ge=0)] = 3.0
    subsample: Annotated[float, Field(gt=0, le=1)] = 0.8
    feature_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    early_stopping_rounds: Annotated[int, Field(ge=0)] = 100
    threads: Count = 2
    snapshot_seconds: Count = 10
    log_every: Count = 10
