"""`slipway releases`: what is built, a row a variant, and whether another processor built what is committed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slipway import tasks
from slipway.core.errors import ModelError, RegistryError
from slipway.records.release import Record
from slipway.registry import releases
from slipway.registry.releases import Release


def built(variant: str) -> Release | None:
    """The release that is built in the working tree; None where there is none yet."""
    paths = Path(releases.record_path(variant)), Path(releases.benchmark_path(variant))
    return Release(variant, *(path.read_bytes() for path in paths)) if all(path.exists() for path in paths) else None


def row(variant: str) -> dict[str, Any]:
    """What a variant scored, its size and latency, the verdict with each rule, and where its card is.

    Raises:
        ModelError: its record or benchmark is malformed.
    """
    release = built(variant)
    if release is None:
        return {"variant": variant, "verdict": None}
    record, benchmark = release.record, release.benchmark
    if record is None or benchmark is None:
        settle = [said for said in release.malformed if "slipway resolve" in said]  # what a merge left goes first
        raise ModelError(settle[0] if settle else f"{release.malformed[0]}; run `dvc repro register@{variant}`")
    task = tasks.load(record.task, record.data)
    return {
        "variant": variant,
        "scores": {name: record.metrics[name] for name in task.headline},
        "size_bytes": record.model.bytes,
        "latency_p95_ms": benchmark.p95_ms(),
        "verdict": release.verdict,
        "rules": release.rules,
        "report": str(Path(releases.record_path(variant)).with_name("card.md")),
    }


@dataclass(frozen=True)
class Rebuilt:
    """A model that was built here to other bytes than the committed one, of equal data and parameters.

    `committed`, `here`: the two releases. `processors`: what each was measured on, as their benchmarks name it.
    """

    committed: Release
    here: Release
    processors: tuple[str, str]


def from_another_processor(variants: Sequence[str]) -> list[Rebuilt]:
    """Models that differ from the committed ones though data and parameters are the same, built on another processor.

    Networks train to other bytes on another kind of processor (docs/decisions/0025-equal-bytes.md).
    """
    try:
        at_head = releases.read((variant, "HEAD") for variant in variants) if variants else []
    except RegistryError:  # nothing is committed, or this is no repository of Git
        return []
    found = []
    for committed in at_head:
        here = built(committed.variant)
        if here is None or not (committed.record and committed.benchmark and here.record and here.benchmark):
            continue
        one, other = committed.record, here.record
        before, now = (str(timed.machine.get("processor")) for timed in (committed.benchmark, here.benchmark))
        if before != now and _made_of(one) == _made_of(other) and one.model != other.model:
            found.append(Rebuilt(committed, here, (before, now)))
    return found


def _made_of(record: Record) -> tuple[str | None, str | None, str]:
    return record.lineage.raw, record.lineage.prepared, record.lineage.params
