"""The sections `model` and `train` of a network that finds keypoints in Keras."""

from typing import Annotated

from pydantic import Field

from slipway.core.config import Section, Share
from slipway.frameworks.keras.schema import Positive, Rate, Recolouring
from slipway.frameworks.keras.schema import Train as CommonTrain


class Model(Section):
    """The network: `width` multiplies its number of filters.

    `batch_norm_momentum` near 1 averages the statistics of batch normalisation over many steps: a run of a few
    hundred steps needs about 0.9.
    """

    width: Positive = 1.0
    batch_norm_momentum: Rate = 0.9


class Augmentation(Recolouring):
    """How training crops and their keypoints are augmented; 0 turns a variation off.

    `horizontal_flip` is a probability; a flip exchanges left and right keypoints. Strengths, in either direction:
    `translation` (share of the side), `zoom` (share), `rotation` (degrees). The area outside the crop is grey.
    """

    horizontal_flip: Share = 0.0
    translation: Share = 0.0
    zoom: Rate = 0.0
    rotation: Annotated[float, Field(ge=0, le=180)] = 0.0


class Train(CommonTrain):
    """How the network is trained. `sigma`: the standard deviation of the target Gaussians, in cells of the heatmaps."""

    sigma: Positive = 2.0
    augmentation: Augmentation = Augmentation()
