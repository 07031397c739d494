"""Gradient-boosted trees with CatBoost."""
