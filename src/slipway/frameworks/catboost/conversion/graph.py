"""Write a TFLite file operator by operator, without TensorFlow.

The file is the flatbuffer of LiteRT's schema (`schema.fbs` in the LiteRT repository), packed with the classes that
`ai_edge_litert` generates from it. Nothing in it depends on the time or on the machine.
"""

from collections.abc import Sequence
from typing import Any

import flatbuffers  # type: ignore[import-untyped]
import numpy as np
from ai_edge_litert import schema_py_generated as schema

DYNAMIC = -1
"""The size of an axis that is known only when the model runs."""

_TYPES = {
    np.dtype(np.float32): schema.TensorType.FLOAT32,
    np.dtype(np.int32): schema.TensorType.INT32,
    np.dtype(np.bool_): schema.TensorType.BOOL,
}
_OPTIONS = {"SUM": "Reducer", "SELECT_V2": "SelectV2", "NOT_EQUAL": "NotEqual"}
_WITHOUT_OPTIONS = {"LOGISTIC"}
_ALIGNMENT = 16


class _Buffer(schema.BufferT):  # type: ignore[misc]
    """A constant whose bytes begin at a multiple of 16, as the schema requires; the generated class does not align."""

    def Pack(self, builder: flatbuffers.Builder) -> int:  # noqa: N802 - the schema's name
        if self.data is None:
            return int(super().Pack(builder))
        content = np.ascontiguousarray(self.data).view(np.uint8).ravel()
        builder.StartVector(1, content.size, _ALIGNMENT)
        builder.head = builder.head - content.size
        builder.Bytes[builder.head : builder.head + content.size] = content.data
        data = builder.EndVector()
        schema.BufferStart(builder)
        schema.BufferAddData(builder, data)
        return int(schema.BufferEnd(builder))


class Graph:
    """A graph of builtin operators with one input `inputs` and one output `outputs`, both float32.

    A tensor is identified by its number. An operator also accepts an array as an input, which becomes a constant.
    """

    def __init__(self, description: str, shape: Sequence[int]) -> None:
        self._model = schema.ModelT()
        self._model.version = 3
        self._model.description = description
        self._model.buffers = [_Buffer()]
        self._model.operatorCodes = []
        self._codes: dict[str, int] = {}
        self._tensors: list[Any] = []
        self._operators: list[Any] = []
        self.input = self._tensor("inputs", shape, np.float32)

    def add(
        self,
        operator: str,
        inputs: Sequence[int | np.ndarray],
        shape: Sequence[int],
        dtype: type[np.generic] = np.float32,
        **options: Any,
    ) -> int:
        """Append a builtin operator, given by its name in the schema, and return its output tensor.

        `shape` and `dtype` are the output's; `options` are the fields of the operator's options in the schema.
        """
        node = schema.OperatorT()
        node.opcodeIndex = self._code(operator)
        node.inputs = [self._constant(i) if isinstance(i, np.ndarray) else i for i in inputs]
        if operator not in _WITHOUT_OPTIONS:
            kind = _OPTIONS.get(operator, operator.title().replace("_", "")) + "Options"
            node.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
            node.builtinOptions = getattr(schema, f"{kind}T")()
            for name, value in options.items():
                setattr(node.builtinOptions, name, value)
        output = self._tensor(f"{operator.lower()}_{len(self._operators)}", shape, dtype)
        node.outputs = [output]
        self._operators.append(node)
        return output

    def serialize(self, output: int) -> bytes:
        """Return the bytes of the file, with the tensor `output` as the output of the model."""
        self._tensors[output].name = "outputs"
        subgraph = schema.SubGraphT()
        subgraph.name = "main"
        subgraph.tensors, subgraph.operators = self._tensors, self._operators
        subgraph.inputs, subgraph.outputs = [self.input], [output]
        signature = schema.SignatureDefT()
        signature.signatureKey = "serving_default"
        signature.inputs, signature.outputs = [_named("inputs", self.input)], [_named("outputs", output)]
        self._model.subgraphs, self._model.signatureDefs = [subgraph], [signature]
        builder = flatbuffers.Builder(1024)
        builder.Finish(self._model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def _code(self, operator: str) -> int:
        if operator not in self._codes:
            code = schema.OperatorCodeT()
            code.builtinCode = getattr(schema.BuiltinOperator, operator)
            code.deprecatedBuiltinCode = min(code.builtinCode, schema.BuiltinOperator.PLACEHOLDER_FOR_GREATER_OP_CODES)
            code.version = 1
            self._codes[operator] = len(self._codes)
            self._model.operatorCodes.append(code)
        return self._codes[operator]

    def _constant(self, values: np.ndarray) -> int:
        number = self._tensor(f"constant_{len(self._tensors)}", values.shape, values.dtype)
        buffer = _Buffer()
        buffer.data = values
        self._tensors[number].buffer = len(self._model.buffers)
        self._model.buffers.append(buffer)
        return number

    def _tensor(self, name: str, shape: Sequence[int], dtype: Any) -> int:
        tensor = schema.TensorT()
        tensor.name, tensor.type, tensor.buffer = name, _TYPES[np.dtype(dtype)], 0
        tensor.shape = [1 if size == DYNAMIC else size for size in shape]
        if DYNAMIC in shape:
            tensor.shapeSignature = list(shape)
        self._tensors.append(tensor)
        return len(self._tensors) - 1


def _named(name: str, tensor: int) -> Any:
    entry = schema.TensorMapT()
    entry.name, entry.tensorIndex = name, tensor
    return entry
