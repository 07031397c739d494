"""`slipway gate`: every rule on a variant, those on the model alone and those against the version in production.

The first are facts of the model and the machine, judged when it was built: they stand in its release record and in
benchmark.json. The others depend on what is in production now, so they are judged here, on the predictions of both
models for the same test examples. What cannot be judged never passes.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from slipway import config, predictions, tasks
from slipway.config import PARAMS
from slipway.errors import ConfigError, DataError, ModelError, SlipwayError
from slipway.gate import comparison
from slipway.gate.asked import judgements
from slipway.gate.contributions import Scored, aligned
from slipway.gate.judged import Judged, Version
from slipway.gate.replay import replay
from slipway.gate.rules import MACHINE_OR_FILE, Baseline, BaselineLoss, Gate
from slipway.gate.verdict import Judgement, Outcome, may_lose, worst
from slipway.gitops import artifacts, git, tags
from slipway.gitops.releases import Release
from slipway.gitops.state import Variant
from slipway.protocol import Task
from slipway.registry.record import SCHEMA, digest

SAME = 1e-4
"""How far a score of the predictions may be from the record's, which is rounded."""


def variants(asked: Sequence[str]) -> list[str]:
    """The variants that are asked for, all of params.yaml where none is.

    Raises:
        ConfigError: there is no such variant, or no params.yaml.
    """
    top = Path("params.yaml")
    if not top.exists():
        raise ConfigError(f"{top}: no such file; run slipway in the repository's root")
    try:
        known = config.named(yaml.safe_load(top.read_bytes())["all"].keys(), top)
    except yaml.YAMLError as error:
        raise ConfigError(f"{top}: not YAML ({_line(error)})")
    except (AttributeError, KeyError, TypeError):
        raise ConfigError(f"{top}: no mapping with the variants under `all`")
    if unknown := [one for one in asked if one not in known]:
        raise ConfigError(f"{unknown[0]}: no such variant in {top}; it has {', '.join(known)}")
    return list(asked) or known


def judge(variant: str, revision: str | None = None, compare: bool = False) -> Judged:
    """Judge one variant as it is built in the working tree.

    Args:
        variant: its name.
        revision: the baseline; None for the version that holds production.
        compare: whether to compare with it also where no rule asks for that.
    """
    try:
        return _judge(variant, revision, compare)
    except SlipwayError as error:
        return Judged(variant, "unjudged", str(error))


def _judge(variant: str, revision: str | None, compare: bool) -> Judged:
    try:
        values = config.read(variant)
        gate, settings, seed = Gate(**values["gate"]), config.Evaluate(**values["evaluate"]), int(values["seed"])
    except (KeyError, TypeError, ValueError) as error:  # pydantic's are ValueErrors, and text that is no UTF-8
        why = f"no section {error}" if isinstance(error, KeyError) else _line(error)
        raise ConfigError(f"{PARAMS}/{variant}.yaml: {why}; run `dvc repro compose@{variant}`")
    record, benchmark, rules = _built(variant, gate)
    version = _beside(variant, revision)
    judged = Judged(variant, "unjudged", None, record=record, benchmark=benchmark, version=version)
    if not (gate.baseline or compare):
        return _concluded(judged, rules)
    named = revision is not None and version is not None
    if version is None or (named and _text(version, f"models/{variant}/release.json") is None):
        found = "no version holds production" if version is None else f"{version.name} has no release of {variant}"
        return _concluded(judged, [*rules, *_unanswered(gate.baseline, f"{found} yet", first=True)])
    try:
        old_record = _checked(_json(version, f"models/{variant}/release.json"), f"{version.name}: release.json")
        if old_record["task"] != record["task"]:
            raise ModelError(f"{version.name} is of the task {old_record['task']}")
        timed = f"reports/{variant}/benchmark.json"
        old_benchmark = {} if _text(version, timed) is None else _json(version, timed)
    except ModelError as error:
        return _concluded(judged, [*rules, *_unanswered(gate.baseline, f"cannot be compared: {error}")])
    judged = replace(judged, old_record=old_record, old_benchmark=old_benchmark)
    rules += _of_machine_or_file(gate, record, benchmark, old_record, old_benchmark)
    try:
        new = _shipped(variant, record)
        old = _of_baseline(variant, version, old_record, record, new)
    except (ModelError, DataError) as error:
        why = f"cannot be compared with {version.name}: {error}"
        return _concluded(judged, [*rules, *_unanswered(gate.baseline, why, but=MACHINE_OR_FILE)])
    compared = comparison.compare(
        gate.baseline,
        old,
        new,
        gate.decide_on,
        resamples=settings.resamples,
        confidence=settings.confidence,
        seed=seed,
    )
    return _concluded(replace(judged, comparison=compared, old=old, new=new), [*rules, *compared.rules])


def _beside(variant: str, revision: str | None) -> Version | None:
    """The baseline: `revision`, or else the version that holds production; None where there is none yet."""
    if revision is not None:
        return Version(revision, git.commit(revision))
    holder = Variant(variant, tags.read(variant)).holder("production")
    return None if holder is None else Version(holder.name, holder.commit)


def _text(version: Version, path: str) -> bytes | None:
    """A file that Git keeps at the baseline's commit."""
    return git.contents([f"{version.commit}:{path}"])[0]


def _json(version: Version, path: str) -> dict[str, Any]:
    content = _text(version, path)
    try:
        values = json.loads(content or b"")
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise ModelError(f"{path} {'is not there' if content is None else 'is no JSON object'} in {version.name}")
    return values


def _concluded(judged: Judged, rules: Sequence[Judgement]) -> Judged:
    return replace(judged, verdict=worst([rule.verdict for rule in rules]), rules=tuple(rules))


def _built(variant: str, gate: Gate) -> tuple[dict[str, Any], dict[str, Any], list[Judgement]]:
    """Record, benchmark, and the rules that they judged: all that are asked, in the bytes that the stages wrote."""
    path, timed = Path("models") / variant / "release.json", Path("reports") / variant / "benchmark.json"
    again = f"run `dvc repro register@{variant}`"
    record, benchmark = _checked(_read(path, again), str(path)), _read(timed, again)
    if record.get("variant") != variant or record["lineage"].get("params") != digest(PARAMS / f"{variant}.yaml"):
        raise ModelError(f"{path} is not of the parameters in {PARAMS}/{variant}.yaml; {again}")
    classes = record["spec"].get("classes") or ()
    try:
        rules = [
            *judgements(record, gate.of_model, classes, str(path)),
            *judgements(benchmark, gate.of_machine, classes, str(timed)),
        ]
    except ModelError as error:
        raise ModelError(f"{error}; {again}")
    if wrong := artifacts.disagreements(variant, None, Release(path.read_bytes(), timed.read_bytes())):
        raise ModelError(f"{wrong[0]}; {again}")
    return record, benchmark, rules


def _read(path: Path, again: str) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text())
    except FileNotFoundError:
        raise ModelError(f"{path}: no such file; {again}")
    except ValueError as error:
        raise ModelError(f"{path}: not JSON ({error}); {again}")
    if not isinstance(values, dict):
        raise ModelError(f"{path}: not a JSON object; {again}")
    return values


def _checked(record: dict[str, Any], name: str) -> dict[str, Any]:
    """A release record with all that the gate reads of it."""
    if record.get("schema") != SCHEMA:
        raise ModelError(
            f"{name}: schema {record.get('schema')!r} is not {SCHEMA}, which this version of slipway reads"
        )
    needed = ("task", "data", "spec", "metrics", "gate", "artifacts", "lineage")
    if lacking := [key for key in needed if not isinstance(record.get(key), str if key == "task" else dict)]:
        raise ModelError(f"{name}: not a release record, it has no {lacking[0]}")
    return record


def _shipped(variant: str, record: Mapping[str, Any]) -> Scored:
    """The built model on the test examples, if it is the one that the record is of."""
    path = Path("reports") / variant / "shipped.parquet"
    content = path.read_bytes() if path.exists() else artifacts.read(str(path))
    try:
        new = _scored(record, content)
    except ModelError as error:
        raise StaleError(f"{path}: {error}; delete it and run `dvc repro register@{variant}`")
    for metric, value in new.score().items():
        noted = (record["metrics"].get(metric) or {}).get("value")
        if noted is not None and not abs(value - noted) <= SAME * max(1, abs(noted)):
            raise StaleError(f"{path}: {metric} is {value:.6g}, not the {noted:.6g} of the record; run `dvc repro`")
    return new


class StaleError(ConfigError):
    """Predictions are unreadable, or not of the record's model, so nothing can be judged."""


def _of_baseline(
    variant: str, version: Version, old_record: Mapping[str, Any], record: Mapping[str, Any], new: Scored
) -> Scored:
    """The baseline on the examples of `new`: its own predictions where it was tested on them, else it is run."""
    names = new.examples["example"]
    try:
        old = _scored(old_record, artifacts.read(f"reports/{variant}/shipped.parquet", version.commit))
        same = _same_examples(old, new, old_record, record)
    except ModelError:  # released before there were such predictions, or they are gone: the model tells as much
        same = False
    if not same:
        task = _task(old_record)
        if unknown := _unknown(old_record, new):
            raise ModelError(f"it does not know {', '.join(unknown)}, which test examples are of")
        model = artifacts.read(f"models/{variant}/model.tflite", version.commit)
        alike = _encoding(old_record) == _encoding(record)
        test, raw = Path("data/prepared") / variant / "test", Path("data/raw") / variant
        old = replay(task, old_record["spec"], model, names, test, raw, alike)
    lined_up = aligned(old, names.tolist())
    if lined_up is None:
        raise ModelError("it has no prediction for some of the test examples")
    return lined_up


def _task(record: Mapping[str, Any]) -> Task:
    try:
        return tasks.load(record["task"], record["data"])
    except ValidationError as error:
        raise ModelError(f"its data section is not one that this version of slipway reads ({_line(error)})")


def _scored(record: Mapping[str, Any], content: bytes) -> Scored:
    task = _task(record)
    try:
        return Scored(task, record["spec"], *predictions.read(content))
    except Exception as error:  # whatever Arrow and pandas raise of damaged bytes
        raise ModelError(f"the predictions cannot be read ({_line(error)})")


def _unknown(old_record: Mapping[str, Any], new: Scored) -> list[str]:
    """Classes of the test examples that the baseline cannot be given, since it has no output for them."""
    if old_record["spec"].get("objective") != "multiclass":
        return []
    return sorted({*new.actual} - {*old_record["spec"]["outputs"]})


def _same_examples(old: Scored, new: Scored, old_record: Mapping[str, Any], record: Mapping[str, Any]) -> bool:
    """Whether both were tested on the same examples of the same raw data."""
    if old_record["lineage"].get("raw") != record["lineage"].get("raw"):
        return False
    return len(old.examples) == len(new.examples) and set(old.examples["example"]) == set(new.examples["example"])


def _encoding(record: Mapping[str, Any]) -> dict[str, Any]:
    """What of a spec and a `data` section says how an example becomes inputs; not what is decided of the outputs."""
    spec = {name: one for name, one in record["spec"].items() if name not in ("threshold", "operating_point")}
    return {"spec": spec, "data": record["data"]}


def _of_machine_or_file(
    gate: Gate,
    record: Mapping[str, Any],
    benchmark: Mapping[str, Any],
    old_record: Mapping[str, Any],
    old_benchmark: Mapping[str, Any],
) -> Iterator[Judgement]:
    """The rules on size and latency, by their values."""
    for metric, rule in sorted(gate.baseline.overall.items()):
        if metric == "size_bytes":
            old, new = (_at(one, "artifacts", "model.tflite", "bytes") for one in (old_record, record))
        elif metric in MACHINE_OR_FILE:
            if old_benchmark.get("machine") != benchmark.get("machine"):
                why = "the baseline was measured on another machine; run `make measure` there and here on one"
                yield _undecided(metric, None, rule, "hold", why)
                continue
            old, new = (_at(one, "metrics", metric, "value") for one in (old_benchmark, benchmark))
        else:
            continue
        lost = None if old is None or new is None else {"value": (new - old) / (old if rule.relative else 1)}
        yield may_lose("baseline", metric, None, rule.most, lost, "point", rule.relative)


def _at(values: Any, *keys: str) -> float | None:
    for key in keys:
        values = values.get(key) if isinstance(values, Mapping) else None
    return float(values) if isinstance(values, int | float) else None


def _unanswered(
    rules: Baseline, why: str, first: bool = False, but: frozenset[str] = frozenset()
) -> Iterator[Judgement]:
    """Every rule against a baseline that cannot be had: hold, or what `first_release` says where there is none yet."""
    asked: list[tuple[str, str | None, BaselineLoss]]
    asked = [(metric, None, rule) for metric, rule in sorted(rules.overall.items()) if metric not in but]
    asked += [(metric, "each class", rule) for metric, rule in sorted(rules.per_class.items())]
    for kind, of_kind in sorted(rules.per_group.items()):
        asked += [(metric, f"each {kind}", rule) for metric, rule in sorted(of_kind.items())]
    for metric, of, rule in asked:
        outcome: Outcome = (rule.first_release or rules.first_release) if first else "hold"
        yield _undecided(metric, of, rule, outcome, why)


def _undecided(metric: str, of: str | None, rule: BaselineLoss, outcome: Outcome, why: str) -> Judgement:
    return Judgement("baseline", metric, of, None, rule.most, None, None, None, outcome, why, rule.relative)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
