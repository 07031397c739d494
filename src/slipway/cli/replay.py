"""`slipway replay`: reproduce a version's verdict from its commit and its data.

The commit of the tag is checked out into a temporary worktree under .dvc/tmp, which uses this clone's DVC cache and
remotes and its own MLflow. There the commit's own code composes the parameters, chooses the operating point, scores
the released files on the prepared test split, and evaluates the rules. With `rebuild`, every stage of the variant runs
again instead, and all bytes are compared with dvc.lock. On another kind of processor, where training gives different
bytes, the two models are compared (`slipway.registry.rebuilt`).

Times depend on the machine: none are measured, and the latency rules are evaluated on the times in benchmark.json.
"""

import importlib.util
import json
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from pydantic import ValidationError

from slipway.cli import replay_comparison as comparison
from slipway.cli.replay_comparison import Line
from slipway.core import config
from slipway.core.errors import RegistryError
from slipway.gate import verdict
from slipway.gate.rules import Gate
from slipway.metrics import latency
from slipway.records import dvc_lock
from slipway.records.release import Record, digest
from slipway.registry import artifacts, clone, git, releases, state, tags
from slipway.registry.grammar import Tag
from slipway.registry.releases import Release

WORKTREE = Path(".dvc/tmp/replay")
REQUIREMENTS = Path("requirements/build.lock")
SHIPPED = "shipped.parquet"
STAGES = ("compose", "simulate", "prepare", "train", "transfer", "evaluate", "convert-tflite", "register")
"""The stages of a variant in order, without benchmark."""
VERDICT_STAGES = ("compose", "evaluate", "convert-tflite", "register")
"""The stages that produce the verdict on a trained model."""
KEPT = ("data/", "models/")
"""Folders with the dependencies of stages that are not in Git."""
SCORE_RELEASED = """
import importlib, runpy, sys
from pathlib import Path
import yaml

variant = sys.argv[1]
values = yaml.safe_load(Path("params", f"{variant}.yaml").read_text())
files = {"float32": "float.tflite", values["convert"]["precision"]: "model.tflite"}
conversion = importlib.import_module(f"slipway.frameworks.{values['framework']}.conversion")
conversion.convert = lambda native, calibration, precision: Path("models", variant, files[precision]).read_bytes()
runpy.run_module("slipway.stages.convert_tflite", run_name="__main__")
"""
"""Runs the commit's own convert-tflite stage, which scores models, on the released files instead of converting."""


@dataclass(frozen=True)
class Replay:
    """A version's verdict as recorded and as derived, and all items compared.

    `same`: whether all lines are the same; after a rebuild with different bytes on another kind of processor, only the
    lines that may not differ there count. `processors`: in that case, the processor of the benchmark and this one.
    `warning`: a difference of the environment that may explain differences of the version.
    """

    tag: str
    variant: str
    commit: str
    rebuilt: bool
    recorded: str
    derived: str
    same: bool
    processors: tuple[str, str] | None
    warning: str | None
    lines: tuple[Line, ...]


def replay(name: str, rebuild: bool = False) -> Replay:
    """Reproduce the verdict of a version.

    Args:
        name: the tag of a version or of a promotion, `VARIANT@latest` or `VARIANT#ROLE`.
        rebuild: rerun every stage of the variant, and compare the bytes.

    Raises:
        RegistryError: the version does not exist, its files cannot be fetched, a stage fails, or the packages that the
            stages need are not installed.
    """
    releases.variants()  # raises if this is not the root
    if importlib.util.find_spec("tensorflow") is None:  # the environment of the registry has no TensorFlow
        raise RegistryError(f"a replay runs the stages, and the packages of {REQUIREMENTS} are not installed")
    tag = _tag(name)
    variant, commit = tag.variant, tag.commit
    (release,) = releases.read([(variant, commit)])
    record = release.record
    if record is None or release.verdict is None:
        raise RegistryError(f"{name}: commit {commit[:7]} has no release record and benchmark of {variant}")
    if f"compose@{variant}" not in artifacts.locked(variant, commit):
        raise RegistryError(f"{name} was uploaded: its commit has no code that could be replayed")
    here = _content(REQUIREMENTS)
    with _worktree(commit) as root, chdir(root):
        locked = dvc_lock.stages(_content(Path("dvc.lock")))
        stages, edited = _fetch(variant, record, locked, STAGES if rebuild else VERDICT_STAGES)
        shipped = _content(Path("reports", variant, SHIPPED))
        fetched = {file: digest(Path("models", variant, file)) for file in sorted(record.artifacts)}
        # Old outputs must not replace derived ones, and compose refuses a parameter file that was edited.
        for path in _paths(stages, locked, "outs") if rebuild else (f"params/{variant}.yaml",):
            _remove(Path(path))
        for stage in stages:
            if stage == f"convert-tflite@{variant}" and not rebuild:
                _run(stage, sys.executable, "-c", SCORE_RELEASED, variant)
            else:
                _run(stage, "sh", "-c", locked[stage]["cmd"])
        derived = _derived(variant)
        required = [
            *comparison.tag_facts(tag, derived, fetched),
            comparison.verdict(release, derived),
            *comparison.files(record, fetched),
            *edited,
        ]
        required += comparison.lineage(record, derived.record)
        figures = [
            *comparison.rules(release, derived),
            *comparison.rest(record, derived.record),
            *(comparison.outputs(stages) if rebuild else ()),
        ]
        processors = _processors(release) if rebuild and not all(line.same for line in figures) else None
        if processors is not None:
            required += comparison.models(release, shipped, derived, _content(Path("reports", variant, SHIPPED)))
        warning = None
        if _content(REQUIREMENTS) != here:
            warning = f"{REQUIREMENTS} differs between the commit and this clone, whose environment was used"
    same = all(line.same for line in (required if processors is not None else [*required, *figures]))
    verdicts = release.verdict, str(derived.verdict)
    return Replay(tag.name, variant, commit, rebuild, *verdicts, same, processors, warning, (*required, *figures))


def _tag(name: str) -> Tag:
    """Return the tag that `name` refers to: of a version, or of the assignment of a role."""
    variant = re.split("[@#]", name)[0]
    known = tags.read(variant)
    for tag in known:
        if tag.name == name:
            if tag.action not in ("register", "assign"):
                raise RegistryError(f"{name} does not assign anything; replay the tag of a version or of a promotion")
            return tag
    clone.look().check(variant)
    return state.find({variant: state.Variant(variant, known)}, name).registered


@contextmanager
def _worktree(commit: str) -> Iterator[Path]:
    """Check out the commit in a worktree with this clone's DVC cache and remotes; first remove a leftover one."""
    from dvc.config import Config
    from dvc.repo import Repo

    root = WORKTREE.resolve()
    project = root / git.run("rev-parse", "--show-prefix").strip()
    root.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(f"{root}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise RegistryError("another replay is running in this clone; wait until it ends")
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        shutil.rmtree(root, ignore_errors=True)
        # Without hooks, because the hook of `dvc install` checks out all data.
        git.run("-c", f"core.hooksPath={os.devnull}", "worktree", "add", "-f", "-f", "--detach", str(root), commit)
        with Repo() as clone, Config(str(project / ".dvc")).edit("local", validate=False) as settings:
            settings["remote"] = clone.config["remote"]
            settings["cache"] = {**clone.config["cache"], "dir": clone.cache.local_cache_dir}
            settings["core"] = {**clone.config["core"], "autostage": False, "site_cache_dir": str(project / ".dvc/tmp")}
        yield project
    finally:
        with suppress(RegistryError):  # it may not exist
            git.run("worktree", "remove", "-f", "-f", str(root))
        signal.signal(signal.SIGTERM, before)
        lock.release()


def _fetch(
    variant: str, record: Record, locked: Mapping[str, Any], names: Sequence[str]
) -> tuple[list[str], list[Line]]:
    """Fetch the inputs of the stages and the released files; return the stages, and the differences from dvc.lock."""
    from dvc.repo import Repo

    logging.getLogger("dvc").setLevel(logging.CRITICAL)  # the error is reported here
    released = {f"models/{variant}/{file}" for file in record.artifacts}
    shipped = f"reports/{variant}/{SHIPPED}"
    try:
        with Repo() as repo, repo.lock:
            graph = {stage.addressing: stage for stage in repo.index.stages}
            stages = [stage for stage in (f"{name}@{variant}" for name in names) if stage in graph]
            if missing := [stage for stage in stages if stage not in locked]:
                raise RegistryError(f"dvc.lock has no {missing[0]}")
            read = {path for path in _paths(stages, locked, "deps") if path.startswith(KEPT)}
            wanted = (read - _paths(stages, locked, "outs").keys()) | released
            kept = {Path(out.fs_path).relative_to(Path.cwd()).as_posix(): out for out in repo.index.outs}
            wanted |= {shipped} & kept.keys()
            for path in sorted(wanted):
                _checkout(repo, path, kept.get(path))
            concerned = [stage for stage in graph if stage == "code" or stage.endswith(f"@{variant}")]
            edited = list(_edited(graph[stage].status() for stage in concerned))
    except Exception as error:  # a remote may raise anything
        message = " ".join(str(error).split()) or type(error).__name__
        raise RegistryError(f"{variant} cannot be replayed: {message[:300]}")
    return stages, edited


def _checkout(repo: Any, path: str, out: Any) -> None:
    """Check out an output of DVC from the cache, or else from the remote."""
    if out is None:
        if not Path(path).exists():
            raise RegistryError(f"neither Git nor DVC has {path}")
        return
    if out.changed_cache():
        repo.cloud.pull([out.hash_info], remote=out.remote)  # unlike the next call, reports an error of the remote
        for odb, objects in out.get_used_objs(force=True).items():  # with force, or DVC prompts about missing files
            repo.cloud.pull(objects, odb=odb)
        if out.changed_cache():
            raise RegistryError(
                f"{path} is neither in the DVC cache nor in the remote; run `dvc push` where it was built"
            )
    out.checkout()


def _edited(statuses: Iterable[Mapping[str, Any]]) -> Iterator[Line]:
    """Yield the differences between the commit and dvc.lock; data that was not fetched is ignored."""
    changed = {}
    for stage, reasons in chain.from_iterable(status.items() for status in statuses):
        for reason in reasons:
            if isinstance(reason, str):
                changed[stage] = reason  # the command changed
                continue
            for path, how in next(iter(reason.values())).items():
                if how not in ("deleted", "not in cache"):
                    changed[path] = how if isinstance(how, str) else ", ".join(how)
    for what, how in sorted(changed.items()):
        yield Line(what, "as in dvc.lock", how, False)
    if not changed:
        yield Line("code, parameters and reports", "as in dvc.lock", "as in dvc.lock", True)


def _run(stage: str, *command: str) -> None:
    """Run a stage's command on the worktree's own code; its output goes to standard error."""
    print(f"{stage}:", file=sys.stderr)
    environment = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    environment |= {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        "PYTHONPATH": os.pathsep.join(["src", "edge/src", os.environ.get("PYTHONPATH", "")]),
    }
    process = subprocess.Popen(command, env=environment, stdout=2, start_new_session=True)
    try:
        code = process.wait()
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)  # its child processes too
        process.wait()
        raise
    if code:
        raise RegistryError(f"{stage} cannot be replayed: it ended with exit code {code}; see its output above")


def _derived(variant: str) -> Release:
    """Return the derived record, and the benchmark with its rules evaluated again on its stored times."""
    record, benchmark = Path(releases.record_path(variant)), Path(releases.benchmark_path(variant))
    times = json.loads(benchmark.read_text())
    try:
        gate = Gate(**config.read(variant)["gate"])
    except (KeyError, TypeError, ValidationError) as error:
        raise RegistryError(f"this slipway cannot read the gate of {variant}: {' '.join(str(error).split())}")
    judged = verdict.judge(gate.of_machine, times["metrics"])
    return Release(variant, record.read_bytes(), json.dumps({**times, "gate": judged.to_json()}).encode())


def _processors(release: Release) -> tuple[str, str] | None:
    """Return the kind of processor that a version was measured on, and this one; None if they are the same."""
    assert release.benchmark is not None  # the release has a verdict
    was, here = str(release.benchmark.machine.get("processor")), str(latency.fingerprint()["processor"])
    return None if was == here else (was, here)


def _paths(stages: Sequence[str], locked: Mapping[str, Any], kind: str) -> dict[str, str]:
    """Return the hash of each dependency or output of the stages, by path."""
    return {path: md5 for stage in stages for path, md5 in dvc_lock.hashes(locked, stage, kind).items()}


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None
