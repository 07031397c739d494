"""The release record, `models/<variant>/release.json`: what a built model is, what it scored, and the gate's verdict.

It holds no clock, no machine and no hash of code, so that equal inputs give equal bytes. It is in Git, and whatever
loads or promotes a model does so by it. Whoever can push can write it, so it is read strictly: what is not in this form
is malformed. Records of every schema that this repository has had are read as the newest one.
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
"""Of the records that are written.

2: intervals are wider for few groups, and draws that all agree give none. 3: `lineage` has data and parameters alone;
what ran is known from the commit (`slipway.registry.provenance`).
"""
MODEL = "model.tflite"
FILES = (MODEL, "float.tflite", "golden.npz")
"""The files of a release: no other name is ever written."""
Count = Annotated[int, Field(ge=0, le=2**53)]
SHA256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Form = TypeVar("Form", bound=BaseModel)
_ENDS = {"value", "low", "high"}


def _figures(figures: dict[str, float | None]) -> dict[str, float | None]:
    if "value" not in figures or figures.keys() - _ENDS:
        raise ValueError("figures are a value, and where there is one its interval: value, low, high")
    return figures


def _file(name: str) -> str:
    if name not in FILES:
        raise ValueError(f"{name[:40]!r} is no file of a release, which are {', '.join(FILES)}")
    return name


def _parity(parity: dict[str, float | dict[str, float]]) -> dict[str, float | dict[str, float]]:
    if not isinstance(parity.get("agreement"), float):
        raise ValueError("there is no agreement of the model that ships with the native one")
    return parity


Figures = Annotated[dict[str, float | None], AfterValidator(_figures)]
"""`value`, and where there is an interval `low` and `high`."""


class Part(BaseModel):
    """A part of a document, strict and frozen."""

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
    threshold: float | None = None


def _spec(values: dict[str, Any]) -> dict[str, Any]:
    _Spec.model_validate(values)
    return values


class Split(BaseModel):
    """How many examples a split has, and what is known of them by kind of task."""

    model_config = ConfigDict(**{**STRICT, "extra": "allow"})

    total: Count
    groups: Count | None = None
    classes: dict[str, Count] = {}


class Dataset(Part):
    """The splits, and what was left out."""

    train: Split | None = None
    val: Split | None = None
    test: Split | None = None
    calibration: Split | None = None
    quarantined: Count = 0
    simulated: bool = False
    warnings: list[str] = []

    @property
    def splits(self) -> dict[str, Split]:
        """Those that there are, by name."""
        named = {"train": self.train, "val": self.val, "test": self.test, "calibration": self.calibration}
        return {name: split for name, split in named.items() if split is not None}


class Delegation(Part):
    """How many partitions of a model XNNPACK runs, and how many operators of each name it does not."""

    partitions: Count
    outside: dict[str, Count]


class Lineage(Part):
    """What a model was made from: DVC's hashes of its data, and the SHA-256 of its parameters.

    `started_from` is the hash of the model whose weights it began with.
    """

    raw: str | None = None
    prepared: str | None = None
    params: str
    started_from: str | None = None


class Record(Part):
    """A release record. `schema_version` is the one that it was written in."""

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
        """The share of the test examples of which the native model says the same."""
        share = self.parity["agreement"]
        assert isinstance(share, float)  # `_parity` has looked
        return share

    @property
    def classes(self) -> list[str]:
        """The classes that the model decides between; empty where it does not."""
        return list(self.spec.get("classes") or ())

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, as they are written."""
        return self.model_dump(mode="json", by_alias=True)

    def identity(self) -> dict[str, Any]:
        """What tells one version from another: equal for two records that a user could not tell apart.

        The bytes that ship, what they take and give, data, parameters, scores and the outcome of each rule. Wording,
        such as the reason of a verdict or a warning about data, is no part of it, nor is the schema.
        """
        whole = self.to_json()
        kept = ("variant", "artifacts", "spec", "lineage", "metrics", "examples", "groups", "parity")
        rules = [{key: value for key, value in rule.items() if key != "reason"} for rule in whole["gate"]["rules"]]
        return {**{key: whole[key] for key in kept}, "rules": rules}


def read(content: bytes, path: str, variant: str) -> Record:
    """The release record of a variant.

    Args:
        content: the bytes.
        path: where they are, for messages.
        variant: whose it must be.

    Raises:
        MalformedError: it is none, of a schema that is not known, or another variant's.
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
    """A document of JSON in its form.

    Raises:
        MalformedError: it is not; the message has the path and the first key that is wrong.
    """
    try:
        return form.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(one) for one in first["loc"])
        said = " ".join(first["msg"].split())[:200]
        raise MalformedError(f"{path}: {place}: {said}" if place else f"{path}: {said}")


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
    """The record, from what the stages before wrote.

    Raises:
        MalformedError: one of them is not in its form.
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
    return validated(Record, json.dumps(values).encode(), f"what the stages of {variant} wrote")


def digest(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def artifacts(paths: Mapping[str, Path]) -> dict[str, dict[str, Any]]:
    """`sha256` and `bytes` of each file, by the name it is released under."""
    return {name: {"sha256": digest(path), "bytes": path.stat().st_size} for name, path in paths.items()}


def lineage(lock: Path, variant: str, params: Path) -> dict[str, str]:
    """What the model came from, as DVC locked it.

    `raw` and `prepared` are DVC's own hashes, by which `dvc fetch` finds the data.

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
    """A document with a verdict as it was written before there were rules on classes and on conversion.

    Rules said neither of what kind they are nor on which class, where there was one kind and no class.
    """
    gate = values.get("gate")
    if not (isinstance(gate, dict) and isinstance(gate.get("rules"), list)):
        return values
    if all("kind" in rule for rule in gate["rules"] if isinstance(rule, dict)):
        return values
    unsaid = {"kind": "bound", "of": None, "relative": False}
    rules = [{**unsaid, **rule} if isinstance(rule, dict) else rule for rule in gate["rules"]]
    return {**values, "gate": {**gate, "rules": rules}}


def _from_2(values: dict[str, Any]) -> dict[str, Any]:
    """The lineage had hashes of code and environment, too, and another name for the model that it started from."""
    lineage = values.get("lineage")
    if not isinstance(lineage, dict):
        return values
    kept = {key: value for key, value in lineage.items() if key not in ("code", "requirements.lock")}
    if "started from" in kept:
        kept["started_from"] = kept.pop("started from")
    return {**values, "lineage": kept}


_UPGRADES: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {1: with_kinds, 2: _from_2}
