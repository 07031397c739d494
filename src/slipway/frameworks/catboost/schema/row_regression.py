"""The sections `model` and `train` of a regression on the rows of a table with CatBoost: those of any regression."""

from slipway.frameworks.catboost.schema.tabular_regression import Model, Train

__all__ = ["Model", "Train"]
