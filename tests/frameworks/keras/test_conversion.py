import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from slipway.core.errors import DataError, ModelError
from slipway.core.spec import Spec
from slipway.frameworks.keras import native
from slipway.frameworks.keras.conversion import convert
from slipway.frameworks.keras.native.runtime import keras
from slipway.frameworks.keras.objectives.image_classification import networks
from slipway.frameworks.keras.schema.image_classification import Model

pytestmark = pytest.mark.build  # they train and convert networks

CONVERT = """
import hashlib, sys
from pathlib import Path
import numpy as np
from slipway.frameworks.keras.conversion import convert
print(hashlib.sha256(convert(Path(sys.argv[1]), np.load(sys.argv[2]), "int8")).hexdigest())
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    spec: Spec = {"objective": "multiclass", "input": {"shape": [32, 32, 3], "dtype": "uint8"}, "outputs": ["a", "b"]}
    keras.utils.set_random_seed(0)
    network = networks.build(Model(network="mobilenet_v3_small", width=0.25), spec)
    for _ in range(30):
        network(pictures(16), training=True)
    out = tmp_path_factory.mktemp("conversion") / "native"
    native.save(network, out)
    return out


@pytest.fixture(scope="module")
def int8(folder: Path) -> bytes:
    return convert(folder, pictures(6), "int8")


@pytest.fixture(scope="module")
def float32(folder: Path) -> bytes:
    return convert(folder, pictures(6), "float32")


def pictures(count: int) -> np.ndarray:
    coarse = np.random.default_rng(0).integers(0, 256, (count, 4, 4, 3), np.uint8)
    return coarse.repeat(8, axis=1).repeat(8, axis=2)


def outputs(model: bytes, inputs: np.ndarray) -> np.ndarray:
    interpreter = Interpreter(model_content=model)
    interpreter.allocate_tensors()
    taken, given = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    results = []
    for example in inputs:
        interpreter.set_tensor(taken["index"], example[None].astype(taken["dtype"]))
        interpreter.invoke()
        results.append(interpreter.get_tensor(given["index"])[0])
    return np.array(results)


def test_float32_agrees_with_the_native_model(folder: Path, float32: bytes) -> None:
    inputs = pictures(6)
    np.testing.assert_allclose(outputs(float32, inputs), native.load(folder)(inputs), atol=1e-5)


def test_int8_takes_pixels_as_they_are_and_gives_float32(int8: bytes) -> None:
    interpreter = Interpreter(model_content=int8)
    taken, given = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    assert (taken["dtype"], given["dtype"]) == (np.uint8, np.float32)
    scale, zero = taken["quantization"]
    assert scale == pytest.approx(1)
    assert zero == 0


def test_int8_computes_in_integers_and_is_smaller(int8: bytes, float32: bytes) -> None:
    interpreter = Interpreter(model_content=int8)
    interpreter.allocate_tensors()
    kinds = {np.dtype(tensor["dtype"]).name for tensor in interpreter.get_tensor_details()}
    assert {"int8", "int32"} <= kinds
    assert len(int8) < 0.7 * len(float32)


def test_another_process_converts_to_the_same_bytes(folder: Path, int8: bytes, tmp_path: Path) -> None:
    np.save(tmp_path / "calibration.npy", pictures(6))
    command = [sys.executable, "-c", CONVERT, str(folder), str(tmp_path / "calibration.npy")]
    elsewhere = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert elsewhere.stdout.strip() == hashlib.sha256(int8).hexdigest()
    assert elsewhere.stderr == ""


def test_int8_without_calibration_inputs_is_refused(folder: Path) -> None:
    with pytest.raises(DataError, match=r"split\.calibration"):
        convert(folder, pictures(0), "int8")


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"model\.keras: no such file"):
        convert(tmp_path, pictures(1), "float32")
