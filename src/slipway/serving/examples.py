"""The examples in the body of a request, in the form that the `Predictor` takes.

Rows come as JSON: a list of objects by column, one object, or `{"examples": [...]}`. Files (pictures, sounds) come as
the body itself, as the files of a multipart form, or base64-encoded in JSON as texts; a picture with the box of a
person is `{"picture": TEXT, "box": [x, y, width, height]}`.

What comes from outside is never used as a path: texts for files are always decoded to bytes.
"""

import binascii
import json
import math
from base64 import b64decode
from collections.abc import Callable, Sequence
from email.message import Message
from typing import Any

import orjson
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser

from slipway.serving.ensembles import Together
from slipway.serving.limits import Limits, check_files, check_pixels, check_rows, check_sound
from slipway.serving.problems import Problem
from slipway.serving.release import Loaded

EXAMPLES = "examples"
JSON = "application/json"
FORM = "multipart/form-data"
_FILES = ("image/", "audio/", "video/mp4", "application/ogg", "application/octet-stream")
_SCALARS = (str, int, float, bool, type(None))


def read(model: Loaded | Together, content_type: str, body: bytes, limits: Limits) -> list[Any]:
    """Return the examples of a request, at least one: rows as dictionaries, files as bytes.

    Raises:
        Problem: 415 for a content type that the model does not take, 413 for what is above a limit, 422 for the rest.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind == JSON:
        found = from_json(model, body)
    elif model.takes_rows:
        raise _other_type(kind, f"{model.model} takes rows: send them as {JSON}")
    elif kind == FORM:
        found = _from_form(content_type, body, limits)
    elif kind.startswith(_FILES):
        found = [body]
    else:
        advice = f"send one file as image/*, audio/* or application/octet-stream, several as {FORM}, or {JSON}"
        raise _other_type(kind, f"{model.model} takes files: {advice}")
    check(model, found, limits)
    return found


def check(model: Loaded | Together, found: Sequence[Any], limits: Limits) -> None:
    """Check the number of examples of a request.

    Raises:
        Problem: 422 if there are none, 413 if there are too many.
    """
    if not len(found):
        raise unusable("there are no examples; send at least one")
    check_count = check_rows if model.takes_rows else check_files
    check_count(len(found), limits)


def check_sizes(model: Loaded, found: Sequence[Any], limits: Limits) -> None:
    """Check the sizes of pictures or sounds before they are decoded; on the thread of models, since sounds take long.

    Raises:
        Problem: 413, one is too large.
    """
    # Not by its class, whose module imports scipy.signal, which takes a second and memory that others do not need.
    check_one = check_sound if "sample_rate" in model.predictor.task.data_fields else check_pixels
    for one in found:
        check_one(one[0] if isinstance(one, tuple) else one, limits)


def unusable(detail: str) -> Problem:
    """Return the problem of input that cannot be used."""
    return Problem(422, "Input cannot be used", detail)


def from_json(model: Loaded | Together, body: bytes) -> list[Any]:
    """Return the examples of a JSON document.

    Raises:
        Problem: 422, with the place of the mistake.
    """
    given = parse(body)
    if isinstance(given, dict) and given.keys() == {EXAMPLES}:
        given = given[EXAMPLES]
        if not isinstance(given, list):
            raise unusable(f"{EXAMPLES} is {_kind(given)}; give a list")
    examples = given if isinstance(given, list) else [given]
    read_one: Callable[[int, Any], Any] = row if model.takes_rows else file
    return [read_one(number, example) for number, example in enumerate(examples, start=1)]


def parse(body: bytes) -> Any:
    """Return a JSON document as plain values.

    Raises:
        Problem: 422 if it is none, or has NaN or infinity.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        message = str(error)
    try:
        found = _not_finite(json.loads(body), "")
    except (ValueError, RecursionError):
        found = None
    if found is not None:
        raise unusable(f"{found} is not a number in JSON; write null for a value that is not known")
    raise unusable(f"the body is not JSON: {message}")


def decoded(number: int, text: str) -> bytes:
    """Return the bytes of a file that is base64-encoded in a text, with or without the start of a data URL.

    Raises:
        Problem: 422 if it is not base64.
    """
    encoded = text.partition(",")[2] if text.startswith("data:") else text
    try:
        return b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise unusable(f"example {number} is a text that is not base64; encode the bytes of the file")


def row(number: int, example: Any) -> dict[str, Any]:
    """Return a row, checked: each value is a number, a text, a boolean or None; `number` counts from 1.

    Raises:
        Problem: 422 if it is not a row.
    """
    if type(example) is not dict:
        raise unusable(f"example {number} is {_kind(example)}; give an object with a value for each column")
    for name, value in example.items():
        if not isinstance(value, _SCALARS):
            raise unusable(
                f"example {number}: column {name} is {_kind(value)}; give a number, a text, true, false or null"
            )
    return example


def file(number: int, example: Any) -> Any:
    """Return the bytes of a file that is encoded in JSON, or a picture's bytes with a box; `number` counts from 1.

    Raises:
        Problem: 422 if it is not a file.
    """
    if isinstance(example, str):
        return decoded(number, example)
    if isinstance(example, dict) and example.keys() == {"picture", "box"} and isinstance(example["picture"], str):
        box = example["box"]
        numbers = isinstance(box, list) and all(type(one) in (int, float) for one in box)
        if not numbers or len(box) != 4:
            raise unusable(f"example {number}: box must be [x, y, width, height] in pixels")
        return decoded(number, example["picture"]), box
    raise unusable(f"example {number} is {_kind(example)}; give the bytes of a file, base64-encoded in a text")


def _from_form(content_type: str, body: bytes, limits: Limits) -> list[bytes]:
    """The files of a multipart form, in order.

    Raises:
        Problem: 422 if the form is damaged, or a part is not a file.
    """
    files: list[bytearray] = []
    heading: dict[str, bytearray] = {"name": bytearray(), "value": bytearray()}
    is_file = False

    def keep_name(data: bytes, start: int, end: int) -> None:
        heading["name"] += data[start:end]

    def keep_value(data: bytes, start: int, end: int) -> None:
        heading["value"] += data[start:end]

    def end_heading() -> None:
        nonlocal is_file
        if heading["name"].lower() == b"content-disposition":
            is_file = b"filename" in _parameters(heading["value"].decode("latin-1"), "content-disposition")
        heading["name"].clear()
        heading["value"].clear()

    def begin() -> None:
        nonlocal is_file
        is_file = False

    def end_headings() -> None:
        if not is_file:
            raise unusable("the form has a part that is not a file; send files only, such as curl -F file=@one.jpg")
        files.append(bytearray())
        check_files(len(files), limits)

    def keep(data: bytes, start: int, end: int) -> None:
        files[-1] += data[start:end]

    boundary = _parameters(content_type, "content-type").get(b"boundary", b"")
    if not boundary:
        raise unusable("the form has no boundary in its content type")
    parser = MultipartParser(
        boundary,
        {
            "on_part_begin": begin,
            "on_header_field": keep_name,
            "on_header_value": keep_value,
            "on_header_end": end_heading,
            "on_headers_finished": end_headings,
            "on_part_data": keep,
        },
    )
    try:
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise unusable(f"the form is damaged: {error}")
    return [bytes(one) for one in files]


def _parameters(value: str, name: str) -> dict[bytes, bytes]:
    """The parameters of a header, such as boundary and filename."""
    message = Message()
    message[name] = value.replace("\r", " ").replace("\n", " ")
    return {
        key.encode("latin-1", "replace"): (one if isinstance(one, str) else str(one[-1])).encode("latin-1", "replace")
        for key, one in message.get_params(failobj=[], header=name)[1:]
    }


def _not_finite(value: Any, place: str) -> str | None:
    """The first place in a document with NaN or infinity, and which of them; None if there is none."""
    if isinstance(value, float) and not math.isfinite(value):
        return f"{place.strip() or 'the document'}: {value}"
    items: Sequence[tuple[str, Any]] = ()
    if isinstance(value, dict):
        items = [(f"{place} {key}", one) for key, one in value.items()]
    elif isinstance(value, list):
        items = [
            (f"{place} example {number}" if not place else f"{place} [{number}]", one)
            for number, one in enumerate(value, 1)
        ]
    return next((found for where, one in items if (found := _not_finite(one, where)) is not None), None)


def _kind(value: Any) -> str:
    """What a JSON value is, for a message."""
    kinds = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number")


def _other_type(kind: str, advice: str) -> Problem:
    return Problem(415, "Content type not taken", f"the content type is {kind or 'missing'}; {advice}")
