"""Whether a model in use is healthy: 100 points less what is deducted, for named reasons, each with what to do.

A model is critical or in warning if something is shown to be beyond its limit (`slipway.monitoring.limits`), healthy
if everything is shown to be within, and else unknown: without traffic, without a log, without the test predictions of
its version, or with too little of them. An unknown model has no score.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from slipway.core.errors import SlipwayError
from slipway.monitoring import drift, window
from slipway.monitoring.drift import TEST, Drift, Reference
from slipway.monitoring.limits import CLASSES, CONFIDENCE, ERRORS, SILENCE, SLOW, SLOW_SECONDS, Level, Limit
from slipway.monitoring.performance import Performance, classes, measure, positive
from slipway.registry.state import Version
from slipway.statistics.ratio_intervals import Estimate

FULL = 100
_PUSH = "run `dvc push` where the version was built"
_WORST: tuple[Level, ...] = ("critical", "warning", "unknown", "healthy")


@dataclass(frozen=True)
class Finding:
    """The answer to one question: its name, the level, the points that it costs, the reason, and what to do."""

    name: str
    level: Level
    points: int
    reason: str
    recommendation: str


@dataclass(frozen=True)
class Health:
    """The health of a version. `issues` and `recommendations` are those of all findings that are not healthy."""

    findings: tuple[Finding, ...]

    @property
    def status(self) -> Level:
        """The worst level of the findings: critical, warning, unknown, healthy."""
        return next(level for level in _WORST if any(one.level == level for one in self.findings))

    @property
    def score(self) -> int | None:
        """100 less the points of the findings; None if the status is unknown."""
        return None if self.status == "unknown" else FULL - sum(one.points for one in self.findings)

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        wrong = [one for one in self.findings if one.level != "healthy"]
        return {
            "status": self.status,
            "health_score": self.score,
            "deductions": {one.name: one.points for one in self.findings if one.points},
            "issues": [one.reason for one in wrong],
            "recommendations": list(dict.fromkeys(one.recommendation for one in wrong)),
            "findings": [asdict(one) for one in self.findings],
        }


def unknown(name: str, reason: str, recommendation: str) -> Finding:
    """Return the finding that something is not known."""
    return Finding(name, "unknown", 0, reason, recommendation)


def examine(version: Version, logs: Path, end: datetime, days: float) -> tuple[Health, dict[str, Any]]:
    """Return the health of a version in the days before `end`, and the evidence as JSON values.

    Args:
        version: the version.
        logs: the folder of the logs.
        end: the end of the window.
        days: its length.
    """
    findings, evidence = [], dict[str, Any](performance=None, drift=None)
    longer = f"slipway watch health {version.variant} --version {version.version} --days {4 * days:g}"
    more = f"look at more days: `{longer}`"
    try:
        known: Reference | None = drift.reference(version)
    except SlipwayError as error:
        known = None
        findings.append(unknown("test predictions", str(error), f"see `slipway registry verify`, and {_PUSH}"))
    try:
        seen = window.read(logs, version.variant, version.version, end, days)
    except SlipwayError as error:
        findings.append(unknown("log", str(error), "`slipway serve --log FOLDER` writes it"))
        return Health(tuple(findings)), evidence
    record = None if known is None else known.record
    counts = seen.counts([] if record is None else classes(record))
    measured = measure(seen, counts, None if record is None else positive(record))
    evidence["performance"] = measured.to_json()
    findings = [*_of_traffic(measured, version, more), *findings]
    if known is not None and measured.requests:
        found = drift.compare(counts, known)
        evidence["drift"] = drift.to_json(found)
        findings += _drifted(found, version, more)
    return Health(tuple(findings)), evidence


def _of_traffic(measured: Performance, version: Version, more: str) -> Iterator[Finding]:
    """The findings on traffic, errors and latency; without any request only that there is none."""
    remedy = (
        f"see who holds which role with `slipway registry history {version.variant}`, and that `slipway serve --log` "
        "writes into this folder"
    )
    if measured.last is None:
        days = (measured.end - measured.start).total_seconds() / 86_400
        yield unknown("traffic", f"{version.name} had no requests in the last {days:g} days", remedy)
        return
    if (silent := measured.end - measured.last) > SILENCE:
        hours = silent.total_seconds() / 3600
        yield unknown("traffic", f"{version.name} had its last request {hours:.0f} hours ago", remedy)
    yield _share(
        "errors",
        "of the requests fail",
        measured.error_rate,
        ERRORS,
        f"the log of predictions has their problems; if the version before has none: `slipway rollback "
        f"{version.variant} --reason ...`",
        more,
    )
    yield _share(
        "latency",
        f"of the answers take longer than {SLOW_SECONDS:g} s",
        measured.slow_rate,
        SLOW,
        "look at memory and CPU of the server; more workers answer more requests: `slipway serve --workers auto`",
        more,
    )


def _share(name: str, what: str, found: Estimate, limit: Limit, remedy: str, more: str) -> Finding:
    """The finding on a share of requests."""
    level = limit.level(found)
    bound = f"{100 * (limit.critical if level == 'critical' else limit.warning):g} %"
    if found.units < 2:
        return unknown(name, f"{found.units} units are too few to tell whether more than {bound} {what}", more)
    shown = f"{100 * found.value:.2g} % ({100 * found.low:.2g} to {100 * found.high:.2g} %) {what}"
    if level == "unknown":
        few = f"{found.units:,} units are too few to tell whether it is more than {bound}"
        return unknown(name, f"{shown}; {few}", more)
    how = "at most" if level == "healthy" else "more than"
    return Finding(name, level, limit.deducted(level), f"{shown}, {how} {bound}", remedy)


def _drifted(drifts: Sequence[Drift], version: Version, more: str) -> Iterator[Finding]:
    """The findings on confidence and on classes, each with the worst of its differences."""
    groups = {
        name: [one for one in drifts if one.limit is limit]
        for name, limit in (("confidence", CONFIDENCE), ("classes", CLASSES))
    }
    for name, group in groups.items():
        if not group:
            continue
        level = next(level for level in _WORST if any(one.level == level for one in group))
        worst = [one for one in group if one.level == level]
        told = "; ".join(f"{one.of}: {one.reason}" for one in worst)
        if level == "unknown":
            build = f"build a version with more test examples: `dvc repro register@{version.variant}`"
            yield unknown(name, told, build if all(one.lacking == TEST for one in worst) else more)
        else:
            label = "label examples of these days, and score the version on them"
            command = f"`slipway score {version.name} FOLDER`"
            yield Finding(name, level, worst[0].limit.deducted(level), told, f"{label}: {command}")
