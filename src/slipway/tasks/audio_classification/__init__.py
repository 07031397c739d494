"""Audio classification: which one of a few classes a sound clip belongs to.

Raw layout: one folder per class, with clips in it or in folders below it, and optionally `metadata.csv` with the
columns `path` (relative to the raw folder) and any of `label`, `group`, `split` and `fold`; other columns are not read.
If there is a `metadata.csv`, it must list every clip.

Encoded: the windows of a clip, see `slipway.data.files.sounds`. Targets: int64, the position of the class in the spec's
`outputs`. Predictions: probabilities [n, classes]; for a clip the mean over its windows.
"""

from typing import ClassVar

from slipway.core.config import Section
from slipway.data.files.sounds import Data as Data
from slipway.data.files.sounds import Sounds
from slipway.metrics.classification import Classifier
from slipway_edge.tasks import audio_classification as edge


class Task(Classifier, Sounds, edge.Task):
    """Audio classification for one variant's `data` section; see `slipway.core.protocol.Task`."""

    Data: ClassVar[type[Section]] = Data
