"""The sections `model` and `train` of a classifier of pictures in Keras."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from slipway.core.config import Section, Share
from slipway.frameworks.keras.schema import ClassifierTrain, Positive, Rate, Recolouring


class Model(Section):
    """A network: its architecture and its regularisation.

    `width` multiplies the number of filters of MobileNetV3 and of ResNet-18. `dropout` is the rate before the last
    layer. `drop_path` is the rate of the deepest residual block of EfficientNet-Lite; it rises from 0 at the first
    block (stochastic depth).
    `batch_norm_momentum` near 1 averages the statistics of batch normalisation over many steps: a run of a few
    hundred steps needs about 0.9.
    """

    network: Literal["efficientnet_lite0", "mobilenet_v3_small", "mobilenet_v3_large", "resnet18"]
    width: Positive = 1.0
    dropout: Rate = 0.2
    drop_path: Rate = 0.0
    batch_norm_momentum: Rate = 0.9

    @model_validator(mode="after")
    def _known_to_the_network(self) -> Self:
        if self.network == "efficientnet_lite0" and self.width != 1:
            raise ValueError("efficientnet_lite0 supports no width other than 1")
        if self.network != "efficientnet_lite0" and self.drop_path:
            raise ValueError(f"{self.network} has no drop_path; set it to 0")
        return self


class Augmentation(Recolouring):
    """How training inputs are augmented; 0 turns a variation off.

    Probabilities: `horizontal_flip`, `erasing` (a rectangle of up to a quarter of the picture becomes grey). Strengths,
    in either direction: `translation` (share of the side), `zoom` (share), `rotation` (degrees).
    """

    horizontal_flip: Share = 0.0
    translation: Share = 0.0
    zoom: Rate = 0.0
    rotation: Annotated[float, Field(ge=0, le=180)] = 0.0
    erasing: Share = 0.0


class Train(ClassifierTrain):
    """How a classifier of pictures is trained."""

    augmentation: Augmentation = Augmentation()
