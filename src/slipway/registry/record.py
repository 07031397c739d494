"""The release record: what a built model is, what it scored, and the gate's verdict.

It holds no clock and no machine, so that equal inputs give equal bytes; it is in Git, and whatever loads or promotes a
model does so by it.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from slipway import documents
from slipway.errors import RegistryError

SCHEMA = 2
"""Of the records that are written: since 2 intervals are wider for few groups, and draws that all agree give none."""
READ = (1, 2)


def digest(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def artifacts(paths: Mapping[str, Path]) -> dict[str, dict[str, Any]]:
    """`sha256` and `bytes` of each file, by the name it is released under."""
    return {name: {"sha256": digest(path), "bytes": path.stat().st_size} for name, path in paths.items()}


def lineage(lock: Path, variant: str, params: Path, requirements: Path) -> dict[str, str]:
    """What the model came from, as DVC locked it: hashes of raw and prepared data, parameters, code and environment.

    `raw` and `prepared` are DVC's own hashes, by which `dvc fetch` finds the data; `code` is the SHA-256 over the
    path and hash of every module that the variant's stages ran.

    Raises:
        RegistryError: dvc.lock lacks a stage of the variant.
    """
    stages = documents.read_yaml(lock)["stages"] if lock.exists() else {}
    trained = "transfer" if f"transfer@{variant}" in stages else "train"
    names = [f"{stage}@{variant}" for stage in ("prepare", trained, "evaluate", "convert-tflite", "benchmark")]
    if missing := [name for name in names if name not in stages]:
        raise RegistryError(f"{lock}: no {missing[0]}; run `dvc repro register@{variant}`")
    deps = {dep["path"]: dep for name in names for dep in stages[name]["deps"]}
    code = "\n".join(f"{path} {dep['md5']}" for path, dep in sorted(deps.items()) if path.startswith("src/"))
    others = [path for path in deps if path.startswith("models/") and not path.startswith(f"models/{variant}/")]
    return ({"started from": deps[others[0]]["md5"]} if others else {}) | {
        "raw": deps[f"data/raw/{variant}"]["md5"],
        "prepared": deps[f"data/prepared/{variant}"]["md5"],
        "params": digest(params),
        "code": hashlib.sha256(code.encode()).hexdigest(),
        "requirements.lock": digest(requirements),
    }


def build(
    variant: str,
    params: Mapping[str, Any],
    spec: Mapping[str, Any],
    dataset: Mapping[str, Any],
    conversion: Mapping[str, Any],
    evaluation: Mapping[str, Any],
    verdict: Mapping[str, Any],
    artifacts: Mapping[str, Any],
    lineage: Mapping[str, Any],
) -> dict[str, Any]:
    """The record, from what the stages before wrote."""
    return {
        "schema": SCHEMA,
        "variant": variant,
        "task": params["task"],
        "framework": params["framework"],
        "profile": params["profile"],
        "description": params["register"]["description"],
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
        "gate": verdict,
        "artifacts": artifacts,
        "lineage": lineage,
    }
