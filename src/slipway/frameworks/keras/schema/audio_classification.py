"""The sections `model` and `train` of a classifier of sounds in Keras."""

from typing import Annotated

from pydantic import Field

from slipway.core.config import Section, Share
from slipway.frameworks.keras.schema import ClassifierTrain, NotNegative, Rate


class Model(Section):
    """A network: the filters of each of its blocks, and what is left out at random while it trains.

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
    """How training spectrograms are varied; 0 leaves a variation out.

    Strengths: `gain` (dB, each way), `shift` (share of the window, each way, round the end), `stretch` (share by which
    a sound is slowed or hastened), `pitch` (share of the filters by which it moves up or down), `noise` (dB over the
    floor of the loudest coloured noise that is added), `time_mask` and `pitch_mask` (largest share of a stretch of
    frames, and of filters, that is blanked). `mixup`: chance that a window is mixed with another, in power, its
    target in the same shares.
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
