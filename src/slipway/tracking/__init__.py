"""Tracking of a training run: DVCLive, TensorBoard and MLflow."""
