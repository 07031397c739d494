"""Whether the answers of a version have drifted from those on its own test examples.

The mean confidence and the share of each class are compared with those of the predictions that the version's record
rests on (`reports/<variant>/shipped.parquet` at its commit). Units of the window are those who ask, units of the test
examples are their groups. That answers are others than in the test says that the world is another one, or that the test
examples were chosen in other shares than the world has; it does not say that the answers are wrong.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from slipway.core.errors import ModelError
from slipway.monitoring.counts import Counts, count
from slipway.monitoring.limits import CLASSES, CONFIDENCE, LEAST_UNITS, Level, Limit
from slipway.monitoring.performance import classes, figures, slug
from slipway.records.release import Record
from slipway.records.verdict import Outcome, worst
from slipway.registry import artifacts, audit, releases
from slipway.registry.state import Version
from slipway.statistics import ratio_intervals
from slipway.statistics.ratio_intervals import Estimate

_NO_PICTURE = np.zeros((1, 1, 3), np.uint8)
"""Stands for the picture of a test example, which a prediction in the form for callers needs for pixels only."""
Side = Literal["requests", "test examples"]
WINDOW: Side = "requests"
TEST: Side = "test examples"
_VERDICTS: dict[Level, Outcome] = {"healthy": "pass", "warning": "fail", "critical": "fail", "unknown": "hold"}


@dataclass(frozen=True)
class Reference:
    """The record of a version, and what its model said of the test examples, summed by their groups."""

    record: Record
    counts: Counts


@dataclass(frozen=True)
class Drift:
    """A figure of the window beside that of the test examples.

    `name` is that of the difference, such as confidence_drift, `of` the figure in words, `found` the difference, which
    has no interval where it is not judged, and `limit` what it was judged by. `lacking` is the side with too little to
    tell, where the verdict is a hold.
    """

    name: str
    of: str
    window: Estimate
    reference: Estimate
    found: Estimate
    limit: Limit
    reason: str
    lacking: Side | None = None

    @property
    def level(self) -> Level:
        """How far the difference is beyond its limit."""
        return self.limit.level(self.found)

    @property
    def verdict(self) -> Outcome:
        """pass: within the margin; fail: beyond it; hold: not known."""
        return _VERDICTS[self.level]

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "name": self.name,
            "window": figures(self.window) | {"units": self.window.units},
            "reference": figures(self.reference) | {"groups": self.reference.units},
            "difference": figures(self.found),
            "margin": self.limit.warning,
            "verdict": self.verdict,
            "reason": self.reason,
        }


def reference(version: Version) -> Reference:
    """Return what the model of a version said of the test examples.

    Raises:
        ModelError: the version has no record, or its test predictions cannot be read.
    """
    record = record_of(version)
    path = f"reports/{version.variant}/shipped.parquet"
    scored = audit.scored(record, artifacts.read(path, version.commit))
    try:
        said = scored.task.present(scored.predictions, [_NO_PICTURE] * len(scored.examples), record.spec)
        return Reference(record, count(([one] for one in said), scored.groups, classes(record)))
    except Exception as error:  # whatever NumPy and pandas raise where predictions do not fit the record
        raise ModelError(f"{path} of {version.name} does not fit its record ({type(error).__name__})")


def record_of(version: Version) -> Record:
    """Return the record of a version.

    Raises:
        ModelError: it is missing or malformed.
    """
    release = releases.of(version)
    if release.record is None:
        raise ModelError(f"{version.name}: {(release.malformed or ['it has no release record'])[0]}")
    return release.record


def compare(window: Counts, known: Reference) -> list[Drift]:
    """Return how far mean confidence and the share of each class are from those of the test examples.

    Classes that only the window has are differences too. A task without confidence has none, such as a forecast.
    """
    return [*_confidence(window, known.counts), *_classes(window, known.counts)]


def to_json(found: Sequence[Drift], issues: Sequence[str] = ()) -> dict[str, Any]:
    """Return JSON values, with the differences by name as the systems behind the variants name them.

    Args:
        found: the differences.
        issues: why there is nothing to compare; the verdict is then a hold.
    """
    unknown: list[Outcome] = ["hold"] if issues or not found else []
    return {
        "verdict": worst([*(one.verdict for one in found), *unknown]),
        "drift_metrics": {one.name: figures(one.found)["value"] for one in found},
        "findings": [one.to_json() for one in found],
        "issues": list(issues),
    }


def _confidence(window: Counts, known: Counts) -> Iterator[Drift]:
    if known.confident.any():
        yield _drift(
            "confidence_drift", "the mean confidence", window.mean_confidence(), known.mean_confidence(), CONFIDENCE
        )


def _classes(window: Counts, known: Counts) -> Iterator[Drift]:
    for name in dict.fromkeys((*known.classes, *window.classes)):
        here, there = (
            one.share(name) if name in one.classes else ratio_intervals.share(np.zeros_like(one.examples), one.examples)
            for one in (window, known)
        )
        yield _drift(f"{slug(name)}_rate_drift", f"the share of {name}", here, there, CLASSES)


def _drift(name: str, of: str, window: Estimate, known: Estimate, limit: Limit) -> Drift:
    found = ratio_intervals.difference(window, known)
    few: dict[Side, str] = {
        side: f"{one.units:,} {what}, fewer than the {LEAST_UNITS} that a comparison needs"
        for side, one, what in (
            (WINDOW, window, "units in the window"),
            (TEST, known, "groups of test examples"),
        )
        if one.units < LEAST_UNITS
    }
    wider = TEST if known.high - known.low > window.high - window.low else WINDOW
    if few or not np.isfinite([found.low, found.high]).all():
        why = " and ".join(few.values()) or "all units have the same value, so nothing is known of their spread"
        found = Estimate(found.value, np.nan, np.nan, found.units)
        return Drift(name, of, window, known, found, limit, why, next(iter(few), wider))
    level = limit.level(found)
    how = {"healthy": "within", "unknown": "which straddles"}.get(level, "beyond")
    reason = f"{found.value:+.3f} ({found.low:+.3f} to {found.high:+.3f}), {how} the margin of {limit.warning:g}"
    if level == "unknown":
        return Drift(name, of, window, known, found, limit, f"{reason}; the {wider} have the wider interval", wider)
    return Drift(name, of, window, known, found, limit, reason)
