"""A plain baseline for sounds: the mean and spread of each log-mel band, and logistic regression.

Trained on the prepared splits of a variant. Prints one JSON object.

    python benchmarks/baselines/audio_classification.py data/prepared/VARIANT SEED
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from slipway.data.shards import PackedSplit

folder, seed = Path(sys.argv[1]), int(sys.argv[2])
began = time.perf_counter()
train, test = PackedSplit(folder / "train"), PackedSplit(folder / "test")


def summary(split: PackedSplit) -> np.ndarray:
    """The mean and the standard deviation over time of each band, [n, 2 * bands]."""
    spectra = split.gather(np.arange(len(split))).astype(np.float32)
    return np.concatenate([spectra.mean(axis=1), spectra.std(axis=1)], axis=1).reshape(len(split), -1)


model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000, random_state=seed))
model.fit(summary(train), train.targets)
seconds = time.perf_counter() - began
print(json.dumps({"accuracy": float(model.score(summary(test), test.targets)), "seconds": seconds}))
