"""A plain baseline for sounds with several labels: the regression of `audio_classification` for each label.

Trained on the prepared splits of a variant; see `slipway.stages.baseline`.

    python benchmarks/baselines/audio_multilabel.py VARIANT
"""

from functools import partial

from audio_classification import fit
from sklearn.multiclass import OneVsRestClassifier

from slipway.stages.baseline import run

if __name__ == "__main__":
    run(partial(fit, several=OneVsRestClassifier))
