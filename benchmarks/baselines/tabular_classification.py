"""A plain baseline for rows of two classes: CatBoost with its defaults, on the raw columns.

Trained on the prepared splits of a variant; see `slipway.stages.baseline`.

    python benchmarks/baselines/tabular_classification.py VARIANT
"""

from catboost import CatBoostClassifier
from rows import trees

from slipway.stages.baseline import Predict, Prepared, run


def fit(data: Prepared) -> Predict:
    """Train, and return the probability of the positive class."""
    model, columns = trees(data, CatBoostClassifier)
    return lambda split: model.predict_proba(columns(split))[:, 1:]


if __name__ == "__main__":
    run(fit)
