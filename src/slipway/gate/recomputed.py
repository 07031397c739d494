"""Check the figures of a release against its predictions: score them again with the same draws, and judge again.

The metrics, the loss in conversion, and the figures and verdict of each rule are recomputed from the parameters and the
predictions of both models on the test examples. Two figures are equal when they differ only by the rounding of the
record and by the order in which another processor adds. Nothing is measured again: the times of a benchmark are taken
as they are.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import ValidationError

from slipway.core.config import Evaluate
from slipway.core.errors import ModelError
from slipway.core.metric import CONVERSION, LATENCY
from slipway.gate import floors, verdict
from slipway.gate.completeness import check, rule_key
from slipway.gate.contributions import Scored
from slipway.gate.result import named
from slipway.gate.rules import Gate
from slipway.metrics import losses
from slipway.records.benchmark import Benchmark
from slipway.records.release import MODEL, Artifact, Record
from slipway.records.verdict import Judgement, Verdict, worst
from slipway.statistics import intervals

SAME = 2e-6
"""The largest difference between a recorded and a recomputed figure: both are rounded to six decimals."""
Metrics = dict[str, dict[str, float | None]]
VALUE = ("value",)


@dataclass(frozen=True)
class GateParams:
    """The parameters of a variant that scoring and judging depend on."""

    task: str
    data: Mapping[str, Any]
    gate: Gate
    statistics: Evaluate
    seed: int

    @classmethod
    def of(cls, params: Mapping[str, Any], path: str) -> "GateParams":
        """Read a variant's parameters.

        Raises:
            ModelError: a section is missing, or this version of slipway cannot read it.
        """
        try:
            gate, statistics = Gate(**params["gate"]), Evaluate(**params["evaluate"])
            task, data, seed = params["task"], params["data"], params["seed"]
        except KeyError as error:
            raise ModelError(f"{path}: no section {error}")
        except (TypeError, ValidationError) as error:
            raise ModelError(f"{path}: not in a form that this version of slipway reads ({_line(error)})")
        if not isinstance(task, str) or not isinstance(data, dict) or type(seed) is not int or seed < 0:
            raise ModelError(f"{path}: task, data or seed is not in a form that this version of slipway reads")
        return cls(task, data, gate, statistics, seed)

    @property
    def native(self) -> bool:
        """Whether the predictions of the native model are needed: a rule compares it with the model that ships."""
        return bool(self.gate.conversion or self.gate.rules.keys() & (CONVERSION.keys() - {"size_bytes"}))


def discrepancies(
    record: Record,
    benchmark: Benchmark,
    params: GateParams,
    paths: tuple[str, str],
    shipped: Scored,
    native: Scored | None,
) -> Iterator[str]:
    """Yield every part of a release that differs from what its predictions give; nothing where all of it agrees.

    Args:
        record: the release record.
        benchmark: the benchmark.
        params: the parameters of the release.
        paths: the paths of record and benchmark, for messages.
        shipped: the model that ships, on the test examples.
        native: the native model on the same examples, where `params.native`.
    """
    path, timed = paths
    yield from _parameter_mismatches(record, params, path)
    if record.spec["objective"] != shipped.task.objective:
        yield f"{path}: objective differs from that of its task"
    judged = ((record.gate, params.gate.of_model, path), (benchmark.gate, params.gate.of_machine, timed))
    for part, rules, name in judged:
        try:
            check(part, rules, record.classes, name)
        except ModelError as error:
            yield str(error)
    yield from _benchmark_mismatches(benchmark, record.model, timed)
    yield from _rule_mismatches(benchmark.gate, verdict.judge(params.gate.of_machine, benchmark.metrics).rules, timed)
    try:
        if shipped.classes and (shipped.actual != shipped.examples["label"].to_numpy(str)).any():
            yield f"{path}: its classes differ from those of the predictions"
            return
        metrics, again = _recomputed(params, record, shipped, native)
    except Exception as error:  # whatever NumPy and pandas raise where a spec does not fit the predictions
        yield f"{path}: its figures cannot be recomputed ({_line(error)})"
        return
    counts = {"examples": len(shipped.examples), "groups": int(shipped.groups.nunique())}
    for what, count in counts.items():
        if (recorded := getattr(record, what)) != count:
            yield f"{path}: it has {recorded} {what}, but the predictions have {count}"
    # The intervals of schema 1 were narrower: only its verdicts must follow from today's intervals.
    ends = VALUE if record.schema_version == 1 else (*VALUE, "low", "high")
    for metric in sorted(metrics.keys() | record.metrics.keys()):
        was, now = record.metrics.get(metric), metrics.get(metric)
        if was is None or now is None or not _same(was, now, ends):
            yield f"{path}: {metric} is {_formatted(was)}, but recomputing gives {_formatted(now)}"
    yield from _rule_mismatches(record.gate, again, path, ends)


def _parameter_mismatches(record: Record, params: GateParams, path: str) -> Iterator[str]:
    if record.task != params.task:
        yield f"{path}: task differs from the parameters"
    if record.data != json.loads(json.dumps(params.data, default=str)):
        yield f"{path}: data differs from the parameters"
    if record.confidence not in (None, params.statistics.confidence):
        yield f"{path}: confidence differs from the parameters"


def _benchmark_mismatches(benchmark: Benchmark, model: Artifact, path: str) -> Iterator[str]:
    """Yield where a benchmark does not belong to the model, or where its metrics differ from its own times."""
    timed = benchmark.model
    if timed is None:
        yield f"{path} has no times of {MODEL}"
        return
    if timed.size_bytes != model.bytes:
        yield f"{path} belongs to another {MODEL}: its size_bytes is {timed.size_bytes}, the record has {model.bytes}"
    if timed.sha256 not in (None, model.sha256):
        yield f"{path} belongs to another {MODEL}: its sha256 is {timed.sha256}, the record has {model.sha256}"
    single = timed.single.get("1", {})
    for metric in sorted(LATENCY):
        recorded = benchmark.metrics.get(metric, {}).get("value")
        if recorded is None or recorded != single.get(metric.removeprefix("latency_")):
            yield f"{path}: {metric} is not the time of model.tflite on one thread"


def _recomputed(
    params: GateParams, record: Record, shipped: Scored, native: Scored | None
) -> tuple[Metrics, list[Judgement]]:
    """Return the metrics and the rules on the model, computed as the stages compute them."""
    draws: dict[str, Any] = {**params.statistics.model_dump(), "seed": params.seed}
    classes, declared = shipped.contributions.members, shipped.task.metrics
    if native is None:
        metrics = intervals.bootstrap(shipped.score, shipped.groups, **draws, declared=declared.get, classes=classes)
        before, lost = {}, {}
    else:
        same = losses.alike(native.predictions, shipped.predictions)
        measured = losses.measure(native.score, shipped.score, shipped.groups, classes, declared, same=same, **draws)
        metrics, before, lost = measured.shipped, measured.native, measured.lost
    points: dict[str, float] = {"size_bytes": record.model.bytes}
    if native is not None:
        points |= shipped.task.agreement(native.predictions, shipped.predictions, shipped.spec)
    figures: Metrics = {**metrics, **{name: {"value": float(value)} for name, value in points.items()}}
    counts = {"examples": record.examples, "groups": record.groups}
    judged = verdict.judge(params.gate.of_model, figures, before, lost, counts, declared)
    return metrics, [*judged.rules, *floors.judge(params.gate.of_model, shipped, **draws)]


def _rule_mismatches(
    judged: Verdict, again: Iterable[Judgement], path: str, ends: Sequence[str] = VALUE
) -> Iterator[str]:
    """Yield the rules with other figures or a better verdict than recomputed, and those that only one side has."""
    recorded = {rule_key(rule): rule for rule in judged.rules}
    for rule in again:
        was = recorded.pop(rule_key(rule), None)
        if was is None:
            yield f"{path}: the rule {named(rule)} was not judged"
        elif not _same(asdict(was), asdict(rule), ends):
            figures = f"has {_formatted(asdict(was))}, but recomputing gives {_formatted(asdict(rule))}"
            yield f"{path}: the rule {named(rule)} {figures}"
        elif worst([was.verdict, rule.verdict]) != was.verdict:
            verdicts = f"says {was.verdict}, but recomputing gives {rule.verdict}: {rule.reason}"
            yield f"{path}: the rule {named(rule)} {verdicts}"
    for rule in recorded.values():
        yield f"{path}: the rule {named(rule)} is not a rule of the variant"


def _same(was: Mapping[str, Any], now: Mapping[str, Any], ends: Sequence[str]) -> bool:
    return all(_close(was.get(end), now.get(end)) for end in ends)


def _close(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one - other) <= SAME * max(1, abs(one), abs(other))


def _formatted(figures: Mapping[str, Any] | None) -> str:
    if figures is None:
        return "missing"
    value, low, high = (figures.get(end) for end in ("value", "low", "high"))
    shown = "undefined" if value is None else f"{value:.6g}"
    return shown if low is None or high is None else f"{shown} ({low:.6g} to {high:.6g})"


def _line(error: Exception) -> str:
    return (" ".join(str(error).split()) or type(error).__name__)[:200]
