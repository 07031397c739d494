"""The audit of a release: do its bytes support what its record states? `slipway gate`, promotion and verification
share it, for the working tree or a commit.

Record, benchmark and predictions must match dvc.lock, the parameters must match the record, and every figure is
computed again from the predictions. The audit does not run model.tflite to check the predictions themselves;
`slipway replay` does.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slipway import tasks
from slipway.core import documents
from slipway.core.errors import ModelError
from slipway.records.release import Record
from slipway.registry import artifacts, git, releases
from slipway.registry.releases import Release

if TYPE_CHECKING:
    from slipway.core.protocol import Task
    from slipway.gate.contributions import Scored


def discrepancies(variant: str, commit: str | None, release: Release) -> list[str]:
    """The reasons not to trust a release; empty if there are none.

    Args:
        variant: the variant of the release.
        commit: its commit; None for the working tree.
        release: the record and the benchmark at that commit.

    Raises:
        RegistryError: the remote with the predictions cannot be reached.
    """
    if release.malformed:
        return release.malformed
    if release.record is None or release.benchmark is None:
        lacking = releases.record_path(variant) if release.record is None else releases.benchmark_path(variant)
        return [f"{lacking} is not there"]
    wrong: list[str] = []
    for check in (_figures, _files):
        try:
            wrong += check(variant, commit, release)
        except ModelError as error:
            wrong.append(str(error))
    return list(dict.fromkeys(wrong))


def _files(variant: str, commit: str | None, release: Release) -> list[str]:
    assert release.record is not None  # checked by `discrepancies`
    return artifacts.mismatches(variant, commit, release.record)


def _figures(variant: str, commit: str | None, release: Release) -> list[str]:
    path = f"params/{variant}.yaml"
    if commit is not None:
        (params,) = git.contents([f"{commit}:{path}"])
    else:
        params = Path(path).read_bytes() if Path(path).exists() else None
    return figures(release, artifacts.lock(commit), params, lambda output: artifacts.evidence(output, commit))


def figures(
    release: Release, stages: Mapping[str, Any], params: bytes | None, evidence: Callable[[str], bytes]
) -> list[str]:
    """What shows that a release is not from one build, or that its figures do not follow from its predictions.

    Args:
        release: the release; it has a record and a benchmark.
        stages: the stages of its dvc.lock.
        params: its `params/<variant>.yaml`; None if there is none.
        evidence: returns an output of a stage by its path, checked against dvc.lock.

    Raises:
        ModelError: dvc.lock, the parameters or an output cannot be used.
        RegistryError: an output cannot be fetched.
    """
    assert release.record is not None  # checked by `discrepancies`
    if wrong := artifacts.inconsistencies(release, stages):
        return wrong
    variant = release.variant
    path = f"params/{variant}.yaml"
    if params is None:
        return [f"{path} is not there"]
    if release.record.lineage.params != sha256(params).hexdigest():
        return [f"{releases.record_path(variant)} is not of the parameters in {path}"]
    shipped = evidence(f"reports/{variant}/shipped.parquet")
    native = evidence(f"reports/{variant}/predictions.parquet") if needs_native(params, path) else None
    return list(_recomputed(release, params, shipped, native))


def task(record: Record) -> "Task":
    """The task of a release record.

    Raises:
        ModelError: the task cannot read the record's `data` section.
    """
    try:
        return tasks.load(record.task, record.data)
    except (ImportError, TypeError, ValueError) as error:  # pydantic's are ValueErrors
        raise ModelError(f"its data section is not one that this version of slipway reads ({_line(error)})")


def scored(record: Record, parquet: bytes) -> "Scored":
    """The stored predictions of a release's model on the test examples, ready to score.

    Raises:
        ModelError: the task cannot read the record, or the predictions are damaged.
    """
    from slipway.gate.contributions import Scored
    from slipway.records import predictions

    of_record = task(record)
    try:
        return Scored(of_record, record.spec, *predictions.read(parquet))
    except Exception as error:  # Arrow and pandas raise many types for damaged bytes
        raise ModelError(f"the predictions cannot be read ({_line(error)})")


def needs_native(params: bytes, path: str) -> bool:
    """Whether the audit needs the predictions of the native model, `predictions.parquet`.

    Raises:
        ModelError: the parameters cannot be read.
    """
    from slipway.gate.recomputed import GateParams  # imports SciPy, which listing versions does not need

    return GateParams.of(documents.strict_yaml(params, path), path).native


@lru_cache(maxsize=32)  # the same version is audited again for each role
def _recomputed(release: Release, params: bytes, shipped: bytes, native: bytes | None) -> tuple[str, ...]:
    from slipway.gate import recomputed
    from slipway.gate.contributions import aligned

    record, benchmark, variant = release.record, release.benchmark, release.variant
    assert record is not None and benchmark is not None  # checked by `discrepancies`
    path = f"params/{variant}.yaml"
    gate_params = recomputed.GateParams.of(documents.strict_yaml(params, path), path)
    kept = []
    for name, parquet in (("shipped.parquet", shipped), ("predictions.parquet", native)):
        try:
            kept.append(None if parquet is None else scored(record, parquet))
        except ModelError as error:
            return (f"reports/{variant}/{name}: {error}",)
    new, old = kept
    assert new is not None
    if old is not None and (old := aligned(old, new.examples["example"].tolist())) is None:
        return (f"reports/{variant}/predictions.parquet is not of the examples of shipped.parquet",)
    paths = (releases.record_path(variant), releases.benchmark_path(variant))
    return tuple(recomputed.discrepancies(record, benchmark, gate_params, paths, new, old))


def _line(error: Exception) -> str:
    return (" ".join(str(error).split()) or type(error).__name__)[:200]
