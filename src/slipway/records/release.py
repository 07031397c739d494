"""The release record, `models/<variant>/release.json`: the description of a built model, its scores and the verdict.

It has no time, no machine and no hash of code, so that equal inputs give equal bytes. It is in Git, and all code that
loads or promotes a model relies on it. Anyone who can push can write it, so it is read strictly: any other form is
malformed. Records of all earlier schemas are read as the newest one.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from slipway.core import documents
from slipway.core.errors import MalformedError, RegistryError
from slipway.records import dvc_lock
from slipway.records.verdict import STRICT, Verdict

SCHEMA = 3
"""The schema of the records that are written.

2: intervals are wider for few groups, and there is none if all draws agree. 3: `lineage` has only data and parameters;
the code is known from the commit (`slipway.registry.provenance`).
"""
MODEL = "model.tflite"
FILES = (MODEL, "float.tflite", "golden.npz")
"""The files of a release; files with other names are never written."""
Count = Annotated[int, Field(ge=0, le=2**53)]
SHA256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Form = TypeVar("Form", bound=BaseModel)
_ENDS = {"value", "low", "high"}


def _figures(figures: dict[str, float | None]) -> dict[str, float | None]:
    if "value" not in figures or figures.keys() - _ENDS:
        raise ValueError("figures must be a value, and optionally its interval: value, low, high")
    return figures


def _file(name: str) -> str:
    if name not in FILES:
        raise ValueError(f"{name[:40]!r} is not a file of a release, which are {', '.join(FILES)}")
    return name


def _parity(parity: dict[str, float | dict[str, float]]) -> dict[str, float | dict[str, float]]:
    if not isinstance(parity.get("agreement"), float):
        raise ValueError("the agreement of the model that ships with the native one is missing")
    return parity


Figures = Annotated[dict[str, float | None], AfterValidator(_figures)]
"""`value`, and `low` and `high` if there is an interval."""


class Part(BaseModel):
    """Base class of the parts of a document: strict and frozen."""

    model_config = STRICT


class Artifact(Part):
    """One file of a release."""

    sha256: SHA256
    bytes: Count


class _Input(BaseModel):
    model_config = ConfigDict(**{**STRICT, "extra": "allow"})

    shape: list[Count]
    dtype: str


class _Spec(BaseModel):
    model_config = ConfigDict(**{**STRICT, "extra": "allow"})

    objective: str
    input: _Input
    outputs: list[str]
    classes: list[str] = []
    threshold: float | list[float] | None = None


def _spec(values: dict[str, Any]) -> dict[str, Any]:
    _Spec.model_validate(values)
    return values


class Split(BaseModel):
    """The number of examples of a split, and further counts that depend on the task."""

    model_config = ConfigDict(**{**STRICT, "extra": "allow"})

    total: Count
    groups: Count | None = None
    classes: dict[str, Count] = {}


class Dataset(Part):
    """The splits, the number of examples that were set aside, and warnings."""

    train: Split | None = None
    val: Split | None = None
    test: Split | None = None
    calibration: Split | None = None
    quarantined: Count = 0
    simulated: bool = False
    warnings: list[str] = []

    @property
    def splits(self) -> dict[str, Split]:
        """The existing splits, by name."""
        named = {"train": self.train, "val": self.val, "test": self.test, "calibration": self.calibration}
        return {name: split for name, split in named.items() if split is not None}


class Delegation(Part):
    """The number of partitions that XNNPACK runs, and the number of operators that it does not run, by name."""

    partitions: Count
    outside: dict[str, Count]


class Lineage(Part):
    """What a model was built from: DVC's hashes of its data, and the SHA-256 of its parameters.

    `started_from` is the hash of the model whose weights training started from.
    """

    raw: str | None = None
    prepared: str | None = None
    params: str
    started_from: str | None = None


class Record(Part):
    """A release record. `schema_version` is the schema in which it was written."""

    schema_version: Literal[1, 2, 3] = Field(alias="schema")
    variant: str
    task: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    framework: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    profile: str
    description: str = ""
    license: str | None = None
    data: dict[str, Any]
    spec: Annotated[dict[str, Any], AfterValidator(_spec)]
    dataset: Dataset
    precision: str
    confidence: float | None = None
    metrics: dict[str, Figures]
    examples: Count
    groups: Count
    parity: Annotated[dict[str, float | dict[str, float]], AfterValidator(_parity)]
    delegation: Delegation | None = None
    gate: Verdict
    artifacts: dict[Annotated[str, AfterValidator(_file)], Artifact]
    lineage: Lineage

    @property
    def model(self) -> Artifact:
        """The model that ships."""
        return self.artifacts[MODEL]

    @property
    def agreement(self) -> float:
        """The share of test examples for which the native model makes the same decision."""
        share = self.parity["agreement"]
        assert isinstance(share, float)  # `_parity` checks this
        return share

    @property
    def classes(self) -> list[str]:
        """The classes that the model decides between; empty if it has none."""
        return list(self.spec.get("classes") or ())

    def to_json(self) -> dict[str, Any]:
        """Return the record as plain JSON values, as in the file."""
        return self.model_dump(mode="json", by_alias=True)

    def identity(self) -> dict[str, Any]:
        """Return what identifies a version: equal for two records that a user cannot distinguish.

        It has the files that ship, inputs and outputs, data, parameters, scores and the outcome of each rule. It does
        not have the schema, or wording such as the reason of a verdict or a warning about data.
        """
        whole = self.to_json()
        kept = ("variant", "artifacts", "spec", "lineage", "metrics", "examples", "groups", "parity")
        rules = [{key: value for key, value in rule.items() if key != "reason"} for rule in whole["gate"]["rules"]]
        return {**{key: whole[key] for key in kept}, "rules": rules}


def read(content: bytes, path: str, variant: str) -> Record:
    """Read the release record of a variant.

    Args:
        content: the bytes of the record.
        path: its path, for messages.
        variant: the variant that it must belong to.

    Raises:
        MalformedError: it is not a record, has an unknown schema, or belongs to another variant.
    """
    values = documents.strict_json(content, path)
    schema = values.get("schema")
    if type(schema) is not int or not 1 <= schema <= SCHEMA:
        known = " or ".join(str(one) for one in range(1, SCHEMA + 1))
        raise MalformedError(f"{path}: schema {schema!r} is not {known}, which this version of slipway reads")
    for older in range(schema, SCHEMA):
        values = _UPGRADES[older](values)
    text = content if schema == SCHEMA else json.dumps(values).encode()
    made = validated(Record, text, path)
    if made.variant != variant:
        raise MalformedError(f"{path} is the record of {made.variant}, not of {variant}")
    if MODEL not in made.artifacts:
        raise MalformedError(f"{path}: artifacts: it has no {MODEL}")
    return made


def validated(form: type[Form], content: bytes, path: str) -> Form:
    """Return a JSON document as an instance of `form`.

    Raises:
        MalformedError: it does not have this form; the message has the path and the first wrong key.
    """
    try:
        return form.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(one) for one in first["loc"])
        message = " ".join(first["msg"].split())[:200]
        raise MalformedError(f"{path}: {place}: {message}" if place else f"{path}: {message}")


def build(
    variant: str,
    params: Mapping[str, Any],
    spec: Mapping[str, Any],
    dataset: Mapping[str, Any],
    conversion: Mapping[str, Any],
    evaluation: Mapping[str, Any],
    verdict: Verdict,
    artifacts: Mapping[str, Any],
    lineage: Mapping[str, Any],
) -> Record:
    """Build the record from the outputs of the earlier stages.

    Raises:
        MalformedError: an output does not have its form.
    """
    values = {
        "schema": SCHEMA,
        "variant": variant,
        "task": params["task"],
        "framework": params["framework"],
        "profile": params["profile"],
        "description": params["register"]["description"],
        "license": params["register"]["license"],
        "data": params["data"],
        "spec": spec,
        "dataset": {
            **dataset["splits"],
            "quarantined": dataset["problems"]["total"],
            "simulated": params["simulate"] is not None,
            "warnings": dataset["warnings"],
        },
        "precision": conversion["precision"],
        "confidence": evaluation["confidence"],
        "metrics": conversion["metrics"],
        "examples": evaluation["examples"],
        "groups": evaluation["groups"],
        "parity": conversion["parity"],
        "delegation": conversion["delegation"],
        "gate": verdict.to_json(),
        "artifacts": artifacts,
        "lineage": lineage,
    }
    return validated(Record, json.dumps(values).encode(), f"the outputs of the stages of {variant}")


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def artifacts(paths: Mapping[str, Path]) -> dict[str, dict[str, Any]]:
    """Return `sha256` and `bytes` of each file, by its name in the release."""
    return {name: {"sha256": digest(path), "bytes": path.stat().st_size} for name, path in paths.items()}


def lineage(lock: Path, variant: str, params: Path) -> dict[str, str]:
    """Return the lineage of the model, from dvc.lock.

    `raw` and `prepared` are DVC's own hashes, with which `dvc fetch` finds the data.

    Raises:
        RegistryError: dvc.lock lacks a stage of the variant.
    """
    stages = dvc_lock.stages(lock.read_bytes() if lock.exists() else None)
    trained = "transfer" if f"transfer@{variant}" in stages else "train"
    names = [f"{stage}@{variant}" for stage in ("prepare", trained)]
    if missing := [name for name in names if name not in stages]:
        raise RegistryError(f"{lock}: no {missing[0]}; run `dvc repro register@{variant}`")
    deps = {path: md5 for name in names for path, md5 in dvc_lock.hashes(stages, name, "deps").items()}
    others = [path for path in deps if path.startswith("models/") and not path.startswith(f"models/{variant}/")]
    return {
        "raw": deps[f"data/raw/{variant}"],
        "prepared": deps[f"data/prepared/{variant}"],
        "params": digest(params),
        **({"started_from": deps[others[0]]} if others else {}),
    }


def with_kinds(values: dict[str, Any]) -> dict[str, Any]:
    """Complete the rules of an older document, from before there were rules on classes and on the conversion.

    Such rules have neither a kind nor a class, since there was only one kind and no class.
    """
    gate = values.get("gate")
    if not (isinstance(gate, dict) and isinstance(gate.get("rules"), list)):
        return values
    if all("kind" in rule for rule in gate["rules"] if isinstance(rule, dict)):
        return values
    defaults = {"kind": "bound", "of": None, "relative": False}
    rules = [{**defaults, **rule} if isinstance(rule, dict) else rule for rule in gate["rules"]]
    return {**values, "gate": {**gate, "rules": rules}}


def _from_2(values: dict[str, Any]) -> dict[str, Any]:
    """Upgrade from schema 2, whose lineage also has hashes of code and environment, and "started from" as a key."""
    lineage = values.get("lineage")
    if not isinstance(lineage, dict):
        return values
    kept = {key: value for key, value in lineage.items() if key not in ("code", "requirements.lock")}
    if "started from" in kept:
        kept["started_from"] = kept.pop("started from")
    return {**values, "lineage": kept}


_UPGRADES: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {1: with_kinds, 2: _from_2}
