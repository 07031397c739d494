"""A released model in MLflow: one run with its parameters, metrics and files, and one model version, by artifact hash.

Git holds the truth (the release record and its tags); what is written here mirrors it, so that people find a model
where they look for models. The SHA-256 of model.tflite is the key: bytes that a registered model already has a version
of are never registered a second time, whatever else changed. Versions carry tags and no stages, which MLflow
deprecated.
"""

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slipway import mlflow_store
from slipway.errors import RegistryError
from slipway.records.release import MODEL, Record, digest
from slipway.registry import owner

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

FOLDER = "release"
"""Folder of the run's artifacts that holds the files of the version."""
SHA256 = "artifact_sha256"
"""The tag of a run and of a model version that holds the SHA-256 of model.tflite."""

SECONDS = 300.0
"""How long a registration may take, uploads included."""


@dataclass(frozen=True)
class Registration:
    """A version of a registered model: where it is, which run made it, and whether this call did."""

    store: str
    name: str
    version: int
    run_id: str
    sha256: str
    created: bool


def register(
    record: Record,
    files: Mapping[str, Path],
    *,
    name: str,
    description: str,
    params: Mapping[str, Any],
    metrics: Mapping[str, float],
) -> Registration:
    """Register the model of a release record, or find the version that has its bytes.

    Args:
        record: the release record; its variant, task, verdict and artifact hashes become tags.
        files: what goes into the version's folder, by the name it gets there: model.tflite, release.json, the card.
        name: the registered model.
        description: what the model is for, in a sentence.
        params: parameters of the variant, nested or not.
        metrics: what the model scored.

    Raises:
        RegistryError: a file is not the one in the record, or MLflow cannot be reached or refuses.
    """
    sha256 = _verified(record, files)
    uri = mlflow_store.tracking_uri()
    try:
        client = mlflow_store.connect(uri, SECONDS)
        found = find(client, name, sha256)
        if found is not None:
            version, run_id = found
            return Registration(mlflow_store.shown(uri), name, version, run_id, sha256, created=False)
        tags = {
            "variant": record.variant,
            "task": record.task,
            "verdict": record.gate.verdict,
            SHA256: sha256,
            **owner.tags(),
        }
        if (model := owner.model(client, name)) is not None:
            owner.check(model, versions(client, name))
        run_id, source = _run(client, tags, files, params, metrics)
        version = _version(client, name, description, source, run_id, tags)
    except RegistryError:
        raise
    except Exception as error:
        raise RegistryError(
            f"MLflow at {mlflow_store.shown(uri)}: {name} was not registered ({mlflow_store.reason(error)}); "
            f"{mlflow_store.remedy(error)}, then register again "
            f"(unset, models go to sqlite:///{mlflow_store.DATABASE})"
        )
    return Registration(mlflow_store.shown(uri), name, version, run_id, sha256, created=True)


def find(client: "MlflowClient", name: str, sha256: str) -> tuple[int, str] | None:
    """Version and run id of the first version of `name` with these bytes, if there is one."""
    found = client.search_model_versions(f"name = '{name}' and tags.{SHA256} = '{sha256}'")
    return min(((int(version.version), str(version.run_id)) for version in found), default=None)


def versions(client: "MlflowClient", name: str) -> list[Any]:
    """All versions of a registered model, the oldest first."""
    found: list[Any] = []
    page = None
    while True:
        part = client.search_model_versions(f"name = '{name}'", max_results=1000, page_token=page)
        found += part
        page = part.token
        if not page:
            return sorted(found, key=lambda version: int(version.version))


def _verified(record: Record, files: Mapping[str, Path]) -> str:
    artifacts = record.artifacts
    for name in sorted({MODEL, *(artifacts.keys() & files.keys())}):
        if name not in files or name not in artifacts:
            raise RegistryError(f"{name} is not both in the release record and among the files to register")
        try:
            found = digest(files[name])
        except FileNotFoundError:
            raise RegistryError(f"{files[name]}: no such file, and the release record names it; run `dvc checkout`")
        if found != artifacts[name].sha256:
            raise RegistryError(
                f"{files[name]}: SHA-256 {found[:12]}… is not the {artifacts[name].sha256[:12]}… of the release "
                "record; run `dvc repro`, so that the record is of these bytes"
            )
    return record.model.sha256


def _run(
    client: "MlflowClient",
    tags: Mapping[str, str],
    files: Mapping[str, Path],
    params: Mapping[str, Any],
    metrics: Mapping[str, float],
) -> tuple[str, str]:
    """Write a finished run; its id and the address of its files."""
    from mlflow.entities import Metric, Param

    experiment = mlflow_store.experiment(client, tags["variant"])
    run = client.create_run(experiment, tags=dict(tags), run_name="release").info
    status = "FAILED"
    try:
        told = [Param(key, value) for key, value in mlflow_store.flat(params).items()]
        for start in range(0, len(told), 100):
            client.log_batch(run.run_id, params=told[start : start + 100])
        client.log_batch(run.run_id, metrics=[Metric(key, metrics[key], run.start_time, 0) for key in sorted(metrics)])
        with tempfile.TemporaryDirectory() as folder:
            for key, path in files.items():
                shutil.copyfile(path, Path(folder, key))
            client.log_artifacts(run.run_id, folder, FOLDER)
        status = "FINISHED"
    finally:
        client.set_terminated(run.run_id, status)
    return str(run.run_id), f"{run.artifact_uri}/{FOLDER}"


def _version(
    client: "MlflowClient", name: str, description: str, source: str, run_id: str, tags: Mapping[str, str]
) -> int:
    """Make the registered model where it is missing, and its next version."""
    known = owner.model(client, name)
    if known is None:
        client.create_registered_model(name, owner.tags(), description)
    elif known.description != description:
        client.update_registered_model(name, description)
    version = client.create_model_version(name, source, run_id, tags=dict(tags), description=description)
    return int(version.version)
