import hashlib
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from slipway.frameworks.catboost.conversion.graph import DYNAMIC, Graph
from slipway_edge.errors import DataError, ModelError
from slipway_edge.interpreter import Delegation, Interpreter
from slipway_edge.predictor import Predictor, golden_examples


def doubling(*shape: int, batch: int = DYNAMIC) -> bytes:
    """A model that doubles its input."""
    graph = Graph("doubles", (batch, *shape))
    return graph.serialize(graph.add("MUL", [graph.input, np.float32([2])], (batch, *shape)))


def quantized(scale: float, zero: int, kind: str) -> bytes:
    """A model of one operator that returns integers [n, 3] unchanged."""
    graph = Graph("passes on", (DYNAMIC, 3))
    output = graph.add("RESHAPE", [graph.input, np.array([-1, 3], np.int32)], (DYNAMIC, 3))
    for tensor in (graph.input, output):
        details = graph._tensors[tensor]
        details.type = getattr(schema.TensorType, kind.upper())
        details.quantization = schema.QuantizationParametersT()
        details.quantization.scale, details.quantization.zeroPoint = [scale], [zero]
    return graph.serialize(output)


@pytest.mark.parametrize("count", [0, 1, 2, 63, 64, 65, 200, 1])
@pytest.mark.parametrize("shape", [(5,), (70, 80)])
@pytest.mark.parametrize("batch", [DYNAMIC, 1, 3])
def test_any_number_of_rows_gives_that_many_outputs_in_order(count: int, shape: tuple[int, ...], batch: int) -> None:
    interpreter = Interpreter(doubling(*shape, batch=batch))
    for n in (count, 1, count):
        inputs = np.arange(n * np.prod(shape), dtype=np.float32).reshape(n, *shape)
        np.testing.assert_array_equal(interpreter(inputs), 2 * inputs)


def test_a_model_that_declares_any_batch_size_but_runs_only_one_is_refused() -> None:
    graph = Graph("fixed inside", (DYNAMIC, 3))
    interpreter = Interpreter(graph.serialize(graph.add("RESHAPE", [graph.input, np.array([1, 3], np.int32)], (1, 3))))
    with pytest.raises(ModelError, match="fails with 2"):
        interpreter(np.zeros((2, 3)))


def test_numbers_of_another_dtype_are_converted() -> None:
    interpreter = Interpreter(doubling(2))
    for dtype in (np.uint8, np.int64, np.float64, np.bool_):
        outputs = interpreter(np.array([[0, 1]], dtype))
        assert outputs.dtype == np.float32
        assert outputs.tolist() == [[0, 2]]


def test_a_strided_view_is_read_as_its_values() -> None:
    inputs = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert Interpreter(doubling(2))(inputs[:, ::2]).tolist() == (2 * inputs[:, ::2]).tolist()


@pytest.mark.parametrize("kind", ["int8", "uint8"])
def test_real_values_are_rounded_to_the_scale_and_back(kind: str) -> None:
    zero = int(np.iinfo(kind).min) + 28
    outputs = Interpreter(quantized(0.5, zero, kind))(np.array([[0.24, 3.3, -2.0], [1e9, -1e9, 100]]))
    assert outputs.tolist() == [[0, 3.5, -2], [113.5, -14, 100]]


@pytest.mark.parametrize(("kind", "zero"), [("int8", -128), ("uint8", 0)])
def test_every_byte_of_a_picture_passes_unchanged(kind: str, zero: int) -> None:
    pixels = np.arange(255, dtype=np.uint8).reshape(-1, 3)
    np.testing.assert_array_equal(Interpreter(quantized(1.0, zero, kind))(pixels), pixels)


def test_operators_that_xnnpack_does_not_run_split_a_model() -> None:
    assert Interpreter(doubling(3)).delegation == Delegation(partitions=1, outside={})
    graph = Graph("parted", (DYNAMIC, 3))
    doubled = graph.add("MUL", [graph.input, np.float32([2])], (DYNAMIC, 3))
    tiled = graph.add("TILE", [doubled, np.array([1, 2], np.int32)], (DYNAMIC, 6))
    parted = graph.serialize(graph.add("MUL", [tiled, np.float32([2])], (DYNAMIC, 6)))
    assert Interpreter(parted).delegation == Delegation(partitions=2, outside={"TILE": 1})


def test_values_that_a_quantized_model_cannot_hold_are_refused() -> None:
    with pytest.raises(DataError, match="NaN or infinity"):
        Interpreter(quantized(1.0, 0, "int8"))(np.array([[0, np.nan, 1]]))


@pytest.mark.parametrize("inputs", [np.zeros(3), np.zeros((1, 4)), np.float32(0), np.zeros((1, 3, 1))])
def test_inputs_of_another_shape_are_refused(inputs: np.ndarray) -> None:
    with pytest.raises(DataError, match=r"takes \['n', 3\]"):
        Interpreter(doubling(3))(np.asarray(inputs))


def test_inputs_that_are_not_numbers_are_refused() -> None:
    with pytest.raises(DataError, match="takes numbers"):
        Interpreter(doubling(1))(np.array([["a"]]))


def test_what_is_not_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such file"):
        Interpreter(tmp_path / "model.tflite")
    (tmp_path / "model.tflite").write_bytes(b"not a model")
    with pytest.raises(ModelError, match=r"model\.tflite: not a TFLite model"):
        Interpreter(tmp_path / "model.tflite")


def test_only_the_notice_of_the_delegate_is_kept_off_stderr(tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_bytes(doubling(3))
    script = f"""
import sys, numpy
from pathlib import Path
from slipway_edge.interpreter import Delegation, Interpreter
for _ in range(2):
    Interpreter(Path({str(tmp_path / "model.tflite")!r}))(numpy.zeros((2, 3)))
print("kept", file=sys.stderr)
assert "tensorflow" not in sys.modules
"""
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert finished.stderr == "kept\n"


class Task:
    """A task whose examples are lists of texts."""

    data_fields: ClassVar[dict[str, Any]] = {"factor": int | float}
    spec_fields: ClassVar[dict[str, Any]] = {}

    def __init__(self, data: dict[str, Any]) -> None:
        self.factor = data["factor"]

    def preprocess(self, examples: list[str], spec: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        """Encode examples of lines with two numbers; each line is an input."""
        lines = [(row, line.split()) for row, example in enumerate(examples) for line in example.split("\n")]
        inputs = np.array([[float(word) for word in words] for _, words in lines], np.float32).reshape(-1, 2)
        return inputs, np.array([row for row, _ in lines], np.int64)

    def present(self, predictions: np.ndarray, examples: list[str], spec: dict[str, Any]) -> list[dict[str, float]]:
        return [dict(zip(spec["outputs"], row, strict=True)) for row in predictions.tolist()]

    def postprocess(self, outputs: np.ndarray, inputs: np.ndarray, spec: dict[str, Any]) -> np.ndarray:
        return outputs * self.factor


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    module = ModuleType("slipway_edge.tasks.counting")
    module.Task = Task  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    model = doubling(2)
    golden = golden_examples(Interpreter(model), np.array([[1, 2], [np.pi, -5e4]], np.float32))
    artifacts = {"model.tflite": model, "golden.npz": golden}
    for name, content in artifacts.items():
        (tmp_path / name).write_bytes(content)
    record = {
        "task": "counting",
        "data": {"factor": 10},
        "spec": {"input": {"shape": [2], "dtype": "float32"}, "outputs": ["left", "right"]},
        "artifacts": {name: described(content) for name, content in artifacts.items()},
    }
    (tmp_path / "release.json").write_text(json.dumps(record))
    return tmp_path


def described(content: bytes) -> dict[str, Any]:
    return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def rewrite(release: Path, **changes: Any) -> None:
    record = json.loads((release / "release.json").read_text())
    (release / "release.json").write_text(json.dumps({**record, **changes}))


def test_a_release_turns_raw_examples_into_named_outputs(release: Path) -> None:
    predictor = Predictor.load(release, threads=2)
    assert predictor.predict(["1 2", "3 4"]) == [{"left": 20, "right": 40}, {"left": 60, "right": 80}]
    assert predictor.predict_array(["1 2"]).tolist() == [[20, 40]]
    assert predictor.predict([]) == []


def test_one_example_gives_one_prediction_and_several_give_a_list(release: Path) -> None:
    predictor = Predictor.load(str(release))
    assert predictor.predict("1 2") == {"left": 20, "right": 40}
    assert predictor.predict(["1 2"]) == [{"left": 20, "right": 40}]
    assert predictor.predict_array("1 2").tolist() == [[20, 40]]
    assert predictor.predict(text for text in ("1 2", "3 4")) == predictor.predict(["1 2", "3 4"])


def test_an_example_of_several_inputs_gets_the_mean_of_their_predictions(release: Path) -> None:
    predictor = Predictor.load(release)
    assert predictor.predict(["1 2\n5 6", "3 4"]) == [{"left": 60, "right": 80}, {"left": 60, "right": 80}]


def test_the_golden_examples_of_a_release_pass(release: Path) -> None:
    assert Predictor.load(release).check_golden() == 2


def test_a_golden_example_that_fails_is_named(release: Path) -> None:
    with np.load(release / "golden.npz") as golden:
        outputs = golden["outputs"] + [[0, 0], [0.01, 0]]
        np.savez(release / "golden.npz", inputs=golden["inputs"], outputs=outputs)
    artifacts = json.loads((release / "release.json").read_text())["artifacts"]
    rewrite(release, artifacts={**artifacts, "golden.npz": described((release / "golden.npz").read_bytes())})
    with pytest.raises(ModelError, match="golden example 1"):
        Predictor.load(release).check_golden()


def test_golden_examples_that_are_not_the_released_bytes_are_not_used(release: Path) -> None:
    (release / "golden.npz").write_bytes((release / "golden.npz").read_bytes() + b" ")
    with pytest.raises(ModelError, match=r"golden.npz: SHA-256 is"):
        Predictor.load(release).check_golden()


def test_a_model_that_is_not_the_released_bytes_is_not_used(release: Path) -> None:
    model = bytearray((release / "model.tflite").read_bytes())
    model[-1] ^= 1
    (release / "model.tflite").write_bytes(model)
    with pytest.raises(ModelError, match="not the released file"):
        Predictor.load(release)


def test_a_model_of_another_input_shape_than_its_record_is_refused(release: Path) -> None:
    rewrite(release, spec={"input": {"shape": [3], "dtype": "float32"}, "outputs": ["a", "b", "c"]})
    with pytest.raises(ModelError, match=r"takes inputs of shape \[2\]"):
        Predictor.load(release)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task": "painting"}, "has no task painting"),
        ({"task": "../x"}, "not a valid task name"),
        ({"data": {"factor": "many"}}, "does not fit the task counting"),
        ({"artifacts": {}}, r"not a release record \(no 'model.tflite'\)"),
    ],
)
def test_a_record_that_cannot_be_used_is_refused_with_why(release: Path, changes: dict[str, Any], message: str) -> None:
    rewrite(release, **changes)
    with pytest.raises(ModelError, match=message):
        Predictor.load(release)


def test_a_folder_that_is_no_release_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such file; run the register stage"):
        Predictor.load(tmp_path)
    (tmp_path / "release.json").write_text("{")
    with pytest.raises(ModelError, match="not JSON"):
        Predictor.load(tmp_path)
