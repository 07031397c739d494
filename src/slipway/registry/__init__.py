"""Where released models are found: MLflow."""
