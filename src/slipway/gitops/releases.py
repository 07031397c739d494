"""What a version is: the release record and the benchmark at its commit, and what follows from them and its roles."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from slipway import config
from slipway.errors import RegistryError
from slipway.gate import verdict
from slipway.gitops import git
from slipway.gitops.state import Variant, Version

Lifecycle = Literal["training", "validation", "testing", "deployed", "retired", "failed"]
LIFECYCLES: tuple[Lifecycle, ...] = ("training", "validation", "testing", "deployed", "retired", "failed")


@dataclass(frozen=True)
class Release:
    """The record and the benchmark of a variant at a commit, as bytes; None for what is not there."""

    record_bytes: bytes | None
    benchmark_bytes: bytes | None

    @property
    def record(self) -> dict[str, Any] | None:
        """The release record; None where there is none, or it is not one."""
        record = _mapping(self.record_bytes)
        try:
            known = record is not None and record["artifacts"]["model.tflite"]["sha256"] and _verdict(record)
        except (KeyError, TypeError):
            return None
        return record if known else None

    @property
    def benchmark(self) -> dict[str, Any] | None:
        """benchmark.json, which has the verdict on the latency rules; None where there is none, or it is not one."""
        benchmark = _mapping(self.benchmark_bytes)
        try:
            return benchmark if benchmark is not None and _verdict(benchmark) else None
        except (KeyError, TypeError):
            return None

    @property
    def verdict(self) -> verdict.Outcome | None:
        """The gate's verdict on the record and the latency together; None where one of the two is missing."""
        record, benchmark = self.record, self.benchmark
        return verdict.worst([_verdict(record), _verdict(benchmark)]) if record and benchmark else None

    @property
    def rules(self) -> list[dict[str, Any]]:
        """Every rule's outcome, those on latency last."""
        return [
            rule for part in (self.record, self.benchmark) if part is not None for rule in part["gate"].get("rules", [])
        ]


def record_path(variant: str) -> str:
    """Where the release record of a variant is in a commit."""
    return f"models/{variant}/release.json"


def benchmark_path(variant: str) -> str:
    """Where its benchmark is."""
    return f"reports/{variant}/benchmark.json"


def read(places: Iterable[tuple[str, str]]) -> list[Release]:
    """The release of each variant at each commit, by one call of Git."""
    names = [f"{commit}:{path(variant)}" for variant, commit in places for path in (record_path, benchmark_path)]
    found = git.contents(names)
    return [Release(*found[at : at + 2]) for at in range(0, len(found), 2)]


def of(version: Version) -> Release:
    """The release of one version."""
    return read([(version.variant, version.commit)])[0]


def lifecycle(variant: Variant, version: Version, outcome: verdict.Outcome | None) -> Lifecycle:
    """Where a version stands.

    deployed: it holds production or canary; testing: it holds staging; retired: it is archived, or was in production
    and is no longer; failed: the gate says so; validation: it has a verdict and waits for a role.
    """
    if {"production", "canary"} & set(version.roles):
        return "deployed"
    if "staging" in version.roles:
        return "testing"
    if "archived" in version.roles or variant.was(version.version, "production"):
        return "retired"
    return "failed" if outcome in ("fail", None) else "validation"


def variants() -> list[str]:
    """The variants of params.yaml in the working folder.

    Raises:
        RegistryError: this is not the root of the repository.
        ConfigError: it has one whose name is none.
    """
    path = Path("params.yaml")
    if not path.exists():
        raise RegistryError(f"{path}: no such file; run slipway in the repository's root")
    listed: Mapping[str, Any] = yaml.load(path.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)) or {}
    return config.named(listed.get("all") or {}, path)


def _verdict(part: Mapping[str, Any]) -> verdict.Outcome:
    outcome: verdict.Outcome = part["gate"]["verdict"]
    if outcome not in get_args(verdict.Outcome):
        raise KeyError(outcome)
    return outcome


def _mapping(content: bytes | None) -> dict[str, Any] | None:
    try:
        parsed = json.loads(content) if content is not None else None
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None
