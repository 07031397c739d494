"""Image classification: which one of a few classes a picture shows.

Raw layout: one folder per class, with pictures in it or in folders below it, and optionally `metadata.csv` with the
columns `path` (relative to the raw folder) and any of `label`, `group`, `split` and `fold`; other columns are not read.
If there is a `metadata.csv`, it must list every picture.

Encoded: see `slipway.data.files.pictures`. Targets: int64, the position of the class in the spec's `outputs`.
Predictions: probabilities [n, classes].
"""

from typing import ClassVar

from slipway.core.config import Section
from slipway.data.files.pictures import Data as Data
from slipway.data.files.pictures import Pictures
from slipway.metrics.classification import Classifier
from slipway_edge.tasks import image_classification as edge


class Task(Classifier, Pictures, edge.Task):
    """Image classification for one variant's `data` section; see `slipway.core.protocol.Task`."""

    Data: ClassVar[type[Section]] = Data
