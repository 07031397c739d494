"""The sections `model` and `train` of a detector in Keras."""

from typing import Annotated

from pydantic import Field

from slipway.core.config import Section, Share
from slipway.frameworks.keras import schema
from slipway.frameworks.keras.schema import NotNegative, Rate, Recolouring


class Model(Section):
    """A network: `filters` after each halving of the picture, the first two of them before the heat map's size.

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
    """How training pictures and their boxes are varied; 0 leaves a variation out.

    `horizontal_flip` is a chance; `translation` (share of the side, each way) and `zoom` (share, in and out) are
    strengths. With `crop`, a network learns from a square window of that many pixels a side instead of the whole
    picture: a step is so much cheaper that many more fit into the same time. The window lies about an object with the
    chance `around`, where the picture shows one, or else anywhere. A box of which less than `visible` stays in sight is
    no object there.
    """

    horizontal_flip: Share = 0.0
    translation: Share = 0.0
    zoom: Rate = 0.0
    crop: Annotated[int, Field(ge=32)] | None = None
    around: Share = 0.5
    visible: Share = 0.3


class Train(schema.Train):
    """How a detector is trained: `box_weight` is what the boxes' loss counts beside the heat map's."""

    augmentation: Augmentation = Augmentation()
    box_weight: NotNegative = 1.0
