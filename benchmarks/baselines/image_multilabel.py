"""A plain baseline for pictures with several labels: the network of `image_classification` with independent outputs.

Trained on the prepared splits of a variant; see `slipway.stages.baseline`.

    python benchmarks/baselines/image_multilabel.py VARIANT
"""

from functools import partial

from image_classification import fit

from slipway.stages.baseline import run

if __name__ == "__main__":
    run(partial(fit, activation="sigmoid", loss="binary_crossentropy"))
