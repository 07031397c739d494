"""The sections `train` and `convert` of a variant whose framework is Keras, as far as all tasks share them.

Each task has a module here with its section models `Model` and `Train`.
"""

import math
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from slipway.core.config import Convert as Convert
from slipway.core.config import Section, Share

Rate = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]


class EarlyStopping(Section):
    """Stop after `patience` epochs without a better `monitor`, and keep the weights of the best epoch."""

    monitor: Literal["val/loss", "val/accuracy"] = "val/loss"
    patience: Annotated[int, Field(ge=1)] = 5


class Frozen(Section):
    """A first phase of `epochs` in which the layers that were copied from another variant, the last one excepted, stay
    as they are, at `learning_rate`, following the schedule to its end."""

    epochs: Annotated[int, Field(ge=1)] = 2
    learning_rate: Positive = 0.002


class Recolouring(Section):
    """How the colours of training pictures (uint8) are varied; 0 leaves a variation out.

    `brightness` is a share of the range, `contrast` and `saturation` are shares, each way.
    """

    brightness: Share = 0.0
    contrast: Share = 0.0
    saturation: Share = 0.0


class Train(Section):
    """How a network is trained.

    The learning rate rises from 0 over `warmup_epochs` (fractions allowed; fewer than `epochs`), then follows
    `schedule` down to 0 (`cosine`) or stays (`constant`). `weight_decay` is decoupled and leaves biases and batch
    normalisation alone. With `frozen`, a phase with most layers frozen comes before the `epochs`, in which all of them
    learn. Without `early_stopping` the weights of the last epoch are kept.
    """

    epochs: Annotated[int, Field(ge=1)] = 20
    batch_size: Annotated[int, Field(ge=1)] = 32
    optimizer: Literal["adam", "adamw", "sgd", "rmsprop"] = "adamw"
    learning_rate: Positive = 0.002
    schedule: Literal["cosine", "constant"] = "cosine"
    warmup_epochs: Annotated[NotNegative, Field(validate_default=True)] = 1.0
    weight_decay: NotNegative = 0.0
    frozen: Frozen | None = None
    early_stopping: EarlyStopping | None = None

    @field_validator("warmup_epochs")
    @classmethod
    def _ends_before_training_does(cls, warmup: float, info: ValidationInfo) -> float:
        epochs = info.data.get("epochs", math.inf)  # absent where it is wrong itself, which is told
        if not warmup < epochs:
            raise ValueError(f"must be less than train.epochs, {epochs}: the learning rate would only rise")
        return warmup


class ClassifierTrain(Train):
    """How a classifier is trained.

    `class_weights` is `balanced` (every class counts the same in all), `none`, or a weight by class name.
    """

    label_smoothing: Rate = 0.0
    class_weights: Literal["balanced", "none"] | dict[str, NotNegative] = "none"
