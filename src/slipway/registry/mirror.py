"""MLflow as a mirror of Git: its registered models, versions, aliases and tags are made equal to the tags in Git.

`sync` compares and writes only the differences. It can run in any order, any number of times, on an empty server, and
again after an interruption between any two writes. It reads from MLflow only what it compares.

- A version in Git corresponds to the model version whose tag `git_version` names it and whose `artifact_sha256` equals
  the hash of its model.
- If there is none, `sync` creates a run with parameters, metrics and files, and a model version on that run. The files
  are those in Git, and the model if the DVC cache or remote has it; MLflow can then load it
  (`slipway.registry.pyfunc`). A second version with the same bytes shares the run.
- The holders of staging, canary and production get the alias of that name if `slipway registry verify` accepts the
  tag; a refused tag gives no role here. A variant that cannot be verified is left unchanged.
- Model versions that are not a version in Git stay, but lose the tags that earlier syncs wrote.
- A registered model of another repository is left unchanged, see `registry.owner`.

A clone that is behind its remote does not sync: it would take production from a version that others promoted.
"""

import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slipway.core import atomic
from slipway.core.errors import DataError, ModelError, RegistryError, SlipwayError
from slipway.records.release import MODEL, Record
from slipway.registry import artifacts, clone, git, grammar, owner, pyfunc, releases, verification
from slipway.registry.owner import COMMIT, OWNER, OwnedError
from slipway.registry.releases import Release
from slipway.registry.state import Variant, Version
from slipway.tracking import mlflow_store
from slipway_edge.predictor import GOLDEN

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

FOLDER = "release"
"""The folder in the run's artifacts with the files of the version."""
SHA256 = "artifact_sha256"
"""The tag of a run and of a model version that holds the SHA-256 of model.tflite."""
VERSION = "git_version"
OURS = (VERSION, "git_tag", "roles", "lifecycle", COMMIT)
"""The tags of a model version that come from Git alone; the last one shows which repository they belong to."""
SECONDS = 600.0
"""The time limit of a sync; the next one continues where it stopped."""


class UnreachableError(RegistryError):
    """MLflow cannot be reached or returns an error; earlier writes stay, and the next sync continues from them."""


@dataclass(frozen=True)
class Synced:
    """The result of a sync: the store, one line per write, warnings, and the number of versions that now agree.

    `refused` says for each registered model of another repository why it was left unchanged. `unverified` lists the
    variants that were left unchanged because their tags cannot be verified.
    """

    store: str
    changes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    versions: int = 0
    unverified: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Wanted:
    """A version as it should be in MLflow."""

    version: Version
    release: Release
    params: Mapping[str, Any]
    tags: Mapping[str, str]

    @property
    def name(self) -> str:
        """The name of the registered model."""
        return str(self.params.get("register", {}).get("name") or self.version.variant)

    @property
    def description(self) -> str:
        """The description of the model."""
        return str(self.params.get("register", {}).get("description") or "")


def sync(variants: Mapping[str, Variant], built: Sequence[str], adopt: Collection[str] = ()) -> Synced:
    """Make MLflow equal to Git.

    Args:
        variants: the variants according to the tags.
        built: the variants in params.yaml; if one has no version, its registered model must not claim any.
        adopt: the registered models to take over from their owner.

    Raises:
        IncompleteError: the local tags differ from the remote, or, for a shared store, could not be compared.
        UnreachableError: MLflow cannot be reached or returns an error.
    """
    uri = mlflow_store.tracking_uri()
    clone.look().check(certain=not mlflow_store.is_default(uri))
    done = Synced(mlflow_store.shown(uri))
    models = _models(*_accepted(variants, built, done), done)
    if unknown := sorted(set(adopt) - models.keys()):
        raise RegistryError(
            f"{unknown[0]}: no variant has a registered model of this name; there are {', '.join(models)}"
        )
    agreed = 0
    with _reaching(uri):
        client = mlflow_store.connect(uri, SECONDS)
        client.search_registered_models(max_results=1)
        for name, (wanted, aliases) in models.items():
            try:
                _sync_model(client, name, wanted, aliases, name in adopt, done)
                agreed += len(wanted)
            except OwnedError as error:
                done.refused.append(str(error))
    return replace(done, versions=agreed)


def unequal(variants: Mapping[str, Variant], built: Sequence[str]) -> tuple[list[str], list[str]]:
    """The registered models that `sync` would change, and the refusals of `sync`; nothing is written.

    Raises:
        UnreachableError: MLflow cannot be reached or returns an error.
    """
    uri = mlflow_store.tracking_uri()
    done = Synced(mlflow_store.shown(uri))
    found = []
    with _reaching(uri):
        client: Any = _Reading(mlflow_store.connect(uri))
        for name, (wanted, aliases) in _models(*_accepted(variants, built, done), done).items():
            try:
                _sync_model(client, name, wanted, aliases, False, done)
            except _WriteError:
                found.append(name)
            except OwnedError as error:
                done.refused.append(str(error))
    return found, done.refused


class _WriteError(Exception):
    """A read-only client was called to write."""


class _Reading:
    """A read-only MLflow client."""

    def __init__(self, client: "MlflowClient") -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        if not name.startswith(("get_", "search_")):
            raise _WriteError(name)
        return getattr(self._client, name)


def _accepted(
    variants: Mapping[str, Variant], built: Sequence[str], done: Synced
) -> tuple[dict[str, Variant], list[str]]:
    """The variants without their refused tags, and `built`; both without variants that cannot be verified."""
    found = {}
    left_out = set()
    for name, variant in variants.items():
        try:
            found[name], refused = verification.accepted(variant)
        except SlipwayError as error:
            left_out.add(name)
            done.unverified.append(f"{name} is left unchanged: its tags cannot be verified ({error})")
        else:
            done.warnings.extend(refused)
    return found, [name for name in built if name not in left_out]


def _models(
    variants: Mapping[str, Variant], built: Sequence[str], done: Synced
) -> dict[str, tuple[list[Wanted], dict[str, Wanted]]]:
    """The registered models as they should be, by name: their versions, and the version of each alias."""
    wanted = [
        one for name in sorted({*variants, *built}) for one in _wanted(variants.get(name) or Variant(name, ()), done)
    ]
    models: dict[str, list[Wanted]] = {}
    aliases: dict[str, dict[str, Wanted]] = {}
    for one in wanted:
        # A variant's registered model is the one of its newest version; its earlier names keep no versions.
        models.setdefault(one.name, [])
    for name in built:
        models.setdefault(_names([f"HEAD:params/{name}.yaml"])[0] or name, [])
    for variant in variants.values():
        of = [one for one in wanted if one.version.variant == variant.name]
        if not of:
            continue
        name = max(of, key=lambda one: one.version.registered.when).name
        models[name] += of
        held = {role: [one for one in of if role in one.version.roles] for role in grammar.LIVE}
        aliases.setdefault(name, {}).update({role: holders[0] for role, holders in held.items() if holders})
    return {name: (models[name], aliases.get(name, {})) for name in sorted(models)}


def _wanted(variant: Variant, done: Synced) -> Iterator[Wanted]:
    versions = sorted(variant.versions.values(), key=lambda one: one.registered.when)
    read = releases.read([(one.variant, one.commit) for one in versions])
    params = git.contents([f"{one.commit}:params/{one.variant}.yaml" for one in versions])
    for version, release, content in zip(versions, read, params, strict=True):
        record = release.record
        if record is None:
            done.warnings.append(f"{version.name} has no release record at its commit and is not mirrored")
            continue
        wanted_tags = {
            "variant": version.variant,
            "task": record.task,
            "verdict": release.verdict or "unknown",
            SHA256: record.model.sha256,
            VERSION: version.version,
            "git_tag": version.name,
            COMMIT: version.commit,
            "roles": ", ".join(version.roles),
            "lifecycle": releases.lifecycle(variant, version, release.verdict),
        }
        wanted_tags |= owner.tags()
        yield Wanted(
            version, release, releases.parameters(content), {key: value for key, value in wanted_tags.items() if value}
        )


def _sync_model(
    client: "MlflowClient",
    name: str,
    wanted: Sequence[Wanted],
    aliases: Mapping[str, Wanted],
    adopt: bool,
    done: Synced,
) -> None:
    model, mine = owner.model(client, name), owner.tags()
    if model is None:
        if not wanted:
            return
        model = client.create_registered_model(name, mine, wanted[-1].description)
        done.changes.append(f"{name}: created")
    there = versions(client, name)
    try:
        if not adopt:
            owner.check(model, there)
    except OwnedError:
        if wanted:
            raise
        return  # Git has no version for it
    if OWNER in mine and model.tags.get(OWNER) != mine[OWNER]:
        client.set_registered_model_tag(name, OWNER, mine[OWNER])
        done.changes.append(f"{name}: of this repository")
    if wanted and (model.description or "") != wanted[-1].description:
        client.update_registered_model(name, wanted[-1].description)
        done.changes.append(f"{name}: description")
    numbers: dict[str, str] = {}
    claimed: set[str] = set()
    for one in wanted:
        found = _find(one, there, claimed)
        if found is None:
            found = _create(client, name, one, there, done)
            there.append(found)
        claimed.add(found.version)
        numbers[one.version.version] = found.version
        _set_tags(client, name, found, one.tags, done)
    # Aliases move, each in one write, before tags are removed from model versions that are not in Git.
    desired = {role: numbers[one.version.version] for role, one in aliases.items()}
    for role in grammar.LIVE:
        now = model.aliases.get(role)
        if role in desired and str(now) != desired[role]:
            client.set_registered_model_alias(name, role, desired[role])
            done.changes.append(f"{name}: alias {role} is version {desired[role]}{f', was {now}' if now else ''}")
        elif role not in desired and now is not None:
            client.delete_registered_model_alias(name, role)
            done.changes.append(f"{name}: alias {role} removed from version {now}")
    strays = [one for one in there if one.version not in claimed]
    known = owner.here(one.tags[COMMIT] for one in strays if COMMIT in one.tags)
    for stray in strays:
        if not (adopt or stray.tags.get(COMMIT) in known):
            continue
        for key in OURS:
            if key in stray.tags:
                client.delete_model_version_tag(name, stray.version, key)
                done.changes.append(
                    f"{name} version {stray.version}: tag {key} removed, since it is not a version in Git"
                )


def _find(one: Wanted, there: Sequence[Any], claimed: set[str]) -> Any | None:
    """The model version that is this version, or an unclaimed one with the same bytes; None if there is neither."""
    free = [
        version for version in there if version.version not in claimed and version.tags.get(SHA256) == one.tags[SHA256]
    ]
    named = [version for version in free if version.tags.get(VERSION) == one.version.version]
    bare = [version for version in free if VERSION not in version.tags]
    return next(iter(named or bare), None)


def versions(client: "MlflowClient", name: str) -> list[Any]:
    """All versions of a registered model, oldest first."""
    found: list[Any] = []
    page = None
    while True:
        part = client.search_model_versions(f"name = '{name}'", max_results=1000, page_token=page)
        found += part
        page = part.token
        if not page:
            return sorted(found, key=lambda version: int(version.version))


def _set_tags(client: "MlflowClient", name: str, found: Any, wanted: Mapping[str, str], done: Synced) -> None:
    # `git_version` comes last: without it, the next sync does not recognize this version and starts again.
    for key in sorted(wanted, key=lambda key: (key == VERSION, key)):
        if found.tags.get(key) != wanted[key]:
            client.set_model_version_tag(name, found.version, key, wanted[key])
            done.changes.append(f"{name} version {found.version}: {key} is {wanted[key]}")
    for key in sorted((found.tags.keys() & set(OURS)) - wanted.keys()):
        client.delete_model_version_tag(name, found.version, key)
        done.changes.append(f"{name} version {found.version}: {key} removed")


def _create(client: "MlflowClient", name: str, one: Wanted, there: Sequence[Any], done: Synced) -> Any:
    same = [version for version in there if version.tags.get(SHA256) == one.tags[SHA256]]
    run_id, source = (same[0].run_id, same[0].source) if same else _run(client, one, done)
    made = client.create_model_version(name, source, run_id, tags=dict(one.tags), description=one.description)
    done.changes.append(f"{name} version {made.version}: created from {one.version.name}")
    return client.get_model_version(name, made.version)


def _run(client: "MlflowClient", one: Wanted, done: Synced) -> tuple[str, str]:
    """The run id and artifact address of a finished run of this version; one from an interrupted sync is reused."""
    from mlflow.entities import Metric, Param

    experiment = mlflow_store.experiment(client, one.version.variant)
    known = f"tags.git_tag = '{one.version.name}' and tags.{SHA256} = '{one.tags[SHA256]}' and status = 'FINISHED'"
    left = client.search_runs([experiment], known.replace("status", "attributes.status"), max_results=1)
    if left:
        return left[0].info.run_id, f"{left[0].info.artifact_uri}/{FOLDER}"
    record = one.release.record
    assert record is not None  # checked by `_wanted`
    run = client.create_run(experiment, tags=dict(one.tags), run_name=one.version.version).info
    status = "FAILED"
    try:
        params = [Param(key, value) for key, value in mlflow_store.flat(one.params).items()]
        for start in range(0, len(params), 100):
            client.log_batch(run.run_id, params=params[start : start + 100])
        values = {name: metric["value"] for name, metric in record.metrics.items() if metric["value"] is not None}
        client.log_batch(run.run_id, metrics=[Metric(key, values[key], run.start_time, 0) for key in sorted(values)])
        with tempfile.TemporaryDirectory() as folder:
            _files(one, record, Path(folder), done)
            client.log_artifacts(run.run_id, folder, FOLDER)
        status = "FINISHED"
    finally:
        client.set_terminated(run.run_id, status)
    return str(run.run_id), f"{run.artifact_uri}/{FOLDER}"


def _files(one: Wanted, record: Record, folder: Path, done: Synced) -> None:
    version = one.version
    got = artifacts.fetch(version.variant, version.commit, record, folder)
    for name in sorted(record.artifacts.keys() - got.keys()):
        done.warnings.append(f"{version.name}: {name} is neither in DVC's cache nor in the remote; mirrored without it")
    (card,) = git.contents([f"{version.commit}:models/{version.variant}/card.md"])
    for name, content in (("release.json", one.release.record_bytes), ("card.md", card)):
        if content is not None:
            atomic.write_bytes(folder / name, content)
    if {MODEL, GOLDEN} <= got.keys():
        try:
            pyfunc.add(folder, record)
        except (DataError, ModelError) as error:
            done.warnings.append(f"{version.name}: MLflow gets its files, but cannot load it as a model ({error})")


def _names(objects: Sequence[str]) -> list[str | None]:
    return [releases.parameters(content).get("register", {}).get("name") for content in git.contents(objects)]


@contextmanager
def _reaching(uri: str) -> Iterator[None]:
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (
        MlflowException,
        SQLAlchemyError,  # a database that does not answer
        OSError,
        ValueError,
        ImportError,
    ) as error:  # the address may be invalid, or its driver missing
        raise UnreachableError(
            f"MLflow at {mlflow_store.shown(uri)} does not match Git yet ({mlflow_store.reason(error)}); "
            f"{mlflow_store.remedy(error)}, then `slipway registry sync` continues from there"
        )
