"""`slipway releases`: the built variants, one row each, and whether another processor built the committed models."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slipway import tasks
from slipway.cli import plain_baseline
from slipway.core import config
from slipway.core.errors import ModelError, RegistryError
from slipway.gate.plain_baseline import said
from slipway.records.release import Record
from slipway.registry import releases
from slipway.registry.releases import Release


def built(variant: str) -> Release | None:
    """Return the release built in the working tree, or None if there is none yet."""
    paths = Path(releases.record_path(variant)), Path(releases.benchmark_path(variant))
    return Release(variant, *(path.read_bytes() for path in paths)) if all(path.exists() for path in paths) else None


def row(variant: str) -> dict[str, Any]:
    """Return the scores of a variant, its size and latency, the verdict with each rule, and the path of its card.

    Raises:
        ModelError: its record or benchmark is malformed.
    """
    release = built(variant)
    if release is None:
        return {"variant": variant, "verdict": None}
    record, benchmark = release.record, release.benchmark
    if record is None or benchmark is None:
        conflicts = [one for one in release.malformed if "slipway resolve" in one]  # merge conflicts come first
        raise ModelError(conflicts[0] if conflicts else f"{release.malformed[0]}; run `dvc repro register@{variant}`")
    task = tasks.load(record.task, record.data)
    plain = plain_baseline.beside(record)
    return {
        "variant": variant,
        "scores": {name: record.metrics[name] for name in task.headline},
        "size_bytes": record.model.bytes,
        "latency_p95_ms": benchmark.p95_ms(),
        "verdict": release.verdict,
        "rules": release.rules,
        "plain_baseline": None if plain is None else dict(zip(("outcome", "figures"), said(plain), strict=True)),
        "report": str(Path(releases.record_path(variant)).with_name("card.md")),
    }


@dataclass(frozen=True)
class Rebuilt:
    """A model built here whose bytes differ from the committed one although data and parameters are equal.

    `committed`, `here`: the two releases. `processors`: the processor of each, as named in their benchmarks.
    """

    committed: Release
    here: Release
    processors: tuple[str, str]


def from_another_processor(variants: Sequence[str]) -> list[Rebuilt]:
    """Return the models that differ from the committed ones only because another processor built them.

    Data and parameters are equal, but training on another kind of processor gives different bytes
    (docs/decisions/0025-equal-bytes.md).
    """
    try:
        at_head = releases.read((variant, "HEAD") for variant in variants) if variants else []
    except RegistryError:  # no commit yet, or not a Git repository
        return []
    found = []
    for committed in at_head:
        here = built(committed.variant)
        if here is None or not (committed.record and committed.benchmark and here.record and here.benchmark):
            continue
        one, other = committed.record, here.record
        before, now = (str(timed.machine.get("processor")) for timed in (committed.benchmark, here.benchmark))
        if before != now and _made_alike(one, other) and one.model != other.model:
            found.append(Rebuilt(committed, here, (before, now)))
    return found


def _made_alike(one: Record, other: Record) -> bool:
    """Whether two records have the same data and parameters; simulated data follows from the parameters."""
    first, second = one.lineage, other.lineage
    same_data = one.variant in config.top()["simulated"] or (first.raw, first.prepared) == (second.raw, second.prepared)
    return same_data and first.params == second.params
