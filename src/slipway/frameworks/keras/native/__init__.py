"""The native model of this framework: a folder with `model.keras`.

`save` writes the same bytes for the same network: Keras stamps its zip archive, and the metadata in it, with the
time, which becomes a fixed one here, and tells shared objects by their addresses in memory, which become numbers in
order of appearance.
"""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from slipway.core import atomic
from slipway.core.errors import ModelError
from slipway.frameworks.keras.native.runtime import keras, tf

FILE = "model.keras"
DATE = (1980, 1, 1, 0, 0, 0)  # the first that a zip archive can hold
BATCH = 64
THREADED = False
"""The threads are those that TensorFlow has chosen for the process."""


def save(network: Any, folder: Path) -> None:
    """Write `network` into `folder`, whole or not at all; a folder that is there is replaced."""
    with atomic.folder(folder) as partial:
        stamped = partial / "stamped.keras"
        network.save(stamped)
        with zipfile.ZipFile(stamped) as source, zipfile.ZipFile(partial / FILE, "w") as target:
            for name in sorted(source.namelist()):
                content = source.read(name)
                if name.endswith(".json"):
                    content = json.dumps(_settled(json.loads(content), {})).encode()
                target.writestr(zipfile.ZipInfo(name, DATE), content)
        stamped.unlink()


def _settled(value: Any, shared: dict[int, int]) -> Any:
    """JSON `value` without clock and addresses; `shared` numbers the addresses seen so far."""
    if isinstance(value, list):
        return [_settled(item, shared) for item in value]
    if not isinstance(value, dict):
        return value
    settled: dict[str, Any] = {}
    for key, item in value.items():
        if key == "date_saved":
            settled[key] = "1980-01-01@00:00:00"
        elif key == "shared_object_id":
            settled[key] = shared.setdefault(item, len(shared))
        else:
            settled[key] = _settled(item, shared)
    return settled


def read(path: Path) -> Any:
    """The Keras network in the file `path`, as it was saved.

    Raises:
        ModelError: there is no network that Keras can read.
    """
    if not path.is_file():
        raise ModelError(f"{path}: no such file; train the model that it belongs to, or `dvc pull` it")
    try:
        return keras.models.load_model(path, compile=False)
    except (OSError, ValueError, TypeError, KeyError, zipfile.BadZipFile) as error:
        raise ModelError(f"{path}: Keras {keras.__version__} cannot read it ({error}); train it again") from error


def load(folder: Path) -> Callable[[np.ndarray], np.ndarray]:
    """A function from encoded inputs [n, *shape] of any dtype to raw outputs [n, *k] float32.

    Raises:
        ModelError: the folder holds no network that Keras can read.
    """
    network = read(folder / FILE)
    shape = network.input_shape[1:]
    infer = tf.function(
        lambda inputs: network(inputs, training=False), input_signature=[tf.TensorSpec((None, *shape), tf.float32)]
    )

    def predict(inputs: np.ndarray) -> np.ndarray:
        batches = [
            infer(np.asarray(inputs[start : start + BATCH], np.float32)).numpy()
            for start in range(0, max(1, len(inputs)), BATCH)
        ]
        outputs: np.ndarray = np.concatenate(batches)
        return outputs

    return predict
