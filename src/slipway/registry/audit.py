"""Whether a release is what it says it is, from its bytes: the one look that `slipway gate`, a promotion and a
verification share, at the working tree or at a commit.

Record, benchmark and predictions are those of dvc.lock, the parameters those that they name, and every figure comes out
again of the predictions. That the predictions are what model.tflite says of the examples is believed; `slipway replay`
runs it.
"""

from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from slipway import tasks
from slipway.core import documents
from slipway.core.errors import ModelError
from slipway.records.release import Record
from slipway.registry import artifacts, git, releases
from slipway.registry.releases import Release

if TYPE_CHECKING:
    from slipway.core.protocol import Task
    from slipway.gate.contributions import Scored


def doubts(variant: str, commit: str | None, release: Release) -> list[str]:
    """Why a release is not to be believed; nothing, when it is.

    Args:
        variant: whose.
        commit: where; None for the working tree.
        release: the record and the benchmark there.

    Raises:
        RegistryError: a remote that has the predictions cannot be reached.
    """
    if release.malformed:
        return release.malformed
    if release.record is None or release.benchmark is None:
        lacking = releases.record_path(variant) if release.record is None else releases.benchmark_path(variant)
        return [f"{lacking} is not there"]
    wrong: list[str] = []
    for look in (_figures, _files):
        try:
            wrong += look(variant, commit, release)
        except ModelError as error:
            wrong.append(str(error))
    return list(dict.fromkeys(wrong))


def _files(variant: str, commit: str | None, release: Release) -> list[str]:
    assert release.record is not None  # `doubts` has looked
    return artifacts.unlike(variant, commit, release.record)


def _figures(variant: str, commit: str | None, release: Release) -> list[str]:
    """Where a release is not of one build, or its figures do not come out again."""
    assert release.record is not None  # `doubts` has looked
    if wrong := artifacts.disagreements(variant, commit, release):
        return wrong
    path = f"params/{variant}.yaml"
    if commit is not None:
        (params,) = git.contents([f"{commit}:{path}"])
    else:
        params = Path(path).read_bytes() if Path(path).exists() else None
    if params is None:
        return [f"{path} is not there"]
    if release.record.lineage.params != sha256(params).hexdigest():
        return [f"{releases.record_path(variant)} is not of the parameters in {path}"]
    shipped = artifacts.evidence(f"reports/{variant}/shipped.parquet", commit)
    native = artifacts.evidence(f"reports/{variant}/predictions.parquet", commit) if _needed(params, path) else None
    return list(_recomputed(release, params, shipped, native))


def task(record: Record) -> "Task":
    """The task of a release record.

    Raises:
        ModelError: it does not read the record's `data` section.
    """
    try:
        return tasks.load(record.task, record.data)
    except (ImportError, TypeError, ValueError) as error:  # pydantic's are ValueErrors
        raise ModelError(f"its data section is not one that this version of slipway reads ({_line(error)})")


def scored(record: Record, parquet: bytes) -> "Scored":
    """A release's model on the test examples, as it was kept.

    Raises:
        ModelError: the task does not read the record, or the predictions are damaged.
    """
    from slipway.gate.contributions import Scored
    from slipway.records import predictions

    own = task(record)
    try:
        return Scored(own, record.spec, *predictions.read(parquet))
    except Exception as error:  # whatever Arrow and pandas raise of damaged bytes
        raise ModelError(f"the predictions cannot be read ({_line(error)})")


def _needed(params: bytes, path: str) -> bool:
    """Whether the native model's predictions are."""
    from slipway.gate.recomputed import Asked  # with SciPy, which a list of versions does without

    return Asked.of(documents.strict_yaml(params, path), path).native


@lru_cache(maxsize=32)  # the same versions are looked at again, one role after another
def _recomputed(release: Release, params: bytes, shipped: bytes, native: bytes | None) -> tuple[str, ...]:
    from slipway.gate import recomputed
    from slipway.gate.contributions import aligned

    record, benchmark, variant = release.record, release.benchmark, release.variant
    assert record is not None and benchmark is not None  # `doubts` has looked
    path = f"params/{variant}.yaml"
    asked = recomputed.Asked.of(documents.strict_yaml(params, path), path)
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
    return tuple(recomputed.doubts(record, benchmark, asked, paths, new, old))


def _line(error: Exception) -> str:
    return (" ".join(str(error).split()) or type(error).__name__)[:200]
