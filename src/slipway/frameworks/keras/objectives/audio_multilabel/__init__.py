"""Labels of sounds: binary cross-entropy of each label, with the networks and the augmentation of classifiers."""

from typing import Any

import numpy as np

from slipway.core.spec import Spec
from slipway.frameworks.keras.objectives import audio_classification
from slipway.frameworks.keras.schema.audio_multilabel import Model, Train
from slipway.frameworks.keras.training.classification import MultiLabel, start_at_shares


class Objective(MultiLabel, audio_classification.Objective):
    """See `slipway.frameworks.keras.training.objective.Objective`."""

    def __init__(self, spec: Spec, model: Model, config: Train, targets: np.ndarray) -> None:
        super().__init__(spec, model, config, targets)
        self._targets = targets

    def network(self) -> Any:
        """The network of `model`, which starts at the share of each label."""
        return start_at_shares(super().network(), self._targets)
