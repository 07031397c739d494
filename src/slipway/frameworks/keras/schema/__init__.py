"""The parts of the sections `train` and `convert` that all tasks with Keras share.

Each task has a module here with its section models `Model` and `Train`.
"""

import math
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from slipway.core.config import Convert as Convert
from slipway.core.config import Section, Share, unwritten

Rate = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
LEAST_EPOCHS, MOST_EPOCHS = 5, 60
"""How often a training of a chosen length is evaluated and saved, at least and at most."""


def _auto_or_count(value: object) -> object:
    """Refuse other values with one message: a union gives one for each of its types."""
    if value != "auto" and (type(value) is not int or value < 1):
        raise ValueError("must be a whole number of at least 1, or auto")
    return value


Epochs = Annotated[int | Literal["auto"], BeforeValidator(_auto_or_count)]


class EarlyStopping(Section):
    """Keep the weights of the epoch with the best `monitor`, and stop after `patience` epochs without a better one.

    With `patience` null, the training runs to its end.
    """

    monitor: Literal["val/loss", "val/accuracy"] = "val/loss"
    patience: Count | None = 5


class Length(Section):
    """How long a training with `epochs: auto` is, in steps, by the number n of training examples.

    `steps` at 1,000 examples, and in general `steps * (n / 1000) ** growth`, but at least `least` and at most `most`.
    With a growth of 0 all trainings have equally many steps, with 1 equally many passes over their examples.
    """

    steps: Count
    growth: Share
    least: Count
    most: Count

    @model_validator(mode="after")
    def _bounds_in_order(self) -> Self:
        if self.least > self.most:
            raise ValueError(f"least is {self.least} and most is {self.most}; least must not be more than most")
        return self


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

    `epochs` is a number, or `auto`: the length then follows from the number of training examples, by `length`. An epoch
    is a pass over the examples; with `auto` it is the part of the training between two evaluations, which is as near to
    a pass as equal parts allow, but not shorter than a 60th of the training and not longer than a fifth.

    The learning rate rises from 0 over `warmup_epochs` (fractions allowed; fewer than `epochs`), then follows
    `schedule`: down to 0 (`cosine`) or constant (`constant`). `weight_decay` is decoupled and does not apply to biases
    and batch normalisation. With `frozen`, a phase with most layers frozen comes before the `epochs`, in which all
    layers learn. Without `early_stopping`, the weights of the last epoch are kept. `threads` is the number of threads
    that compute one operation; it affects the result, since sums depend on their order.
    """

    length: Length | None = unwritten(None)
    epochs: Annotated[Epochs, Field(validate_default=True)] = 20
    batch_size: Count = 32
    optimizer: Literal["adam", "adamw", "sgd", "rmsprop"] = "adamw"
    learning_rate: Positive = 0.002
    schedule: Literal["cosine", "constant"] = "cosine"
    warmup_epochs: Annotated[NotNegative, Field(validate_default=True)] = 1.0
    weight_decay: NotNegative = 0.0
    frozen: Frozen | None = None
    early_stopping: EarlyStopping | None = None
    threads: Count = 1

    @field_validator("epochs")
    @classmethod
    def _has_a_length(cls, epochs: int | str, info: ValidationInfo) -> int | str:
        if epochs == "auto" and info.data.get("length", ...) is None:  # absent if it is invalid
            raise ValueError("needs train.length, as conf/train/own_pictures.yaml has it; or give a number of epochs")
        return epochs

    @field_validator("warmup_epochs")
    @classmethod
    def _ends_before_training_does(cls, warmup: float, info: ValidationInfo) -> float:
        epochs = info.data.get("epochs", math.inf)  # absent if epochs is invalid, which is reported separately
        least = LEAST_EPOCHS if epochs == "auto" else epochs
        if not warmup < least:
            what = (
                f"{LEAST_EPOCHS}, the fewest that epochs: auto gives" if epochs == "auto" else f"train.epochs, {epochs}"
            )
            raise ValueError(f"must be less than {what}: the learning rate would only rise")
        return warmup


class ClassifierTrain(Train):
    """How a classifier is trained.

    `class_weights` is `balanced` (every class has the same total weight), `none`, or a weight for each class name.
    """

    label_smoothing: Rate = 0.0
    class_weights: Literal["balanced", "none"] | dict[str, NotNegative] = "none"
