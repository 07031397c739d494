"""Start training from the weights of another variant's network."""

from pathlib import Path
from typing import Any

from slipway.core.errors import ModelError
from slipway.frameworks.keras import native


def start_from(network: Any, start: Path) -> list[str]:
    """Copy the weights of all layers of the native model `start` whose names and shapes agree into `network`.

    The last layer can differ, as it does if the classes differ. Returns the names of the copied layers.

    Raises:
        ModelError: the file does not contain a network, or none of its layers fits.
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
            f"{start}: no layer of this network fits {network.name}; to start one variant from another, both need the "
            "same model.network (and width)"
        )
    return copied
