"""The Open Inference Protocol V2 over REST, which clients of Triton, KServe and others speak.

Specification: https://github.com/kserve/open-inference-protocol, and the binary tensor data extension of Triton, which
its client uses by default: after the JSON, whose length is in the header Inference-Header-Content-Length, follow the
bytes of the tensors.

The tensors of a model are its raw examples, so pre- and postprocessing are those of every other way:

- rows: one tensor [n] for each column, FP64 for numbers, BYTES for texts and dates; NaN and null are missing values;
- files: one BYTES tensor [n]; in JSON, elements are base64-encoded;
- output `predictions`: numbers [n, *p], in the order that the metadata says; `answers`: BYTES [n], each the JSON of
  what `/api/v1/predict` answers for the example.
"""

import math
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson

from slipway.serving import examples
from slipway.serving.ensembles import Together
from slipway.serving.examples import unusable
from slipway.serving.inference import Predicted
from slipway.serving.limits import Limits
from slipway.serving.problems import Problem
from slipway.serving.release import Loaded

LENGTH = "inference-header-content-length"
EXTENSIONS = ["binary_tensor_data"]
PREDICTIONS, ANSWERS, FILES = "predictions", "answers", "examples"
_DTYPES = {
    **{f"INT{bits}": f"<i{bits // 8}" for bits in (8, 16, 32, 64)},
    **{f"UINT{bits}": f"<u{bits // 8}" for bits in (8, 16, 32, 64)},
    **{f"FP{bits}": f"<f{bits // 8}" for bits in (16, 32, 64)},
    "BOOL": "?",
}
"""The types of tensors other than BYTES, as NumPy writes them."""


def metadata(model: Loaded | Together, versions: Sequence[str]) -> dict[str, Any]:
    """Return the metadata of a model: its inputs and outputs."""
    shape, dtype = model.output
    spec = (model.members[0] if isinstance(model, Together) else model).predictor.spec
    inputs = [{"name": FILES, "datatype": "BYTES", "shape": [-1]}]
    if model.takes_rows:
        inputs = [{"name": name, "datatype": kind, "shape": [-1]} for name, kind in _columns(model).items()]
    return {
        "name": model.model,
        "versions": list(versions),
        "platform": "slipway_tflite",
        "inputs": inputs,
        "outputs": [
            {
                "name": PREDICTIONS,
                "datatype": f"FP{8 * dtype.itemsize}",
                "shape": [-1, *shape],
                "parameters": {"names": spec["outputs"]},
            },
            {"name": ANSWERS, "datatype": "BYTES", "shape": [-1]},
        ],
    }


def read(model: Loaded | Together, body: bytes, length: str, limits: Limits) -> tuple[Mapping[str, Any], list[Any]]:
    """Return the request, as its JSON says, and the raw examples in it.

    Args:
        model: the model.
        body: the body of the request.
        length: the header with the length of the JSON, empty if all of the body is JSON.
        limits: what may be sent.

    Raises:
        Problem: 422 for a request that is not of the protocol or cannot be used, 413 for what is above a limit.
    """
    if length and not (length.isdigit() and int(length) <= len(body)):
        raise unusable(f"{LENGTH} is {length}, and the body has {len(body)} bytes")
    end = int(length) if length else len(body)
    request, rest = examples.parse(body[:end]), body[end:]
    tensors = request.get("inputs") if isinstance(request, dict) else None
    if not isinstance(tensors, list) or not all(isinstance(one, dict) for one in tensors) or not tensors:
        raise unusable("the request has no inputs; give a list of tensors with name, shape, datatype and data")
    values: dict[str, list[Any]] = {}
    for tensor in tensors:
        name, found, rest = _values(tensor, rest)
        if name in values:
            raise unusable(f"several inputs are called {name}")
        values[name] = found
    if rest:
        raise unusable(f"{len(rest)} bytes follow the last tensor")
    given = _rows(values) if model.takes_rows else _files(values)
    examples.check(model, given, limits)
    return request, given


def answer(model: Loaded | Together, request: Mapping[str, Any], predicted: Predicted) -> tuple[bytes, int | None]:
    """Return the body of the answer, and the length of its JSON if bytes of tensors follow it."""
    array = np.ascontiguousarray(predicted.array)
    tensors: dict[str, tuple[str, list[int], Any]] = {
        PREDICTIONS: (f"FP{8 * array.dtype.itemsize}", list(array.shape), array),
        ANSWERS: ("BYTES", [len(predicted.values)], [orjson.dumps(one) for one in predicted.values]),
    }
    outputs, tail = [], []
    for name, binary in _wanted(request, list(tensors)):
        datatype, shape, values = tensors[name]
        output: dict[str, Any] = {"name": name, "datatype": datatype, "shape": shape}
        texts = datatype == "BYTES"
        if binary:
            content = b"".join(struct.pack("<I", len(one)) + one for one in values) if texts else values.tobytes()
            output["parameters"] = {"binary_data_size": len(content)}
            tail.append(content)
        else:
            output["data"] = [one.decode() for one in values] if texts else values.ravel().tolist()
        outputs.append(output)
    document: dict[str, Any] = {"model_name": model.model, "model_version": model.model_version, "outputs": outputs}
    if predicted.missing:
        document["parameters"] = {"missing_members": list(predicted.missing)}
    if isinstance(request.get("id"), str):
        document["id"] = request["id"]
    head = orjson.dumps(document)
    return (head + b"".join(tail), len(head)) if tail else (head, None)


def _columns(model: Loaded | Together) -> dict[str, str]:
    """The columns that a model of rows needs, with the type of each; for an ensemble, those of all members."""
    if isinstance(model, Together):
        return {name: kind for member in model.members for name, kind in _columns(member).items()}
    data = model.predictor.record["data"]
    numeric = list(data["numeric"])
    texts = [*data.get("dates", ()), *data["categorical"]]
    if not model.by_row:  # a forecast: of a place, at a time, from the values before
        texts = [*filter(None, (data.get("time"), data.get("place"))), *texts]
        numeric.append(data["target"])
    return dict.fromkeys(texts, "BYTES") | dict.fromkeys(numeric, "FP64")


def _values(tensor: Mapping[str, Any], rest: bytes) -> tuple[str, list[Any], bytes]:
    """The name and the values of a tensor, None for missing ones, and the bytes after its own."""
    name, datatype, shape = (tensor.get(key) for key in ("name", "datatype", "shape"))
    if not isinstance(name, str):
        raise unusable("an input has no name")
    if not isinstance(datatype, str) or (datatype != "BYTES" and datatype not in _DTYPES):
        raise unusable(f"input {name}: datatype {datatype!r} is not one of BYTES, {', '.join(_DTYPES)}")
    if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape) or not shape:
        raise unusable(f"input {name}: shape {shape!r} is not a list of sizes, such as [1]")
    if any(size != 1 for size in shape[1:]):
        raise unusable(f"input {name}: shape {shape}; it must be [n] or [n, 1], one element for each example")
    count = shape[0]
    parameters = tensor.get("parameters") or {}
    size = parameters.get("binary_data_size") if isinstance(parameters, dict) else None
    if size is not None:
        if type(size) is not int or not 0 <= size <= len(rest):
            raise unusable(f"input {name}: binary_data_size is {size!r}, and {len(rest)} bytes are left")
        content, rest = rest[:size], rest[size:]
        found = _texts(name, content) if datatype == "BYTES" else _numbers(name, content, _DTYPES[datatype])
    else:
        found = _flat(tensor.get("data"))
        if any(isinstance(one, dict) for one in found):
            raise unusable(f"input {name}: an element is an object")
    if len(found) != count:
        raise unusable(f"input {name}: its shape says {count} elements, and it has {len(found)}")
    return name, [None if isinstance(one, float) and math.isnan(one) else one for one in found], rest


def _flat(data: Any) -> list[Any]:
    """The elements of a list in JSON, or of the lists in it: [[1], [2]] is the same as [1, 2]."""
    if not isinstance(data, list):
        return []
    return [one[0] if isinstance(one, list) and len(one) == 1 else one for one in data]


def _texts(name: str, content: bytes) -> list[Any]:
    """The elements of a BYTES tensor, each preceded by its length in 4 bytes."""
    found: list[Any] = []
    at = 0
    while at < len(content):
        end = at + 4 + (struct.unpack_from("<I", content, at)[0] if at + 4 <= len(content) else len(content))
        if end > len(content):
            raise unusable(f"input {name}: element {len(found)} goes beyond the end of the tensor")
        found.append(content[at + 4 : end])
        at = end
    return found


def _numbers(name: str, content: bytes, dtype: str) -> list[Any]:
    if len(content) % np.dtype(dtype).itemsize:
        raise unusable(f"input {name}: {len(content)} bytes are not a whole number of elements")
    found: list[Any] = np.frombuffer(content, dtype).tolist()
    return found


def _rows(values: Mapping[str, list[Any]]) -> list[dict[str, Any]]:
    """Rows from the values of each column."""
    if len({len(column) for column in values.values()}) > 1:
        lengths = ", ".join(f"{name} {len(column)}" for name, column in values.items())
        raise unusable(f"the inputs have different lengths: {lengths}")
    texts = {name: [_text(name, one) for one in column] for name, column in values.items()}
    return [
        examples.row(number, dict(zip(texts, row, strict=True)))
        for number, row in enumerate(zip(*texts.values(), strict=True), 1)
    ]


def _text(name: str, value: Any) -> Any:
    """A value of a row: an element of a BYTES tensor is a text in UTF-8; an empty one is missing."""
    if not isinstance(value, bytes):
        return value
    try:
        return value.decode() or None
    except UnicodeDecodeError:
        raise unusable(f"input {name}: an element is not a text in UTF-8")


def _files(values: Mapping[str, list[Any]]) -> list[Any]:
    """The files of the only tensor: bytes if it is binary, otherwise base64-encoded."""
    if len(values) != 1:
        raise unusable(f"the model takes one input, and there are {len(values)}: {', '.join(values)}")
    (elements,) = values.values()
    return [one if isinstance(one, bytes) else examples.file(number, one) for number, one in enumerate(elements, 1)]


def _wanted(request: Mapping[str, Any], known: Sequence[str]) -> list[tuple[str, bool]]:
    """The names of the outputs that a request asks for, all by default, and whether each is wanted as bytes."""
    parameters = request.get("parameters") or {}
    binary = isinstance(parameters, dict) and parameters.get("binary_data_output") is True
    outputs = request.get("outputs") or [{"name": name} for name in known]
    if not isinstance(outputs, list):
        raise unusable("outputs must be a list of objects with a name")
    found: list[tuple[str, bool]] = []
    for output in outputs:
        name = output.get("name") if isinstance(output, dict) else None
        if not isinstance(name, str) or name not in known:
            raise Problem(422, "Unknown output", f"no output {name!r}; there are {', '.join(known)}", known=list(known))
        own = output.get("parameters") or {}
        found.append((name, own.get("binary_data", binary) is True if isinstance(own, dict) else binary))
    return found
