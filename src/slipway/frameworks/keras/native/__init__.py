"""The native model of this framework: a folder with `model.keras`.

`save` writes the same bytes for the same network. Keras writes the current time into its zip archive and its metadata;
`save` replaces it by a fixed time. Keras identifies shared objects by memory addresses; `save` replaces them by numbers
in order of appearance.
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
DATE = (1980, 1, 1, 0, 0, 0)  # the earliest date that a zip archive can hold
BATCH = 64
THREADED = False
"""Whether one process can predict on several numbers of threads."""


def save(network: Any, folder: Path) -> None:
    """Write `network` into `folder` atomically; an existing folder is replaced."""
    with atomic.folder(folder) as partial:
        stamped = partial / "stamped.keras"
        network.save(stamped)
        with zipfile.ZipFile(stamped) as source, zipfile.ZipFile(partial / FILE, "w") as target:
            for name in sorted(source.namelist()):
                content = source.read(name)
                if name.endswith(".json"):
                    content = json.dumps(_normalized(json.loads(content), {})).encode()
                target.writestr(zipfile.ZipInfo(name, DATE), content)
        stamped.unlink()


def _normalized(value: Any, shared: dict[int, int]) -> Any:
    """JSON `value` without times and memory addresses; `shared` numbers the addresses seen so far."""
    if isinstance(value, list):
        return [_normalized(item, shared) for item in value]
    if not isinstance(value, dict):
        return value
    normalized: dict[str, Any] = {}
    for key, item in value.items():
        if key == "date_saved":
            normalized[key] = "1980-01-01@00:00:00"
        elif key == "shared_object_id":
            normalized[key] = shared.setdefault(item, len(shared))
        else:
            normalized[key] = _normalized(item, shared)
    return normalized


def read(path: Path) -> Any:
    """Read the Keras network in the file `path`.

    Raises:
        ModelError: the file does not exist, or Keras cannot read it.
    """
    if not path.is_file():
        raise ModelError(f"{path}: no such file; train the model, or fetch it with `dvc pull`")
    try:
        return keras.models.load_model(path, compile=False)
    except (OSError, ValueError, TypeError, KeyError, zipfile.BadZipFile) as error:
        raise ModelError(f"{path}: Keras {keras.__version__} cannot read it ({error}); train it again") from error


def load(folder: Path, threads: int = 1) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function from encoded inputs [n, *shape] of any dtype to raw outputs [n, *k] float32.

    Raises:
        ModelError: the folder does not contain a network that Keras can read, or `threads` is not 1.
    """
    if threads != 1:
        raise ModelError(f"{folder}: Keras predicts on 1 thread here, not {threads}")
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
