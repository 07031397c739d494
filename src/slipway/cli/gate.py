"""`slipway gate`: all rules of a variant, those on the model alone and those against the version in production.

The build evaluates the first kind, which depends only on the model and the machine, and stores the outcomes in the
release record and in benchmark.json. The second kind depends on the version that is in production now, so the gate
evaluates it here, on the predictions of both models for the same test examples. A rule that cannot be evaluated never
passes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from slipway.core import config
from slipway.core.config import PARAMS
from slipway.core.errors import ConfigError, DataError, ModelError, SlipwayError
from slipway.gate import comparison
from slipway.gate.contributions import Scored, aligned
from slipway.gate.replay import replay
from slipway.gate.result import Result, Version
from slipway.gate.rules import MACHINE_OR_FILE, Baseline, BaselineLoss, Gate
from slipway.gate.verdict import judge_loss
from slipway.records.benchmark import Benchmark
from slipway.records.release import Record
from slipway.records.verdict import Judgement, Outcome, worst
from slipway.registry import artifacts, audit, clone, git, releases, tags
from slipway.registry.clone import Clone
from slipway.registry.releases import Release
from slipway.registry.state import Variant


def variants(names: Sequence[str]) -> list[str]:
    """Return the named variants, or all in params.yaml if no name is given.

    Raises:
        ConfigError: a variant does not exist, or there is no params.yaml.
    """
    known = list(config.top()["all"])
    if unknown := [one for one in names if one not in known]:
        raise ConfigError(f"{unknown[0]}: no such variant in {config.TOP}; it has {', '.join(known)}")
    return list(names) or known


def judge(variant: str, revision: str | None = None, compare: bool = False, here: Clone | None = None) -> Result:
    """Evaluate the gate of one variant as it is built in the working tree.

    Args:
        variant: its name.
        revision: the baseline; None for the version that holds production.
        compare: whether to compare with the baseline even if no rule requires it.
        here: the state of this clone's tags, to share between several variants; None to read it.
    """
    try:
        if revision is None:
            (here or clone.look()).check(variant)
        return _judge(variant, revision, compare)
    except SlipwayError as error:
        return Result(variant, "unjudged", str(error))


def _judge(variant: str, revision: str | None, compare: bool) -> Result:
    try:
        values = config.read(variant)
        gate, settings, seed = Gate(**values["gate"]), config.Evaluate(**values["evaluate"]), int(values["seed"])
    except (KeyError, TypeError, ValueError) as error:  # ValueError includes pydantic's errors and invalid UTF-8
        why = f"no section {error}" if isinstance(error, KeyError) else _line(error)
        raise ConfigError(f"{PARAMS}/{variant}.yaml: {why}; run `dvc repro compose@{variant}`")
    record, benchmark, rules = _built(variant)
    version = _baseline(variant, revision)
    result = Result(variant, "unjudged", None, record=record, benchmark=benchmark, version=version)
    if not (gate.baseline or compare):
        return _concluded(result, rules)
    named = revision is not None and version is not None
    old = None if version is None else releases.read([(variant, version.commit)])[0]
    if version is None or old is None or (named and old.record_bytes is None):
        found = "no version holds production" if version is None else f"{version.name} has no release of {variant}"
        return _concluded(result, [*rules, *_without_comparison(gate.baseline, f"{found} yet", first=True)])
    old_record, old_benchmark = old.record, old.benchmark
    if wrong := _incomparable(version, old, record):
        return _concluded(result, [*rules, *_without_comparison(gate.baseline, f"cannot be compared: {wrong}")])
    assert old_record is not None
    result = replace(result, old_record=old_record, old_benchmark=old_benchmark)
    rules += _of_machine_or_file(gate, record, benchmark, old_record, old_benchmark)
    try:
        new = audit.scored(record, artifacts.evidence(f"reports/{variant}/shipped.parquet", None))
        before = _of_baseline(variant, version, old_record, record, new)
    except (ModelError, DataError) as error:
        why = f"cannot be compared with {version.name}: {error}"
        return _concluded(result, [*rules, *_without_comparison(gate.baseline, why, but=MACHINE_OR_FILE)])
    compared = comparison.compare(
        gate.baseline,
        before,
        new,
        gate.decide_on,
        **settings.model_dump(),
        seed=seed,
    )
    return _concluded(replace(result, comparison=compared, old=before, new=new), [*rules, *compared.rules])


def _baseline(variant: str, revision: str | None) -> Version | None:
    """Return the baseline: `revision`, or else the version that holds production; None if there is none yet."""
    if revision is not None:
        return Version(revision, git.commit(revision))
    holder = Variant(variant, tags.read(variant)).holder("production")
    return None if holder is None else Version(holder.name, holder.commit)


def _incomparable(version: Version, old: Release, record: Record) -> str | None:
    """Return why the model cannot be compared with a baseline, or None if it can."""
    if old.malformed:
        return f"{version.name}: {old.malformed[0]}"
    if old.record is None:
        return f"{releases.record_path(old.variant)} does not exist in {version.name}"
    return None if old.record.task == record.task else f"{version.name} is of the task {old.record.task}"


def _concluded(result: Result, rules: Sequence[Judgement]) -> Result:
    return replace(result, verdict=worst([rule.verdict for rule in rules]), rules=tuple(rules))


def _built(variant: str) -> tuple[Record, Benchmark, list[Judgement]]:
    """Return the record and the benchmark of the build, verified as for a promotion, and the rules of both."""
    again = f"run `dvc repro register@{variant}`"
    paths = (Path(releases.record_path(variant)), Path(releases.benchmark_path(variant)))
    if missing := [path for path in paths if not path.exists()]:
        raise ModelError(f"{missing[0]}: no such file; {again}")
    release = Release(variant, *(path.read_bytes() for path in paths))
    if wrong := audit.discrepancies(variant, None, release):
        raise ModelError(f"{wrong[0]}; {again}")
    assert release.record is not None and release.benchmark is not None  # `discrepancies` checks this
    return release.record, release.benchmark, release.rules


def _of_baseline(variant: str, version: Version, old_record: Record, record: Record, new: Scored) -> Scored:
    """Return the baseline's scores on the examples of `new`: its stored predictions if it was tested on the same
    examples; otherwise run the model."""
    names = new.examples["example"]
    try:
        old = audit.scored(old_record, artifacts.read(f"reports/{variant}/shipped.parquet", version.commit))
        same = _same_examples(old, new, old_record, record)
    except ModelError:  # the predictions are absent, as in old releases, or lost: run the model instead
        same = False
    if not same:
        task = audit.task(old_record)
        if unknown := _unknown(old_record, new):
            raise ModelError(f"it does not know the classes {', '.join(unknown)} of the test examples")
        model = artifacts.read(f"models/{variant}/model.tflite", version.commit)
        alike = _encoding(old_record) == _encoding(record)
        test, raw = Path("data/prepared") / variant / "test", Path("data/raw") / variant
        old = replay(task, old_record.spec, model, names, test, raw, alike)
    lined_up = aligned(old, names.tolist())
    if lined_up is None:
        raise ModelError("it has no prediction for some of the test examples")
    return lined_up


def _unknown(old_record: Record, new: Scored) -> list[str]:
    """Return the classes of the test examples that the baseline does not know, if it has one output per class."""
    outputs = old_record.spec["outputs"]
    if not new.classes or outputs != old_record.classes:
        return []
    return sorted(name for name in new.classes if name not in outputs and new.members(name).any())


def _same_examples(old: Scored, new: Scored, old_record: Record, record: Record) -> bool:
    """Whether both models were tested on the same examples of the same raw data."""
    if old_record.lineage.raw != record.lineage.raw:
        return False
    return len(old.examples) == len(new.examples) and set(old.examples["example"]) == set(new.examples["example"])


def _encoding(record: Record) -> dict[str, Any]:
    """Return the parts of a record that define how an example becomes inputs, without those that interpret outputs."""
    spec = {name: one for name, one in record.spec.items() if name not in ("threshold", "operating_point", "gaps")}
    return {"spec": spec, "data": record.data}


def _of_machine_or_file(
    gate: Gate, record: Record, benchmark: Benchmark, old_record: Record, old_benchmark: Benchmark | None
) -> Iterator[Judgement]:
    """Evaluate the baseline rules on size and latency."""
    for metric, rule in sorted(gate.baseline.overall.items()):
        old: float | None
        new: float | None
        if metric == "size_bytes":
            old, new = (one.model.bytes for one in (old_record, record))
        elif metric in MACHINE_OR_FILE:
            if old_benchmark is None or old_benchmark.machine != benchmark.machine:
                why = "the baseline was measured on another machine; run `make measure` there and here on one"
                yield _undecided(metric, None, rule, "hold", why)
                continue
            old, new = (one.metrics.get(metric, {}).get("value") for one in (old_benchmark, benchmark))
        else:
            continue
        lost = None if old is None or new is None else {"value": (new - old) / (old if rule.relative else 1)}
        yield judge_loss("baseline", metric, None, rule.most, lost, "point", rule.relative)


def _without_comparison(
    rules: Baseline, why: str, first: bool = False, but: frozenset[str] = frozenset()
) -> Iterator[Judgement]:
    """Yield the baseline rules without a comparison: hold, or the verdict of `first_release` without a baseline."""
    bounds: list[tuple[str, str | None, BaselineLoss]]
    bounds = [(metric, None, rule) for metric, rule in sorted(rules.overall.items()) if metric not in but]
    bounds += [(metric, "each class", rule) for metric, rule in sorted(rules.per_class.items())]
    for kind, of_kind in sorted(rules.per_group.items()):
        bounds += [(metric, f"each {kind}", rule) for metric, rule in sorted(of_kind.items())]
    for metric, of, rule in bounds:
        outcome: Outcome = (rule.first_release or rules.first_release) if first else "hold"
        yield _undecided(metric, of, rule, outcome, why)


def _undecided(metric: str, of: str | None, rule: BaselineLoss, outcome: Outcome, why: str) -> Judgement:
    return Judgement("baseline", metric, of, None, rule.most, None, None, None, outcome, why, rule.relative)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
