"""The plain baseline of a variant that has one (`baselines` in params.yaml), beside the model as it is built here."""

from pathlib import Path

from slipway.core import config
from slipway.core.errors import ConfigError, ModelError, SlipwayError
from slipway.gate import plain_baseline
from slipway.gate.contributions import Scored, aligned
from slipway.gate.plain_baseline import Beside
from slipway.records import dvc_lock
from slipway.records.plain_baseline import FILE, PREDICTIONS, PlainBaseline, read
from slipway.records.release import Record
from slipway.registry import artifacts, audit

SCRIPTS = Path("benchmarks/baselines")


def check(task: str) -> None:
    """Check that there is a plain baseline for a task.

    Raises:
        ConfigError: there is none.
    """
    if not (SCRIPTS / f"{task}.py").exists():
        raise ConfigError(f"--baseline: there is no plain baseline for {task}; write {SCRIPTS}/{task}.py")


def beside(record: Record, model: Scored | None = None) -> Beside | str | None:
    """Return a model beside its plain baseline; None if it has none, or why they cannot be compared.

    Args:
        record: the release record of the build.
        model: the model on the test examples, for an interval of the difference; None to compare the two scores.
    """
    variant = record.variant
    if variant not in config.top()["baselines"]:
        return None
    try:
        plain = _read(record)
        found = _by_score(record, plain) if model is None else _by_example(record, plain, model)
    except SlipwayError as error:
        return f"{error}; run `dvc repro baseline@{variant}`"
    return "the score is not defined on the test examples" if found is None else found


def _read(record: Record) -> PlainBaseline:
    """Return the plain baseline, checked: it is what dvc.lock says, on the data of the model.

    Raises:
        ModelError: it is not there, or is not that.
    """
    variant = record.variant
    path = f"reports/{variant}/{FILE}"
    plain = read(artifacts.evidence(path, None), path)
    used = dvc_lock.hashes(artifacts.locked(variant, None), f"baseline@{variant}", "deps")
    if plain.task != record.task or used.get(f"data/prepared/{variant}") != record.lineage.prepared:
        raise ModelError(f"{path}: it was trained on other data than the model")
    return plain


def _by_score(record: Record, plain: PlainBaseline) -> Beside | None:
    task = audit.task(record)
    name = task.headline[0]
    return plain_baseline.of_scores(
        task.metrics[name], record.metrics.get(name, {}).get("value"), plain.metrics.get(name)
    )


def _by_example(record: Record, plain: PlainBaseline, model: Scored) -> Beside | None:
    path = f"reports/{record.variant}/{PREDICTIONS}"
    values = config.read(record.variant)
    settings = config.Evaluate(**values["evaluate"])
    decided = record.model_copy(update={"spec": {**record.spec, **plain.point}})
    try:
        scored = aligned(audit.scored(decided, artifacts.evidence(path, None)), model.examples["example"].tolist())
        if scored is None or len(scored.examples) != len(model.examples):
            raise ModelError("it is of other examples than the model")
        return plain_baseline.of_predictions(model, scored, **settings.model_dump(), seed=values["seed"])
    except SlipwayError:
        raise
    except Exception as error:  # the values of `point` and of the table can be of any kind
        raise ModelError(f"{path}: it cannot be scored ({' '.join(str(error).split())[:200]})")
