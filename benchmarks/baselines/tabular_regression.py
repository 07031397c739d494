"""Plain baselines for forecasts: the value of the last season, and CatBoost with its defaults on lags and the calendar.

The one with the smaller error on the validation split is the baseline. Trained on the prepared splits of a variant; see
`slipway.stages.baseline`.

    python benchmarks/baselines/tabular_regression.py VARIANT
"""

import numpy as np
import pandas as pd
from catboost import CatBoostRegressor
from series import lags_and_calendar

from slipway.data.shards import PackedSplit
from slipway.stages.baseline import Predict, Prepared, run


def fit(data: Prepared) -> Predict:
    """Train, and return the value, or its quantiles."""
    levels, learnt, table = data.spec.get("quantiles"), data.train.examples, lags_and_calendar(data)
    loss = "MAE" if levels is None else f"MultiQuantile:alpha={','.join(map(str, levels))}"
    settings = {"random_seed": data.seed, "verbose": False, "allow_writing_files": False}
    model = CatBoostRegressor(loss_function=loss, cat_features=["series"], **settings)
    model.fit(table(learnt), _actual(data.train))
    errors = _actual(data.train) - learnt["naive"]
    spread = np.zeros(1) if levels is None else np.nanquantile(errors, levels)

    def trees(split: PackedSplit) -> np.ndarray:
        return np.sort(model.predict(table(split.examples)).reshape(len(split), -1), axis=1)

    def seasonal_naive(split: PackedSplit) -> np.ndarray:
        last = split.examples["naive"].fillna(_actual(data.train).median())
        return last.to_numpy(float)[:, None] + spread

    middle, actual = len(spread) // 2, _actual(data.val).to_numpy()
    return min((trees, seasonal_naive), key=lambda one: float(np.abs(one(data.val)[:, middle] - actual).mean()))


def _actual(split: PackedSplit) -> pd.Series:
    return split.examples["label"].astype(float)


if __name__ == "__main__":
    run(fit)
