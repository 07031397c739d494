"""The parts of the sections `train` and `convert` that all tasks with Keras share.

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
Count = Annotated[int, Field(ge=1)]


class EarlyStopping(Section):
    """Stop after `patience` epochs without a better `monitor`, and keep the weights of the best epoch."""

    monitor: Literal["val/loss", "val/accuracy"] = "val/loss"
    patience: Count = 5


class Frozen(Section):
    """A first phase of `epochs` in which all layers copied from another variant, except the last layer, are frozen.

    It runs the whole schedule from `learning_rate`.
    """

    epochs: Count = 2
    learning_rate: Positive = 0.002


class Recolouring(Section):
    """How the colours of training pictures (uint8) are augmented; 0 turns a variation off.

    All are largest changes in either direction: `brightness` as a share of the range, `contrast` and `saturation` as
    relative shares.
    """

    brightness: Share = 0.0
    contrast: Share = 0.0
    saturation: Share = 0.0


class Train(Section):
    """How a network is trained.

    The learning rate rises from 0 over `warmup_epochs` (fractions allowed; fewer than `epochs`), then follows
    `schedule`: down to 0 (`cosine`) or constant (`constant`). `weight_decay` is decoupled and does not apply to biases
    and batch normalisation. With `frozen`, a phase with most layers frozen comes before the `epochs`, in which all
    layers learn. Without `early_stopping`, the weights of the last epoch are kept. `threads` is the number of threads
    that compute one operation; it affects the result, since sums depend on their order.
    """

    epochs: Count = 20
    batch_size: Count = 32
    optimizer: Literal["adam", "adamw", "sgd", "rmsprop"] = "adamw"
    learning_rate: Positive = 0.002
    schedule: Literal["cosine", "constant"] = "cosine"
    warmup_epochs: Annotated[NotNegative, Field(validate_default=True)] = 1.0
    weight_decay: NotNegative = 0.0
    frozen: Frozen | None = None
    early_stopping: EarlyStopping | None = None
    threads: Count = 1

    @field_validator("warmup_epochs")
    @classmethod
    def _ends_before_training_does(cls, warmup: float, info: ValidationInfo) -> float:
        epochs = info.data.get("epochs", math.inf)  # absent if epochs is invalid, which is reported separately
        if not warmup < epochs:
            raise ValueError(f"must be less than train.epochs, {epochs}: the learning rate would only rise")
        return warmup


class ClassifierTrain(Train):
    """How a classifier is trained.

    `class_weights` is `balanced` (every class has the same total weight), `none`, or a weight for each class name.
    """

    label_smoothing: Rate = 0.0
    class_weights: Literal["balanced", "none"] | dict[str, NotNegative] = "none"
