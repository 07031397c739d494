"""The sections `model`, `train` and `convert` of a variant that CatBoost fits, as far as all tasks share them.

Each task has a module here with its section models `Model` and `Train`.

Trees are symmetric: every node of a level asks the same question, which is what lets them become plain TFLite ops.
"""

from typing import Annotated, Literal

from pydantic import Field

from slipway.core import config
from slipway.core.config import Section

Count = Annotated[int, Field(ge=1)]


class Convert(config.Convert):
    """Trees ship as float32: they compare with borders, which rounding would move."""

    precision: Literal["float32"] = "float32"


class Model(Section):
    """The ensemble: at most `iterations` trees of `depth` questions, over features cut at up to `borders` values."""

    iterations: Count = 1000
    depth: Annotated[int, Field(ge=1, le=16)] = 6
    borders: Annotated[int, Field(ge=1, le=65535)] = 254


class Train(Section):
    """How the trees are grown.

    `l2` regularises leaf values, `subsample` is the share of rows a tree sees and `feature_share` the share of
    features each of its questions is chosen from. `early_stopping_rounds` of 0 never stops early, and keeps every
    tree. `threads` is part of the result, since sums depend on their order; `snapshot_seconds` is how often training
    is saved, so that it can be resumed.
    """

    learning_rate: Annotated[float, Field(gt=0, le=1)] = 0.05
    l2: Annotated[float, Field(ge=0)] = 3.0
    subsample: Annotated[float, Field(gt=0, le=1)] = 0.8
    feature_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    early_stopping_rounds: Annotated[int, Field(ge=0)] = 100
    threads: Count = 2
    snapshot_seconds: Count = 10
    log_every: Count = 10
