"""The model registry in Git tags: versions, roles, the checks behind them, and their mirror in MLflow."""
