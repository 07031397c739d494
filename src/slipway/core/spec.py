"""The spec of a prepared variant, and of the model that was trained on it."""

import json
from pathlib import Path
from typing import Any

from slipway.core import atomic
from slipway.core.errors import ModelError

Spec = dict[str, Any]
"""What a model takes and gives, in JSON values: written by prepare, kept in the release record.

Keys of every task: `objective` (what a prediction is, as the task's `objective` has it), `input` ({"shape": without the
batch axis, "dtype", and for tables "names"}), `outputs` (names, in order: of classes, of the target, of keypoints).
Where examples have classes to be counted and balanced, `classes` has the names that `label` takes. A task adds its own,
and what `choose_threshold` chose comes on top.
"""

FILE = "spec.json"
OPERATING_POINT = "operating_point.json"


def prepared(folder: Path) -> Spec:
    """The spec that `prepare` wrote into `data/prepared/<variant>`."""
    spec: Spec = json.loads((folder / FILE).read_text())
    return spec


def keep(spec: Spec, native: Path) -> None:
    """Put the spec beside the native model that was trained on it."""
    atomic.write_json(native / FILE, spec)


def shared(data: Path, native: Path) -> Spec:
    """The spec of the prepared data, once it is known to be the one that the native model was trained on.

    Raises:
        ModelError: the model is of other inputs or outputs, another class list for one.
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
