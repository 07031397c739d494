"""The sections `model` and `train` of a variant whose framework is Keras."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from slipway.config import Section, Share

Rate = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]


class Model(Section):
    """A network: its architecture, and what is left out at random while it trains.

    `width` multiplies the number of filters of MobileNetV3. `dropout` is the rate before the last layer; `drop_path`
    the rate of the deepest residual block of EfficientNet-Lite, rising from 0 at the first (stochastic depth).
    `batch_norm_momentum` near 1 averages the statistics of batch normalisation over many steps: a run of a few
    hundred steps needs about 0.9.
    """

    network: Literal["efficientnet_lite0", "mobilenet_v3_small", "mobilenet_v3_large"]
    width: Positive = 1.0
    dropout: Rate = 0.2
    drop_path: Rate = 0.0
    batch_norm_momentum: Rate = 0.9

    @model_validator(mode="after")
    def _known_to_the_network(self) -> Self:
        if self.network == "efficientnet_lite0" and self.width != 1:
            raise ValueError("efficientnet_lite0 has no width other than 1")
        if self.network != "efficientnet_lite0" and self.drop_path:
            raise ValueError(f"{self.network} has no drop_path; set it to 0")
        return self


class Augmentation(Section):
    """How training inputs are varied; 0 leaves a variation out.

    Chances: `horizontal_flip`, `erasing` (a rectangle of up to a quarter of the picture becomes grey).
    Strengths: `translation` (share of the side, each way), `zoom` (share, in and out), `rotation` (degrees, each way),
    and for pictures in uint8 `brightness` (share of the range, each way), `contrast` and `saturation` (share, each
    way).
    """

    horizontal_flip: Share = 0.0
    translation: Share = 0.0
    zoom: Rate = 0.0
    rotation: Annotated[float, Field(ge=0, le=180)] = 0.0
    brightness: Share = 0.0
    contrast: Share = 0.0
    saturation: Share = 0.0
    erasing: Share = 0.0


class EarlyStopping(Section):
    """Stop after `patience` epochs without a better `monitor`, and keep the weights of the best epoch."""

    monitor: Literal["val/loss", "val/accuracy"] = "val/loss"
    patience: Annotated[int, Field(ge=1)] = 5


class Train(Section):
    """How a network is trained.

    The learning rate rises from 0 over `warmup_epochs` (fractions allowed), then follows `schedule` down to 0
    (`cosine`) or stays (`constant`). `weight_decay` is decoupled and leaves biases and batch normalisation alone.
    `class_weights` is `balanced` (every class counts the same in all), `none`, or a weight by class name.
    Without `early_stopping` the weights of the last epoch are kept.
    """

    epochs: Annotated[int, Field(ge=1)] = 20
    batch_size: Annotated[int, Field(ge=1)] = 32
    optimizer: Literal["adam", "adamw", "sgd", "rmsprop"] = "adamw"
    learning_rate: Positive = 0.002
    schedule: Literal["cosine", "constant"] = "cosine"
    warmup_epochs: NotNegative = 1.0
    weight_decay: NotNegative = 0.0
    label_smoothing: Rate = 0.0
    class_weights: Literal["balanced", "none"] | dict[str, NotNegative] = "none"
    early_stopping: EarlyStopping | None = None
    augmentation: Augmentation = Augmentation()
