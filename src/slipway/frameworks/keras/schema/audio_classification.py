"""The sections `model` and `train` of a classifier of sounds in Keras."""

from typing import Annotated

from pydantic import Field

from slipway.core.config import Section, Share
from slipway.frameworks.keras.schema import ClassifierTrain, NotNegative, Rate


class Model(Section):
    """A network: `filters` lists the number of filters of each block.

    Each block halves pitch and time. `dropout` is the rate before the last layer. `batch_norm_momentum` near 1
    averages the statistics of batch normalisation over many steps: a run of a few hundred steps needs about 0.9.
    """

    filters: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1, max_length=6)] = (
        16,
        32,
        64,
        128,
        256,
    )
    dropout: Rate = 0.2
    batch_norm_momentum: Rate = 0.9


class Augmentation(Section):
    """How training spectrograms are augmented; 0 turns a variation off.

    Strengths: `gain` (dB, in either direction), `shift` (cyclic, share of the window, in either direction), `stretch`
    (share by which a sound becomes slower or faster), `pitch` (share of the filters by which it moves up or down),
    `noise` (level of the loudest added coloured noise, in dB above the floor), `time_mask` and `pitch_mask` (largest
    share of consecutive frames or filters that is masked). `mixup`: probability that a window is mixed with another in
    power, and their targets in the same shares.
    """

    gain: NotNegative = 0.0
    shift: Share = 0.0
    stretch: Rate = 0.0
    pitch: Share = 0.0
    noise: NotNegative = 0.0
    time_mask: Share = 0.0
    pitch_mask: Share = 0.0
    mixup: Share = 0.0


class Train(ClassifierTrain):
    """How a classifier of sounds is trained."""

    augmentation: Augmentation = Augmentation()
