"""A plain baseline for a number of a row: CatBoost with its defaults, on the raw columns.

Trained on the prepared splits of a variant; see `slipway.stages.baseline`.

    python benchmarks/baselines/row_regression.py VARIANT
"""

from catboost import CatBoostRegressor
from rows import trees

from slipway.stages.baseline import Predict, Prepared, run


def fit(data: Prepared) -> Predict:
    """Train, and return the number."""
    model, columns = trees(data, CatBoostRegressor)
    return lambda split: model.predict(columns(split))[:, None]


if __name__ == "__main__":
    run(fit)
