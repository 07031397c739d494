"""A plain baseline for sounds: the mean and the spread of each log-mel band, and logistic regression.

Trained on the prepared splits of a variant; see `slipway.stages.baseline`.

    python benchmarks/baselines/audio_classification.py VARIANT
"""

from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from slipway.data.shards import PackedSplit
from slipway.stages.baseline import Predict, Prepared, run


def fit(data: Prepared, several: Any = None) -> Predict:
    """Train, and return the probability of each class, or of each label by the meta-estimator `several`."""
    regression = LogisticRegression(max_iter=1000, random_state=data.seed)
    model = make_pipeline(StandardScaler(), regression if several is None else several(regression))
    model.fit(_summary(data.train), data.train.targets)
    return lambda split: model.predict_proba(_summary(split))


def _summary(split: PackedSplit) -> np.ndarray:
    """The mean and the standard deviation over time of each band, [n, 2 * bands], of spectra [bands, time, 1]."""
    spectra = split.gather(np.arange(len(split)))[..., 0].astype(np.float32)
    return np.concatenate([spectra.mean(axis=2), spectra.std(axis=2)], axis=1)


if __name__ == "__main__":
    run(fit)
