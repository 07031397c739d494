"""The wheel of slipway-edge in an environment with its requirements and nothing else."""

import hashlib
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from packaging.utils import canonicalize_name

import smoke
from edge.device import ROOT, imports, make, needed
from slipway.frameworks.catboost.conversion.graph import DYNAMIC, Graph
from slipway_edge.interpreter import Interpreter
from slipway_edge.predictor import golden_examples

PICTURES = {"slipway_edge", "numpy", "ai_edge_litert", "PIL"}
EVERYTHING = ("sound", "demand")
SOUND = {"classes": ["owl", "hawk"], "sample_rate": 8000, "window_seconds": 0.128, "overlap": 0.5, "n_fft": 256,
         "hop": 256, "mels": 16, "fmin": 50.0, "fmax": 4000.0, "floor": -90.0, "ceiling": 0.0}  # fmt: skip
FOULS = {"numeric": ["x"], "categorical": ["event"], "derived": {"twice": "2 * x"}, "name": "foul"}
FOULS_SPEC = {
    "threshold": 0.5,
    "categories": {"event": {"names": ["duel"], "positive": [0.25], "common": [1.0], "own": []}},
    "gaps": {"missing": [], "unseen": ["event"]},
}


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a device with both extras."""
    return make(tmp_path_factory.mktemp("device"), EVERYTHING)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a device without extras."""
    return make(tmp_path_factory.mktemp("bare"), ())


def release(folder: Path, task: str, shape: tuple[int, ...], data: dict[str, Any], **spec: Any) -> Path:
    """A release of a model that returns the sum of its input over all but the last axis, the classes."""
    graph = Graph("mean", (DYNAMIC, *shape))
    axes = np.arange(1, len(shape) + 1, dtype=np.int32)[: max(1, len(shape) - 1)]
    last = (DYNAMIC, shape[-1]) if len(shape) > 1 else (DYNAMIC, 1)
    output = graph.add("SUM", [graph.input, axes], last, keepDims=len(shape) == 1)
    model = graph.serialize(output)
    interpreter = Interpreter(model)
    inputs = np.random.default_rng(0).integers(0, 9, (3, *shape)).astype(np.float32)
    files = {"model.tflite": model, "golden.npz": golden_examples(interpreter, inputs)}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    outputs = [f"class {number}" for number in range(interpreter(inputs).shape[1])]
    record = {
        "task": task,
        "data": data,
        "spec": {"input": {"shape": shape, "dtype": "float32"}, "outputs": outputs, **spec},
        "artifacts": {name: {"sha256": hashlib.sha256(content).hexdigest()} for name, content in files.items()},
    }
    (folder / "release.json").write_text(json.dumps(record))
    return folder


def loading(folder: Path, then: str = "") -> str:
    return f"""
from pathlib import Path
from slipway_edge.predictor import Predictor
predictor = Predictor.load(Path({str(folder)!r}))
assert predictor.check_golden() > 0
{then}
"""


def litert(python: Path) -> set[str]:
    """The packages that LiteRT imports."""
    return imports(python, "from ai_edge_litert import interpreter")


def test_the_lock_pins_the_requirements_of_the_package_and_of_its_build() -> None:
    pinned = re.findall(r"^([a-z0-9._-]+)==", (ROOT / "requirements" / "edge.lock").read_text(), re.MULTILINE)
    assert set(needed(EVERYTHING)) <= set(map(canonicalize_name, pinned))
    extras = tomllib.loads((ROOT / "edge" / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(extras) == set(EVERYTHING)


def test_pictures_need_numpy_litert_and_pillow(bare: Path, tmp_path: Path) -> None:
    folder = release(tmp_path, "image_classification", (4, 6, 3), {})
    then = "import numpy; assert len(predictor.predict([numpy.zeros((8, 8, 3), 'uint8')])[0]) == 3"
    assert imports(bare, loading(folder, then)) <= PICTURES | litert(bare)


def test_rows_need_no_table_library(bare: Path, tmp_path: Path) -> None:
    folder = release(tmp_path, "tabular_classification", (4,), FOULS, **FOULS_SPEC)
    then = "assert predictor.predict([{'x': 0.1, 'event': 'duel'}]) == [{'foul': predictor.predict_array("
    then += "[{'x': '0.1', 'event': 'duel'}])[0, 0], 'decision': True}]"
    assert imports(bare, loading(folder, then)) <= (PICTURES - {"PIL"}) | litert(bare)


def test_sounds_need_the_extra_and_say_so(bare: Path, device: Path, tmp_path: Path) -> None:
    folder = release(tmp_path, "audio_classification", (16, 4, 1), SOUND)
    then = "import numpy; predictor.predict([(numpy.sin(numpy.arange(8000)), 8000)])"
    assert {"av", "scipy"} <= imports(device, loading(folder, then)) <= PICTURES | {"av", "scipy"} | litert(device)
    refused = f"""
from pathlib import Path
from slipway_edge.errors import ModelError
from slipway_edge.predictor import Predictor
try:
    Predictor.load(Path({str(folder)!r}))
    raise SystemExit("it loads")
except ModelError as error:
    assert "install slipway-edge[sound]" in str(error), error
"""
    assert "scipy" not in imports(bare, refused)


@pytest.mark.parametrize("variant", smoke.VARIANTS)
def test_the_code_on_the_card_of_every_variant_runs_on_a_device(built: Path, device: Path, variant: str) -> None:
    """It runs the golden examples too."""
    text = (built / "models" / variant / "card.md").read_text()
    code = text.partition("```python\n")[2].partition("```")[0]
    assert "predictor.check_golden()" in code and "predictor.predict(example)" in code
    found = imports(device, f"import os\nos.chdir({str(built)!r})\n{code}")
    assert found <= PICTURES | {"av", "scipy", "holidays", "dateutil", "six.py"} | litert(device)
