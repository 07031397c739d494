"""Start training from the weights in a file: the network of another variant, or any network that Keras saved.

Only weights are read, with h5py, and nothing in the file is run. Three kinds of files are known: the `.keras` archive
of a whole network, the weights alone (`save_weights` writes `.weights.h5`), and HDF5 of older versions of Keras, in
which Keras Applications publishes its weights.
"""

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from slipway.core.errors import ModelError

ARCHIVED = "model.weights.h5"
"""The name of the weights in a `.keras` archive."""
SHOWN = 5
"""The most names of layers that are listed."""


@dataclass(frozen=True)
class Taken:
    """The names of the layers whose weights were copied, of those with other shapes in the file, and of those that it
    does not have; `unused`: the number of its layers that the network does not have."""

    copied: tuple[str, ...]
    other_shape: tuple[str, ...]
    absent: tuple[str, ...]
    unused: int

    @property
    def words(self) -> str:
        """What was copied and what was not, as a sentence."""
        layers = len(self.copied) + len(self.other_shape) + len(self.absent)
        parts = [f"{len(self.copied)} of {layers} layers with weights start from the file"]
        parts += [f"{_listed(self.other_shape)} has another shape there"] if self.other_shape else []
        parts += [f"{_listed(self.absent)} is not in it"] if self.absent else []
        parts += [f"{self.unused} of its layers are not used"] if self.unused else []
        return "; ".join(parts)


def start_from(network: Any, start: Path) -> Taken:
    """Copy the weights of all layers in the file `start` whose names and shapes agree into `network`.

    The last layer can differ, as it does if the classes differ. If no name agrees and the file has its layers in order,
    as files of older versions of Keras do, layers are matched by their order: all shapes must then agree, except those
    of the last layer.

    Raises:
        ModelError: the file does not contain weights, or none of its layers fits.
    """
    source, ordered = _weights(start)
    layers = [layer for layer in network.layers if layer.weights]
    if ordered and not any(layer.name in source for layer in layers):
        source = _by_order(source, layers)
    copied, other_shape, absent = [], [], []
    for layer in layers:
        weights = source.get(layer.name)
        if weights is None:
            absent.append(layer.name)
        elif not _fits(weights, layer):
            other_shape.append(layer.name)
        else:
            layer.set_weights(weights)
            copied.append(layer.name)
    if not copied:
        names = list(source)
        raise ModelError(
            f"{start}: none of its {len(names)} layers with weights ({_listed(names)}) fits {network.name} "
            f"({_listed([layer.name for layer in layers])}); both need the same model.network (and width)"
        )
    unused = len(source.keys() - {layer.name for layer in layers})
    return Taken(tuple(copied), tuple(other_shape), tuple(absent), unused)


def _fits(weights: Sequence[np.ndarray], layer: Any) -> bool:
    return [one.shape for one in weights] == [tuple(one.shape) for one in layer.weights]


def _by_order(source: Mapping[str, list[np.ndarray]], layers: Sequence[Any]) -> dict[str, list[np.ndarray]]:
    """The weights by the name of the layer at the same place; none if a shape before the last layer disagrees."""
    pairs = list(zip(source.values(), layers, strict=False))
    if not all(_fits(weights, layer) for weights, layer in pairs if layer is not layers[-1]):
        return dict(source)
    return {layer.name: weights for weights, layer in pairs}


def _weights(path: Path) -> tuple[dict[str, list[np.ndarray]], bool]:
    """Return the weights of each layer by its name, and whether the layers are in the order of the network."""
    if not path.is_file():
        raise ModelError(f"{path}: no such file; train the model, or fetch it with `dvc pull`")
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                content: Any = io.BytesIO(archive.read(ARCHIVED))
        else:
            content = path
        with h5py.File(content, "r") as file:
            older = file.get("model_weights", file)
            ordered = "layer_names" in older.attrs
            found = _of_older(older) if ordered else _of_groups(file)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ModelError(
            f"{path}: not weights that Keras saved ({error}); save the network with network.save('weights.keras')"
        )
    return found, ordered


def _of_older(group: Any) -> dict[str, list[np.ndarray]]:
    """The weights in HDF5 of older versions of Keras, which lists the names of the layers in order.

    A nested network is one layer there, and the names of its weights begin with those of its layers.
    """
    found: dict[str, list[np.ndarray]] = {}
    for layer in map(_text, group.attrs["layer_names"]):
        names = list(map(_text, group[layer].attrs["weight_names"]))
        inner = {name.rpartition("/")[0] for name in names}
        for name in names:
            own = name.rpartition("/")[0] if len(inner) > 1 else layer
            found.setdefault(own, []).append(np.asarray(group[layer][name]))
    return found


def _of_groups(file: Any) -> dict[str, list[np.ndarray]]:
    """The weights in HDF5 of Keras 3: a group `vars` for each layer, also of nested networks, with the layer's name."""
    found: dict[str, list[np.ndarray]] = {}

    def visit(path: str, group: Any) -> None:
        if path.rpartition("/")[2] == "vars" and len(group):
            name = group.attrs.get("name") or path.split("/")[-2]
            found[_text(name)] = [np.asarray(group[str(number)]) for number in range(len(group))]

    file.visititems(visit)
    return found


def _text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "") or "none"
