"""Regression on the rows of a table: the objective of any regression."""

from slipway.frameworks.catboost.objectives.tabular_regression import Objective

__all__ = ["Objective"]
