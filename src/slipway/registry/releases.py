"""The release of a version: the record and the benchmark at its commit, and what follows from them and its roles."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeVar

from slipway.core import config, documents
from slipway.core.errors import MalformedError
from slipway.records import benchmark as benchmarks
from slipway.records import release as written
from slipway.records.benchmark import Benchmark
from slipway.records.release import Record
from slipway.records.verdict import Judgement, Outcome, worst
from slipway.registry import git
from slipway.registry.state import Variant, Version

Form = TypeVar("Form", Record, Benchmark)
Lifecycle = Literal["training", "validation", "testing", "deployed", "retired", "failed"]
LIFECYCLES: tuple[Lifecycle, ...] = ("training", "validation", "testing", "deployed", "retired", "failed")


@dataclass(frozen=True)
class Release:
    """The record and the benchmark of a variant at a commit, as bytes; None for a missing file."""

    variant: str
    record_bytes: bytes | None
    benchmark_bytes: bytes | None

    @property
    def record(self) -> Record | None:
        """The release record; None if it is missing or malformed."""
        return self._record[0]

    @property
    def benchmark(self) -> Benchmark | None:
        """benchmark.json with the verdict of the latency rules; None if it is missing or malformed."""
        return self._benchmark[0]

    @property
    def malformed(self) -> list[str]:
        """Why the record or the benchmark cannot be read; empty if both are valid or missing."""
        return [why for _, why in (self._record, self._benchmark) if why is not None]

    @property
    def verdict(self) -> Outcome | None:
        """The worse of the verdicts in record and benchmark; None if one of them is missing or malformed."""
        record, benchmark = self.record, self.benchmark
        if record is None or benchmark is None:
            return None
        return worst([record.gate.verdict, benchmark.gate.verdict])

    @property
    def rules(self) -> list[Judgement]:
        """The judgement of every rule, latency rules last."""
        return [rule for part in (self.record, self.benchmark) if part is not None for rule in part.gate.rules]

    def same_version_as(self, other: "Release") -> bool:
        """Whether a user could not distinguish the two releases, so that both are one version."""
        if self.record is None or other.record is None or self.verdict != other.verdict:
            return False
        return self.record_bytes == other.record_bytes or self.record.identity() == other.record.identity()

    @cached_property
    def _record(self) -> tuple[Record | None, str | None]:
        path = record_path(self.variant)
        return _read(self.record_bytes, lambda content: written.read(content, path, self.variant))

    @cached_property
    def _benchmark(self) -> tuple[Benchmark | None, str | None]:
        return _read(self.benchmark_bytes, lambda content: benchmarks.read(content, benchmark_path(self.variant)))


def record_path(variant: str) -> str:
    """The path of a variant's release record in a commit."""
    return f"models/{variant}/release.json"


def benchmark_path(variant: str) -> str:
    """The path of a variant's benchmark in a commit."""
    return f"reports/{variant}/benchmark.json"


def read(places: Iterable[tuple[str, str]]) -> list[Release]:
    """The release of each (variant, commit), by one call of Git."""
    of = list(places)
    found = git.contents(
        [f"{commit}:{path(variant)}" for variant, commit in of for path in (record_path, benchmark_path)]
    )
    return [Release(variant, *found[2 * at : 2 * at + 2]) for at, (variant, _) in enumerate(of)]


def of(version: Version) -> Release:
    """The release of one version."""
    return read([(version.variant, version.commit)])[0]


def lifecycle(variant: Variant, version: Version, outcome: Outcome | None) -> Lifecycle:
    """The lifecycle of a version.

    deployed: it holds production or canary; testing: it holds staging; retired: it is archived, or was in production
    before; failed: the verdict is fail or missing; validation: the verdict is pass or hold, and it has no role yet.
    """
    if {"production", "canary"} & set(version.roles):
        return "deployed"
    if "staging" in version.roles:
        return "testing"
    if "archived" in version.roles or variant.ever_held(version.version, "production"):
        return "retired"
    return "failed" if outcome in ("fail", None) else "validation"


def variants(commit: str | None = None) -> list[str]:
    """The variants in params.yaml at a commit, None for the working folder.

    Raises:
        ConfigError: this is not the root of the repository, or params.yaml cannot be read.
    """
    if commit is None:
        return list(config.top()["all"])
    content = git.contents([f"{commit}:{config.TOP}"])[0]
    return [] if content is None else list(config.top(content)["all"])


def parameters(content: bytes | None) -> Mapping[str, Any]:
    """The content of `params/<variant>.yaml`; empty if it is missing or malformed."""
    try:
        parsed = documents.strict_yaml(content, "parameters")
    except MalformedError:
        return {}
    return parsed if isinstance(parsed.get("register", {}), Mapping) else {}


def _read(content: bytes | None, parse: Callable[[bytes], Form]) -> tuple[Form | None, str | None]:
    """The parsed content, None if missing or malformed, and the error, None if there is none."""
    try:
        return (None if content is None else parse(content)), None
    except MalformedError as error:
        return None, str(error)
