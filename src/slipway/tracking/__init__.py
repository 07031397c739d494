"""How a training is followed: DVCLive, TensorBoard and MLflow."""
