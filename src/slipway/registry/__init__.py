"""A release as others read and load it: the model card, an MLflow model, and whose a registered model is."""
