"""Checks that GTO, the registry and MLflow agree on the versions and roles."""

import json
from pathlib import Path
from typing import Any

from registry.house import VARIANTS, git
from slipway.registry import grammar, state
from slipway.tracking import mlflow_store


def check(root: Path) -> None:
    """Fail if `gto show`, the registry and MLflow do not agree."""
    shown = gto(root)
    assert ours() == shown
    assert mirrored(root) == {variant: shown.get(variant, ([], {})) for variant in VARIANTS}


def gto(root: Path) -> dict[str, tuple[list[str], dict[str, str]]]:
    """The versions and the holders of the live roles of each variant, according to GTO."""
    from gto import api

    shown = {}
    for variant, one in api.show(str(root)).items():
        versions = sorted(each["version"] for each in api.show(str(root), name=variant))
        shown[variant] = (versions, {role: one["stage"][role] for role in grammar.LIVE if one["stage"].get(role)})
    return shown


def ours() -> dict[str, tuple[list[str], dict[str, str]]]:
    """The same, according to this package."""
    return {
        name: (
            sorted(variant.versions),
            {role: held.version for role in grammar.LIVE if (held := variant.holder(role)) is not None},
        )
        for name, variant in state.read().items()
    }


def mirrored(root: Path) -> dict[str, tuple[list[str], dict[str, str]]]:
    """The same, according to MLflow; check that each version has the hash in the record at its tag."""
    from mlflow.exceptions import MlflowException

    client = mlflow_store.connect(mlflow_store.tracking_uri())
    found = {}
    for variant in VARIANTS:
        name = variant.replace("-", "_")
        try:
            model: Any = client.get_registered_model(name)
        except MlflowException:
            found[variant] = ([], {})
            continue
        numbers = {}
        for version in client.search_model_versions(f"name = '{name}'"):
            if "git_version" in version.tags:
                numbers[version.version] = version.tags["git_version"]
                tag = f"{variant}@{version.tags['git_version']}"
                record = json.loads(git(root, "cat-file", "blob", f"{tag}^{{commit}}:models/{variant}/release.json"))
                assert version.tags["artifact_sha256"] == record["artifacts"]["model.tflite"]["sha256"]
        found[variant] = (
            sorted(numbers.values()),
            {role: numbers[str(version)] for role, version in model.aliases.items()},
        )
    return found
