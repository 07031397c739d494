"""The sections `model` and `train` for labels of pictures in Keras: those of any classifier of pictures."""

from slipway.frameworks.keras.schema.image_classification import Model, Train

__all__ = ["Model", "Train"]
