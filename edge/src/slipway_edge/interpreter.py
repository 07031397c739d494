"""Run one TFLite model on arrays with the LiteRT interpreter, without TensorFlow.

Inputs are [n, *shape] for any n, outputs are float32 [n, *k]. All values are real values: if the model's tensors are
quantized, inputs are quantized and outputs are dequantized with the tensor's scale.
"""

import math
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import interpreter as litert

from slipway_edge.errors import DataError, ModelError

BATCH_ROWS = 64
BATCH_ELEMENTS = 2**14
"""The most rows and input values per call of a model. A larger batch does not fit into the caches and is slower, not
faster (a small convolutional network at 96 px: 224 µs per picture one by one, 630 µs in batches of 16; 500 trees: 13 µs
per row one by one, 3 µs in batches of 64, 8 µs in batches of 1,000)."""


@dataclass(frozen=True)
class Delegation:
    """Which part of a model runs in XNNPACK, LiteRT's library of CPU kernels.

    `partitions` is the number of parts that XNNPACK runs, 1 for a whole model; `outside` counts by name the operators
    that LiteRT's own kernels run. Both depend on operators, types and shapes, not on the processor.
    """

    partitions: int
    outside: dict[str, int]


class Interpreter:
    """A loaded model that is called with inputs. Use an instance in one thread at a time.

    `shape` is the shape of one input, `dtype` its type in the file, `threads` the number of threads for the kernels.
    """

    def __init__(self, model: Path | bytes, threads: int = 1) -> None:
        """Load a model from a file or its bytes.

        Raises:
            ModelError: the file does not exist, is not a TFLite model, or has operators that are not built in; or the
                model does not have exactly one input and one output with the batch as first axis.
        """
        name = "the model" if isinstance(model, bytes) else str(model)
        if isinstance(model, Path) and not model.is_file():
            raise ModelError(f"{name}: no such file; run the convert-tflite stage")
        source: dict[str, Any] = {"model_content": model} if isinstance(model, bytes) else {"model_path": str(model)}
        try:
            with _without_delegate_notice():
                self._litert = litert.Interpreter(**source, num_threads=threads)
                self._litert.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ModelError(f"{name}: not a TFLite model that this runtime can run ({error}); convert it again")
        inputs, outputs = self._litert.get_input_details(), self._litert.get_output_details()
        if len(inputs) != 1 or len(outputs) != 1 or not len(inputs[0]["shape"]) or not len(outputs[0]["shape"]):
            raise ModelError(
                f"{name}: has {len(inputs)} inputs and {len(outputs)} outputs; "
                "a model needs exactly one of each, with the batch as first axis"
            )
        self.threads = threads
        self._input, self._output = inputs[0]["index"], outputs[0]["index"]
        self.shape = tuple(int(size) for size in inputs[0]["shape"][1:])
        self.dtype: np.dtype[Any] = np.dtype(inputs[0]["dtype"])
        self._output_shape = tuple(int(size) for size in outputs[0]["shape"][1:])
        self._scale, self._zero = _quantization(inputs[0])
        self._output_scale, self._output_zero = _quantization(outputs[0])
        self._rows = int(inputs[0]["shape"][0])
        signature = inputs[0]["shape_signature"]
        self._dynamic = len(signature) > 0 and int(signature[0]) == -1
        self._most_rows = max(1, min(BATCH_ROWS, BATCH_ELEMENTS // max(1, math.prod(self.shape))))
        # Pictures are bytes, and a lookup table of the 256 quantized values is faster than dividing. If the table is
        # the identity, it is skipped: a lookup of 256 x 256 pixels takes 0.4 ms, a small network 2 ms.
        self._bytes: np.ndarray | None = None
        self._unchanged = not self._scale
        if self._scale:
            self._bytes = self._store(np.arange(256))
            self._unchanged = self.dtype == np.uint8 and np.array_equal(self._bytes, np.arange(256))

    @property
    def quantized(self) -> bool:
        """Whether the model computes in integers somewhere."""
        return any(details["quantization"][0] for details in self._litert.get_tensor_details())

    @property
    def delegation(self) -> Delegation:
        """Which part of the model runs in XNNPACK."""
        # After a model's operators, LiteRT lists an operator DELEGATE for each partition. To find the operators that
        # still run, follow the tensors back from the output: the last operator listed for a tensor computes it.
        operators = self._litert._get_ops_details()
        makers = {tensor: operator for operator in operators for tensor in operator["outputs"]}
        running: dict[int, str] = {}
        needed = [self._output]
        while needed:
            maker = makers.get(needed.pop())
            if maker is not None and maker["index"] not in running:
                running[maker["index"]] = maker["op_name"]
                needed += maker["inputs"].tolist()
        counts = Counter(running.values())
        return Delegation(counts.pop("DELEGATE", 0), dict(sorted(counts.items())))

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """Return the outputs, float32 [n, *k], for inputs [n, *shape] of any real dtype.

        Raises:
            DataError: the inputs have another shape, are not numbers, or are not finite and the model is quantized.
            ModelError: the model declares a dynamic batch size but does not run with the one needed.
        """
        if inputs.shape[1:] != self.shape or not inputs.ndim:
            raise DataError(
                f"inputs have shape {list(inputs.shape)}, but the model takes {['n', *self.shape]}; "
                "give a batch of examples encoded as by prepare"
            )
        stored = self._store(inputs)
        count = len(stored)
        if count == 0:
            return np.empty((0, *self._output_shape), np.float32)
        if self._dynamic:
            passes = math.ceil(count / self._most_rows)
            self._resize(math.ceil(count / passes))
        if count == self._rows:
            return self._invoke(stored)
        outputs = []
        for start in range(0, count, self._rows):
            batch = stored[start : start + self._rows]
            if len(batch) < self._rows:  # padded: cheaper than resizing for the last batch and back
                batch = np.concatenate([batch, np.zeros((self._rows - len(batch), *self.shape), self.dtype)])
            outputs.append(self._invoke(batch))
        return np.concatenate(outputs)[:count]

    def _resize(self, rows: int) -> None:
        if rows == self._rows:
            return
        try:
            self._litert.resize_tensor_input(self._input, [rows, *self.shape])
            self._litert.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ModelError(f"the model declares any batch size, but fails with {rows} ({error}); convert it again")
        self._rows = rows

    def _invoke(self, stored: np.ndarray) -> np.ndarray:
        self._litert.set_tensor(self._input, stored)
        self._litert.invoke()
        outputs: np.ndarray = self._litert.get_tensor(self._output)
        if not self._output_scale:
            return outputs.astype(np.float32, copy=False)
        real: np.ndarray = (outputs.astype(np.float32) - self._output_zero) * np.float32(self._output_scale)
        return real

    def _store(self, inputs: np.ndarray) -> np.ndarray:
        """Real values in the type and quantization of the input tensor."""
        if self._unchanged and inputs.dtype == self.dtype:
            return inputs
        if self._bytes is not None and inputs.dtype == np.uint8:
            return self._bytes.take(inputs)
        if inputs.dtype.kind not in "biuf":
            raise DataError(f"inputs have dtype {inputs.dtype}, but the model takes numbers; encode the examples first")
        if not self._scale:
            return inputs.astype(self.dtype)
        if not np.isfinite(inputs).all():
            raise DataError("inputs hold NaN or infinity, which a quantized model cannot represent; remove them")
        limits = np.iinfo(self.dtype)
        steps = np.rint(inputs.astype(np.float64) / self._scale) + self._zero
        return steps.clip(limits.min, limits.max).astype(self.dtype)


def _quantization(details: dict[str, Any]) -> tuple[float, int]:
    """Scale and zero point of a tensor; a scale of 0 means that it is not quantized."""
    scale, zero = details["quantization"]
    return float(scale), int(zero)


@contextmanager
def _without_delegate_notice() -> Iterator[None]:
    """Suppress LiteRT's notice on stderr that it created its XNNPACK delegate; other output is passed on.

    C++ code writes the notice once per process, at the first allocation, and no setting or environment variable
    disables it.
    """
    global _noticed
    if _noticed or sys.stderr is None:
        yield
        return
    _noticed = True
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            held.seek(0)
            for line in held:
                if b"Created TensorFlow Lite XNNPACK delegate" not in line:
                    os.write(stderr, line)
            os.close(stderr)


_noticed = False
