"""The sections `model` and `train` of a detector in Keras."""

from typing import Annotated

from pydantic import Field

from slipway.core.config import Section, Share
from slipway.frameworks.keras import schema
from slipway.frameworks.keras.schema import NotNegative, Rate, Recolouring


class Model(Section):
    """A network: `filters` is the number of filters after each halving; the second halving gives the heat map's size.

    `batch_norm_momentum` near 1 averages the statistics of batch normalisation over many steps: a run of a few hundred
    steps needs about 0.9.
    """

    filters: Annotated[tuple[Annotated[int, Field(ge=4)], ...], Field(min_length=3, max_length=6)] = (
        16,
        24,
        48,
        64,
        96,
    )
    batch_norm_momentum: Rate = 0.9


class Augmentation(Recolouring):
    """How training pictures and their boxes are augmented; 0 turns a variation off.

    `horizontal_flip` is a probability; `translation` (share of the side) and `zoom` (share) are strengths, in either
    direction. With `crop`, a network learns from a square window with sides of that many pixels instead of the whole
    picture: a step is much cheaper, so that many more steps fit into the same time. If the picture shows an object, the
    window is around an object with probability `around`; otherwise it is anywhere. A box with a visible share below
    `visible` is dropped.
    """

    horizontal_flip: Share = 0.0
    translation: Share = 0.0
    zoom: Rate = 0.0
    crop: Annotated[int, Field(ge=32)] | None = None
    around: Share = 0.5
    visible: Share = 0.3


class Train(schema.Train):
    """How a detector is trained: `box_weight` is the weight of the boxes' loss; the heat map's loss has weight 1."""

    augmentation: Augmentation = Augmentation()
    box_weight: NotNegative = 1.0
