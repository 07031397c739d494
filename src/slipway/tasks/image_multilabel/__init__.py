"""Labels of pictures: which of a few labels a picture has; it may have several, or none.

Raw layout: pictures and `metadata.csv` with the columns `path` (relative to the raw folder), `labels`, and any of
`group`, `split` and `fold`; or one folder per label, with a copy or a link in each for a picture of several labels (see
`slipway.data.readers.several`).

Encoded: see `slipway.data.files.pictures`. Targets: uint8 [n, labels]. Predictions: the probability of each label [n,
labels], each on its own. The operating point is a threshold for each label, chosen on the validation split (see
`slipway.metrics.operating_point`).
"""

from typing import ClassVar

from slipway.core.config import Section
from slipway.data.files import pictures, several
from slipway.metrics import multilabel
from slipway_edge.tasks import image_multilabel as edge


class Data(pictures.Data, several.Separated, multilabel.Decision):
    """The `data` section: how pictures are encoded, their labels and groups, and how thresholds are chosen."""


class Task(multilabel.MultiLabel, several.MultiLabel, pictures.Pictures, edge.Task):
    """Labels of pictures for one variant's `data` section; see `slipway.core.protocol.Task`."""

    Data: ClassVar[type[Section]] = Data
    hub: ClassVar[str] = "image-classification"
