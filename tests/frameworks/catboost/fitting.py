"""Small trees, fitted by the pipeline's own training."""

from pathlib import Path
from typing import Any

import numpy as np

from slipway.core.spec import Spec
from slipway.data.shards import PackedSplit
from slipway.frameworks.catboost import native, training
from slipway.frameworks.catboost.schema import Model, Train
from slipway.frameworks.catboost.training.objective import Objective


def fitted(
    folder: Path,
    train: PackedSplit,
    val: PackedSplit,
    spec: Spec,
    objective: type[Objective],
    config: type[Train],
    **own: Any,
) -> np.ndarray:
    """Fit a model into `folder`, and return its outputs for the validation split; `own` are values of `config`."""
    training.fit(
        train,
        val,
        spec,
        objective,
        Model(iterations=60, depth=3),
        config(learning_rate=0.1, threads=1, **({"early_stopping_rounds": 20} | own)),
        seed=7,
        out=folder / "native",
        checkpoints=folder / "checkpoints",
        start=None,
        track=lambda iteration, losses: None,
    )
    return native.load(folder / "native")(val.gather(np.arange(len(val))))
