"""Labels of sounds: which of a few labels a sound clip has; it may have several, or none.

Raw layout: clips and `metadata.csv` with the columns `path` (relative to the raw folder), `labels`, and any of `group`,
`split` and `fold`; or one folder per label, with a copy or a link in each for a sound clip of several labels (see
`slipway.data.readers.several`).

Encoded: the windows of a clip, see `slipway.data.files.sounds`. Targets: uint8 [n, labels]. Predictions: the
probability of each label [n, labels]; for a clip the mean over its windows. The operating point is a threshold for each
label, chosen on the validation split (see `slipway.metrics.operating_point`).
"""

from typing import ClassVar

from slipway.core.config import Section
from slipway.data.files import several, sounds
from slipway.metrics import multilabel
from slipway_edge.tasks import audio_multilabel as edge


class Data(sounds.Data, several.Separated, multilabel.Decision):
    """The `data` section: how sounds are encoded, their labels and groups, and how thresholds are chosen."""


class Task(multilabel.MultiLabel, several.MultiLabel, sounds.Sounds, edge.Task):
    """Labels of sounds for one variant's `data` section; see `slipway.core.protocol.Task`."""

    Data: ClassVar[type[Section]] = Data
    hub: ClassVar[str] = "audio-classification"
