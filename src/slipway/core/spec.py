"""The spec of a variant's prepared data, and of the model that was trained on it."""

import json
from pathlib import Path
from typing import Any

from slipway.core import atomic
from slipway.core.errors import ModelError

Spec = dict[str, Any]
"""The inputs and outputs of a model, in JSON values: written by prepare, kept in the release record.

Every task has the keys `objective` (the task's `objective`), `input` ({"shape": without the batch axis, "dtype", and
for tables "names"}) and `outputs` (the names of the classes, the target or the keypoints, in order). If examples have
classes to count and balance, `classes` has their names. A task adds its own keys, and the result of
`choose_threshold` is added later.
"""

FILE = "spec.json"
OPERATING_POINT = "operating_point.json"


def prepared(folder: Path) -> Spec:
    """Return the spec that `prepare` wrote into `data/prepared/<variant>`."""
    spec: Spec = json.loads((folder / FILE).read_text())
    return spec


def keep(spec: Spec, native: Path) -> None:
    """Write the spec next to the native model that was trained on it."""
    atomic.write_json(native / FILE, spec)


def shared(data: Path, native: Path) -> Spec:
    """Return the spec of the prepared data; check that the native model was trained on the same spec.

    Raises:
        ModelError: the model has other inputs or outputs, such as other classes.
    """
    spec, trained = prepared(data), json.loads((native / FILE).read_text())
    for key in sorted(spec.keys() | trained.keys()):
        if spec.get(key) != trained.get(key):
            raise ModelError(
                f"{native}: trained on data whose {key} is {_short(trained.get(key))}, and {data} has "
                f"{_short(spec.get(key))}; train it again"
            )
    return spec


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 200 else f"{text[:200]}..."
