"""Whether the figures of a release are those of its predictions: scored again with the same draws, and judged again.

Metrics, what conversion lost, each rule's figures and verdict come out of the predictions of both models on the test
examples and of the parameters. A figure is the same when it differs by no more than the rounding of the record and the
order in which another processor adds. Nothing measures again: the times of a benchmark are taken as they are.
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
from slipway.gate.completeness import check, question
from slipway.gate.contributions import Scored
from slipway.gate.result import named
from slipway.gate.rules import Gate
from slipway.metrics import losses
from slipway.records.benchmark import Benchmark
from slipway.records.release import MODEL, Artifact, Record
from slipway.records.verdict import Judgement, Verdict, worst
from slipway.statistics import intervals

SAME = 2e-6
"""How far a figure may be from the one that comes out again: both are rounded to six decimals."""
Metrics = dict[str, dict[str, float | None]]
VALUE = ("value",)


@dataclass(frozen=True)
class Asked:
    """What the parameters say of scoring and judging."""

    task: str
    data: Mapping[str, Any]
    gate: Gate
    statistics: Evaluate
    seed: int

    @classmethod
    def of(cls, params: Mapping[str, Any], path: str) -> "Asked":
        """Read a variant's parameters.

        Raises:
            ModelError: a section is not one that this version of slipway reads.
        """
        try:
            gate, statistics = Gate(**params["gate"]), Evaluate(**params["evaluate"])
            task, data, seed = params["task"], params["data"], params["seed"]
        except KeyError as error:
            raise ModelError(f"{path}: no section {error}")
        except (TypeError, ValidationError) as error:
            raise ModelError(f"{path}: not what this version of slipway reads ({_line(error)})")
        if not isinstance(task, str) or not isinstance(data, dict) or type(seed) is not int or seed < 0:
            raise ModelError(f"{path}: task, data or seed is not what this version of slipway reads")
        return cls(task, data, gate, statistics, seed)

    @property
    def native(self) -> bool:
        """Whether a rule is on what conversion changed, for which the native model's predictions are needed."""
        return bool(self.gate.conversion or self.gate.rules.keys() & (CONVERSION.keys() - {"size_bytes"}))


def doubts(
    record: Record,
    benchmark: Benchmark,
    asked: Asked,
    paths: tuple[str, str],
    shipped: Scored,
    native: Scored | None,
) -> Iterator[str]:
    """What of a release does not come out again; nothing, when all of it does.

    Args:
        record: the release record.
        benchmark: the benchmark.
        asked: the parameters that it is of.
        paths: of record and benchmark, for messages.
        shipped: the model that ships on the test examples.
        native: the native model on them, where `asked.native`.
    """
    path, timed = paths
    yield from _of_parameters(record, asked, path)
    if record.spec["objective"] != shipped.task.objective:
        yield f"{path}: objective is not that of its task"
    judged = ((record.gate, asked.gate.of_model, path), (benchmark.gate, asked.gate.of_machine, timed))
    for part, rules, name in judged:
        try:
            check(part, rules, record.classes, name)
        except ModelError as error:
            yield str(error)
    yield from _of_model(benchmark, record.model, timed)
    yield from _differing(benchmark.gate, verdict.judge(asked.gate.of_machine, benchmark.metrics).rules, timed)
    try:
        if shipped.classes and (shipped.actual != shipped.examples["label"].to_numpy(str)).any():
            yield f"{path}: its classes are not those of the predictions"
            return
        metrics, again = _again(asked, record, shipped, native)
    except Exception as error:  # whatever NumPy and pandas raise of a spec that is not of the predictions
        yield f"{path}: its figures do not come out again ({_line(error)})"
        return
    counts = {"examples": len(shipped.examples), "groups": int(shipped.groups.nunique())}
    for what, count in counts.items():
        if (noted := getattr(record, what)) != count:
            yield f"{path}: {what} are {noted}, and the predictions have {count}"
    # The intervals of schema 1 were narrower: its verdicts have to follow from today's.
    ends = VALUE if record.schema_version == 1 else (*VALUE, "low", "high")
    for metric in sorted(metrics.keys() | record.metrics.keys()):
        was, now = record.metrics.get(metric), metrics.get(metric)
        if was is None or now is None or not _same(was, now, ends):
            yield f"{path}: {metric} is {_said(was)}, and comes out as {_said(now)} of the predictions"
    yield from _differing(record.gate, again, path, ends)


def _of_parameters(record: Record, asked: Asked, path: str) -> Iterator[str]:
    if record.task != asked.task:
        yield f"{path}: task is not that of the parameters"
    if record.data != json.loads(json.dumps(asked.data, default=str)):
        yield f"{path}: data is not that of the parameters"
    if record.confidence not in (None, asked.statistics.confidence):
        yield f"{path}: confidence is not that of the parameters"


def _of_model(benchmark: Benchmark, model: Artifact, path: str) -> Iterator[str]:
    """Whether a benchmark is of the model, as far as it says, and its metrics are the times that it has."""
    timed = benchmark.model
    if timed is None:
        yield f"{path} has no times of {MODEL}"
        return
    if timed.size_bytes != model.bytes:
        yield f"{path} is of another {MODEL}: its size_bytes is {timed.size_bytes}, and the record says {model.bytes}"
    if timed.sha256 not in (None, model.sha256):
        yield f"{path} is of another {MODEL}: its sha256 is {timed.sha256}, and the record says {model.sha256}"
    single = timed.single.get("1", {})
    for metric in sorted(LATENCY):
        noted = benchmark.metrics.get(metric, {}).get("value")
        if noted is None or noted != single.get(metric.removeprefix("latency_")):
            yield f"{path}: {metric} is not the time of model.tflite on one thread"


def _again(asked: Asked, record: Record, shipped: Scored, native: Scored | None) -> tuple[Metrics, list[Judgement]]:
    """The metrics and the rules on the model, as the stages come to them."""
    draws: dict[str, Any] = {**asked.statistics.model_dump(), "seed": asked.seed}
    classes, declared = shipped.contributions.actual, shipped.task.metrics
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
    judged = verdict.judge(asked.gate.of_model, figures, before, lost, counts, declared)
    return metrics, [*judged.rules, *floors.judge(asked.gate.of_model, shipped, **draws)]


def _differing(judged: Verdict, again: Iterable[Judgement], path: str, ends: Sequence[str] = VALUE) -> Iterator[str]:
    """Rules that are judged better than they come out again, on other figures, or that are only on one side."""
    noted = {question(rule): rule for rule in judged.rules}
    for rule in again:
        was = noted.pop(question(rule), None)
        if was is None:
            yield f"{path}: the rule {named(rule)} was not judged"
        elif not _same(asdict(was), asdict(rule), ends):
            yield f"{path}: the rule {named(rule)} was judged on {_said(asdict(was))}, and it is {_said(asdict(rule))}"
        elif worst([was.verdict, rule.verdict]) != was.verdict:
            yield f"{path}: the rule {named(rule)} says {was.verdict}, and comes out as {rule.verdict}: {rule.reason}"
    for rule in noted.values():
        yield f"{path}: nobody asks for the rule {named(rule)}"


def _same(was: Mapping[str, Any], now: Mapping[str, Any], ends: Sequence[str]) -> bool:
    return all(_close(was.get(end), now.get(end)) for end in ends)


def _close(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one - other) <= SAME * max(1, abs(one), abs(other))


def _said(figures: Mapping[str, Any] | None) -> str:
    if figures is None:
        return "not there"
    value, low, high = (figures.get(end) for end in ("value", "low", "high"))
    shown = "undefined" if value is None else f"{value:.6g}"
    return shown if low is None or high is None else f"{shown} ({low:.6g} to {high:.6g})"


def _line(error: Exception) -> str:
    return (" ".join(str(error).split()) or type(error).__name__)[:200]
