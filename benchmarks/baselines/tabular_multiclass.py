"""A plain baseline for rows of several classes: CatBoost with its defaults, on the raw columns.

Trained on the prepared splits of a variant; see `slipway.stages.baseline`.

    python benchmarks/baselines/tabular_multiclass.py VARIANT
"""

from catboost import CatBoostClassifier
from rows import trees

from slipway.stages.baseline import Predict, Prepared, run


def fit(data: Prepared) -> Predict:
    """Train, and return the probability of each class."""
    classes = len(data.spec["outputs"])
    model, columns = trees(data, CatBoostClassifier, loss_function="MultiClass", classes_count=classes)
    return lambda split: model.predict_proba(columns(split))


if __name__ == "__main__":
    run(fit)
