"""Starting from the weights of another variant's network."""

from pathlib import Path
from typing import Any

from slipway.core.errors import ModelError
from slipway.frameworks.keras import native


def start_from(network: Any, start: Path) -> list[str]:
    """Copy into `network` the weights of every layer of the native model `start` that agrees in name and shapes.

    The last layer may differ, as it does when the classes do. Returns the names of the layers that were copied.

    Raises:
        ModelError: the file holds no network, or none of its layers fits.
    """
    source = {layer.name: layer for layer in native.read(start).layers}
    copied = []
    for layer in network.layers:
        weights = source[layer.name].get_weights() if layer.name in source else []
        if weights and [w.shape for w in weights] == [tuple(w.shape) for w in layer.weights]:
            layer.set_weights(weights)
            copied.append(layer.name)
    if not copied:
        raise ModelError(
            f"{start}: no layer of this network fits {network.name}; both variants need the same model.network "
            "(and width) to start one from the other"
        )
    return copied
