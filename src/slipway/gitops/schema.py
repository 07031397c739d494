"""What a commit says, read as input from outside: the release record, the benchmark, the parameters and dvc.lock.

Whoever can push can write any of them. So each is held to its form before anything is made of it, and what is not in it
is malformed: a number as text, a value that is not finite, a key that stands there twice, a file under a name that no
release has. What is read keeps the JSON values as they were.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any, Literal, NoReturn

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from slipway import documents
from slipway.errors import ModelError
from slipway.gate.verdict import Outcome
from slipway.registry.record import READ

File = Literal["model.tflite", "float.tflite", "golden.npz"]
"""The files of a release: no other name is ever written."""
Latency = Literal["latency_mean_ms", "latency_p50_ms", "latency_p95_ms", "latency_p99_ms"]
Count = Annotated[int, Field(ge=0, le=2**53)]
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_MARKS = ("\\", "\x7f")
"""Without them a document in ASCII has no character that `_UNPRINTABLE` finds."""
_MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")


class MalformedError(ModelError):
    """What a commit holds is not in the form that this version of slipway writes."""


class _Part(BaseModel):
    """Strict: no text is taken for a number, no number for a truth value, and none is infinite."""

    model_config = ConfigDict(strict=True, extra="allow", allow_inf_nan=False)


class Figures(_Part):
    """A value, and where there is one its interval."""

    model_config = ConfigDict(extra="forbid")

    value: float | None
    low: float | None = None
    high: float | None = None


class Rule(_Part):
    """A rule as it was judged."""

    kind: Literal["bound", "conversion"] = "bound"
    metric: str
    of: str | None = None
    min: float | None
    max: float | None
    value: float | None
    low: float | None
    high: float | None
    verdict: Outcome
    reason: str
    relative: bool = False


class Gate(_Part):
    """A verdict and its rules."""

    verdict: Outcome
    rules: list[Rule]


class Artifact(_Part):
    """One file of the release."""

    model_config = ConfigDict(extra="forbid")

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}\z")]
    bytes: Count


class Input(_Part):
    """What the model takes."""

    shape: list[Count]
    dtype: str


class Spec(_Part):
    """What it takes and gives; a task has more."""

    objective: Literal["multiclass", "binary", "regression", "keypoints", "boxes"]
    input: Input
    outputs: list[str]
    classes: list[str] = []
    threshold: float | None = None


class Split(_Part):
    """How many examples a split has."""

    total: Count


class Dataset(_Part):
    """The splits, and what was left out."""

    train: Split | None = None
    val: Split | None = None
    test: Split | None = None
    calibration: Split | None = None
    quarantined: Count = 0
    simulated: bool = False
    warnings: list[str] = []


class Delegation(_Part):
    """How many partitions of a model XNNPACK runs, and how many operators of each name it does not."""

    partitions: Count
    outside: dict[str, Count]


class Record(_Part):
    """models/<variant>/release.json."""

    variant: str
    task: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*\z")]
    framework: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*\z")]
    profile: str
    description: str = ""
    data: dict[str, Any]
    spec: Spec
    dataset: Dataset
    precision: str
    metrics: dict[str, Figures]
    examples: Count
    groups: Count
    confidence: float | None = None
    parity: dict[str, float | dict[str, float]]
    delegation: Delegation | None = None
    gate: Gate
    artifacts: dict[File, Artifact]
    lineage: dict[str, str]


class Timed(_Part):
    """One model: its times by the number of threads."""

    size_bytes: Count
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}\z")] | None = None
    single: dict[str, dict[str, float]]
    batch: dict[str, dict[str, float]] = {}
    start: dict[str, float | None] = {}


class Benchmark(_Part):
    """reports/<variant>/benchmark.json."""

    machine: dict[str, Any]
    models: dict[str, Timed]
    metrics: dict[Latency, Figures]
    gate: Gate


def record(content: bytes, path: str, variant: str) -> dict[str, Any]:
    """A release record.

    Args:
        content: the bytes.
        path: where they are, for messages.
        variant: whose it must be.

    Raises:
        MalformedError: it is none, of another schema, or another variant's.
    """
    values = _json(content, path)
    if values.get("schema") is True or values.get("schema") not in READ:
        known = " or ".join(map(str, READ))
        raise MalformedError(
            f"{path}: schema {values.get('schema')!r} is not {known}, which this version of slipway reads"
        )
    _hold(values, Record, path)
    if values["variant"] != variant:
        raise MalformedError(f"{path} is the record of {values['variant']}, not of {variant}")
    if "model.tflite" not in values["artifacts"]:
        raise MalformedError(f"{path}: artifacts: it has no model.tflite")
    return values


def benchmark(content: bytes, path: str) -> dict[str, Any]:
    """A benchmark.

    Raises:
        MalformedError: it is none.
    """
    values = _json(content, path)
    _hold(values, Benchmark, path)
    return values


def mapping(content: bytes | None, path: str) -> dict[str, Any]:
    """A YAML file that is a mapping: parameters, dvc.lock.

    Raises:
        MalformedError: it is not there, or not one.
    """
    if content is None:
        raise MalformedError(f"{path} is not there")
    try:
        values = documents.parse_yaml(content, path, error=MalformedError)
    except MalformedError:
        raise
    except Exception as error:  # PyYAML raises what its constructors do: KeyError, TypeError, RecursionError
        raise MalformedError(f"{path}: not YAML ({_line(error)})")
    if not isinstance(values, dict):
        raise MalformedError(f"{path}: not a mapping")
    return values


@lru_cache(maxsize=8)
def stages(lock: bytes | None, path: str = "dvc.lock") -> Mapping[str, Any]:
    """The stages of dvc.lock, by name; none where there is no such file.

    Raises:
        MalformedError: it is no lock file.
    """
    if not (lock or b"").strip():
        return {}
    found = mapping(lock, path).get("stages")
    if not isinstance(found, dict):
        raise MalformedError(f"{path}: stages is no mapping")
    return found


def hashes(stages: Mapping[str, Any], stage: str, kind: str = "outs") -> dict[str, str]:
    """The hashes by which DVC finds what a stage wrote, or read, by path; none where there is no such stage.

    Raises:
        MalformedError: the stage is not in the form that DVC writes.
    """
    entry = stages.get(stage, {})
    listed = (entry.get(kind) or []) if isinstance(entry, dict) else None
    if not isinstance(listed, list):
        raise MalformedError(f"dvc.lock: {stage}: its {kind} are no list")
    found: dict[str, str] = {}
    for one in listed:
        path, md5 = (one.get("path"), one.get("md5")) if isinstance(one, dict) else (None, None)
        if not isinstance(path, str) or not isinstance(md5, str | None) or path in found:
            raise MalformedError(f"dvc.lock: {stage}: {kind}: no path with its hash, or one twice")
        if md5 is not None:  # a dependency on a URL has another
            if not _MD5.fullmatch(md5):
                raise MalformedError(f"dvc.lock: {stage}: {path}: {md5[:40]!r} is no MD5")
            found[path] = md5
    return found


def _json(content: bytes, path: str) -> dict[str, Any]:
    """A JSON object of plain values."""
    try:
        text = content.decode()
        values = json.loads(
            text, object_pairs_hook=_once, parse_int=_counted, parse_float=_finite, parse_constant=_refuse
        )
        if not text.isascii() or any(mark in text for mark in _MARKS):
            _printable(values)
    except (ValueError, RecursionError) as error:
        documents.check_settled(content, path, MalformedError)
        raise MalformedError(f"{path}: not JSON ({_line(error)})")
    if not isinstance(values, dict):
        raise MalformedError(f"{path}: not a JSON object")
    return values


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"twice: {next(name for name in names if names.count(name) > 1)[:40]!r}")
    return values


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"{digits[:40]} is too large")
    return value


def _counted(digits: str) -> int:
    if len(digits) > 19:
        raise ValueError(f"{digits[:40]} is too large")
    return int(digits)


def _printable(value: Any) -> None:
    """What reaches a terminal or a page must not command it."""
    match value:
        case str():
            if _UNPRINTABLE.search(value):
                raise ValueError(f"{value[:40]!r} has characters that cannot be shown")
        case dict():
            for name, one in value.items():
                _printable(name)
                _printable(one)
        case list():
            for one in value:
                _printable(one)


def _hold(values: dict[str, Any], form: type[BaseModel], path: str) -> None:
    try:
        form.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(one) for one in first["loc"])
        raise MalformedError(f"{path}: {place}: {_line(first['msg'])}")


def _line(said: object) -> str:
    return (" ".join(str(said).split()) or type(said).__name__)[:200]
