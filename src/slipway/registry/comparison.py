"""The comparison of two versions: metrics with their intervals, and changes in data, parameters and code.

The interval of a difference is computed from the intervals of the two values ("square and add": Zou and Donner,
"Construction of confidence limits about effect measures", Statistics in Medicine 27, 2008). The method assumes that the
values are independent. Two versions that are scored on the same test split are not: they make errors on the same
examples, and the true interval is narrower.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from slipway.registry import git, provenance, releases
from slipway.registry.releases import Release
from slipway.registry.state import Variant, Version, order

DATA = ("raw", "prepared")
CODE = "src/slipway"
_SPLITS = ("train", "val", "test", "calibration")


@dataclass(frozen=True)
class Difference:
    """One metric of two versions, and the difference of the second from the first with its 95 % interval.

    None means unknown: one version lacks the metric, or the metric has no interval.
    """

    metric: str
    first: Mapping[str, float | None] | None
    second: Mapping[str, float | None] | None
    absolute: float | None
    low: float | None
    high: float | None
    percent: float | None


@dataclass(frozen=True)
class Change:
    """The changes from the previous version, `before`, to a version; `before` is None for the first one."""

    version: str
    before: str | None
    when: str
    who: str
    why: str
    data: tuple[str, ...]
    parameters: tuple[str, ...]
    code: tuple[str, ...]
    metrics: tuple[Difference, ...]


def compare(first: Version, second: Version) -> list[Difference]:
    """Every metric of either version: scores on the test split, size in bytes, and latency if it was measured."""
    return _differences(*releases.read([(one.variant, one.commit) for one in (first, second)]))


def changelog(variant: Variant) -> list[Change]:
    """The changes from version to version, newest first."""
    versions = sorted(variant.versions.values(), key=lambda one: order(one.version))
    read = releases.read([(one.variant, one.commit) for one in versions])
    params = git.contents([f"{one.commit}:params/{one.variant}.yaml" for one in versions])
    changes = []
    for at, version in enumerate(versions):
        before = versions[at - 1] if at else None
        tag = version.registered
        changes.append(
            Change(
                version.version,
                before.version if before else None,
                tag.time,
                tag.who,
                tag.why,
                _data(read[at - 1], read[at]) if before else (),
                _parameters(params[at - 1], params[at]) if before else (),
                _code(before, version) if before else (),
                tuple(_differences(read[at - 1], read[at])) if before else (),
            )
        )
    return changes[::-1]


def _differences(first: Release, second: Release) -> list[Difference]:
    one, other = _measured(first), _measured(second)
    return [_difference(metric, one.get(metric), other.get(metric)) for metric in sorted(one.keys() | other.keys())]


def _measured(release: Release) -> dict[str, Mapping[str, float | None]]:
    found: dict[str, Mapping[str, float | None]] = {}
    if release.record is not None:
        found |= {**release.record.metrics, "size_bytes": {"value": float(release.record.model.bytes)}}
    return found if release.benchmark is None else {**found, **release.benchmark.metrics}


def _difference(
    metric: str, first: Mapping[str, float | None] | None, second: Mapping[str, float | None] | None
) -> Difference:
    a, b = (first or {}).get("value"), (second or {}).get("value")
    if first is None or second is None or a is None or b is None:
        return Difference(metric, first, second, None, None, None, None)
    ends = [one.get(end) for one in (first, second) for end in ("low", "high")]
    low = high = None
    if None not in ends:
        a_low, a_high, b_low, b_high = (float(end) for end in ends if end is not None)
        low, high = b - a - math.hypot(b - b_low, a_high - a), b - a + math.hypot(b_high - b, a - a_low)
    return Difference(metric, first, second, b - a, low, high, 100 * (b - a) / abs(a) if a else None)


def _data(first: Release, second: Release) -> tuple[str, ...]:
    both = (first.record, second.record)
    changed = []
    for part in DATA:
        old, new = (None if one is None else getattr(one.lineage, part) for one in both)
        if old != new:
            changed.append(f"{part} data {_short(old)} → {_short(new)}")
    for split in _SPLITS:
        sides = [None if one is None else one.dataset.splits.get(split) for one in both]
        was, now = (None if side is None else side.total for side in sides)
        if was != now:
            changed.append(f"{split} examples {_count(was)} → {_count(now)}")
    return tuple(changed)


def _parameters(first: bytes | None, second: bytes | None) -> tuple[str, ...]:
    was, now = _flat(releases.parameters(first)), _flat(releases.parameters(second))
    return tuple(
        f"{key} {_shown(was, key)} → {_shown(now, key)}"
        for key in sorted(was.keys() | now.keys())
        if was.get(key, ...) != now.get(key, ...)
    )


def _code(before: Version, version: Version) -> tuple[str, ...]:
    was, now = (provenance.of(one.variant, one.commit) for one in (before, version))
    changed = []
    if was.environment != now.environment:
        changed.append("environment")
    if was.code != now.code:
        span = f"{before.commit}..{version.commit}"
        changed += git.run("log", "--format=%h %s (%an)", "--no-merges", span, "--", CODE).splitlines() or ["code"]
    return tuple(changed)


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _shown(values: Mapping[str, Any], key: str) -> str:
    if key not in values:
        return "(none)"
    text = str(values[key])
    return text if len(text) <= 60 else f"{text[:59]}…"


def _short(identity: str | None) -> str:
    return identity[:7] if identity else "(none)"


def _count(number: int | None) -> str:
    return f"{number:,}" if number is not None else "(none)"
