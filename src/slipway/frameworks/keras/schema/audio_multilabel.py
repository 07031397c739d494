"""The sections `model` and `train` for labels of sounds in Keras: those of any classifier of sounds."""

from slipway.frameworks.keras.schema.audio_classification import Model, Train

__all__ = ["Model", "Train"]
