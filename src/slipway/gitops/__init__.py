"""Git as the registry of versions and roles, and MLflow as its mirror."""
