"""`slipway new`: create a variant from a folder of data.

The command checks everything before it writes anything: the name, the folder (with the task's `index`), the split, and
the configuration, which it composes in a scratch folder. Then it writes the data in data/raw, its .dvc file, the
variant's file in conf/variant, and its line in params.yaml. All this is undone if anything fails or Ctrl-C is pressed.

conf/new/<task>.yaml holds the defaults of a new variant. A task without that file has no defaults that fit all data (a
table's columns must be named), and its variants are written by hand.

The gate's floor for the share of correct decisions is halfway between the share of the most frequent class, which a
model that learned nothing reaches, and 1.
"""

import hashlib
import math
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from rich.markup import escape
from rich.progress import Progress

import slipway
import slipway_edge
from slipway import tasks
from slipway.cli import entries
from slipway.cli.entries import GRAPH
from slipway.cli.variants import check_name
from slipway.core import atomic, config, documents
from slipway.core.config import TOP, Checks, Split
from slipway.core.errors import ConfigError, DataError, SlipwayError
from slipway.core.metric import Metric
from slipway.core.protocol import Index
from slipway.core.terminal import Console
from slipway.data import preparation, splits
from slipway.data.readers.litter import litter
from slipway.registry import git

CONF, RAW = Path("conf"), Path("data/raw")
PAGE = "docs/add-a-variant.md"
SHOWN = 5


@dataclass(frozen=True)
class Created:
    """The result of `new`: the files written, and the numbers of examples and groups found by class.

    `notes`: other findings, such as a predefined split, copies, or files that are not read.
    """

    variant: str
    task: str
    files: tuple[str, ...]
    classes: Mapping[str, Mapping[str, int]]
    grouped: bool
    unusable: int
    notes: tuple[str, ...]


def new(
    variant: str, task: str, folder: Path, *, group: str | None, quarantine: float, group_copies: bool = False
) -> Created:
    """Create a variant from `folder`.

    Args:
        variant: its name.
        task: its task, a module of `slipway.tasks` that has a file in conf/new.
        folder: the examples in the task's layout; copied to data/raw/<variant> unless it is that folder.
        group: `data.group`, the regular expression that extracts the group from an example's path.
        quarantine: `checks.quarantine`, the share of bad examples that may be quarantined.
        group_copies: `split.group_copies`, whether copies and near copies form one group.

    Raises:
        ConfigError: the name or the task cannot be used, or the variant exists already.
        DataError: the folder cannot be used, or DVC cannot track it.
    """
    top = config.top()
    _check_name(variant, top)
    recipe = _recipe(task)
    raw = RAW / variant
    _check_place(folder, raw)
    own: dict[str, dict[str, Any]] = {"data": {"group": group}} if group is not None else {}
    own |= {"checks": {"quarantine": quarantine}} if quarantine else {}
    own |= {"split": {"group_copies": True}} if group_copies else {}
    entry = f"{{task: {task}, framework: {recipe['framework']}}}"
    line = entries.add(TOP.read_text(), TOP, "variants", variant, entry)
    artifact = f"{{path: models/{variant}/model.tflite, type: model}}"
    graph = entries.add(GRAPH.read_text(), GRAPH, "artifacts", variant, artifact)
    metrics = tasks.kind(task).metrics
    draft = _variant_file(variant, recipe["groups"], own, _floor(metrics, {}))
    with _shown(f"reading {folder}"):
        values = _compose(variant, draft, line)
        loaded = tasks.load(task, values["data"])
        index = loaded.index(folder)
    _check_problems(folder, index, quarantine)
    split, examples = Split(**values["split"]), index.examples
    notes = [*index.notes, *splits.own(examples, split)]
    if group_copies:
        distance = Checks(**values["checks"]).duplicate_distance
        examples, note = preparation.group_copies(loaded, folder, examples, distance)
        notes.append(note)
    classes = _classes(examples)
    sides = _check_split(folder, examples, list(classes), split, values["seed"])
    notes += _identical(folder, examples.assign(side=sides))

    few = recipe.get("few")
    groups = recipe["groups"] | (few["groups"] if few and len(examples) < few["below"] else {})
    text = _variant_file(variant, groups, own, _floor(metrics, classes))
    _compose(variant, text, line)

    file, tracked = CONF / "variant" / f"{variant}.yaml", RAW / f"{variant}.dvc"
    with _undone_on_failure([file, TOP, GRAPH, tracked, RAW / ".gitignore"], raw):
        if not raw.exists():
            _copy(folder, raw)
        _track(raw)
        atomic.write_text(file, text)
        atomic.write_text(TOP, line)
        atomic.write_text(GRAPH, graph)
        written = tuple(str(path) for path in (file, TOP, GRAPH, tracked, RAW / ".gitignore") if path.exists())
        git.run("add", "--", *written)  # `dvc exp run --queue` includes only files known to Git
    grouped = bool((examples["group"] != examples["example"]).any())
    return Created(variant, task, written, classes, grouped, len(index.problems), tuple(notes))


def _check_name(variant: str, top: Mapping[str, Any]) -> None:
    check_name(variant, top)
    for path in (CONF / "variant" / f"{variant}.yaml", Path("params") / f"{variant}.yaml"):
        if path.exists():
            raise ConfigError(f"{path}: this file exists already; remove it, or choose another name")


def _recipe(task: str) -> dict[str, Any]:
    known = sorted(path.stem for path in (CONF / "new").glob("*.yaml"))
    if task in known:
        recipe: dict[str, Any] = documents.read_yaml(CONF / "new" / f"{task}.yaml")
        return recipe
    if (Path(tasks.__file__).parent / task / "__init__.py").exists():
        raise ConfigError(
            f"{task}: write the variant's file by hand, since its data section depends on the data: see {PAGE}. "
            f"slipway new supports {', '.join(known)}"
        )
    raise ConfigError(f"{task}: no such task; slipway new supports {', '.join(known)}")


def _check_place(folder: Path, raw: Path) -> None:
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder")
    if folder.resolve() == raw.resolve():
        return
    if raw.exists():
        raise DataError(f"{raw}: this folder exists already and is not {folder}; remove it, or give it as --data")
    if raw.resolve().is_relative_to(folder.resolve()):
        raise DataError(f"{folder}: it contains {raw}, the folder to copy it to")


def _check_problems(folder: Path, index: Index, quarantine: float) -> None:
    found = len(index.examples) + len(index.problems)
    if len(index.problems) > quarantine * found:
        listed = [f"  {problem.where}: {problem.kind} ({problem.detail})" for problem in index.problems[:SHOWN]]
        rest = len(index.problems) - len(listed)
        listed += [f"  and {rest:,} more"] if rest else []
        raise DataError(
            f"{folder}: {len(index.problems):,} of {found:,} files cannot be used; fix or remove them, or quarantine "
            f"them with --quarantine {math.ceil(1000 * len(index.problems) / found) / 1000:g}\n" + "\n".join(listed)
        )
    if index.examples.empty:
        raise DataError(f"{folder}: no examples")


def _classes(examples: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Return the numbers of examples and groups by class; empty if the label is a number."""
    if pd.api.types.is_numeric_dtype(examples["label"]):
        return {}
    classes: dict[str, dict[str, int]] = {}
    for name, groups in examples.groupby("label")["group"]:
        classes[str(name)] = {"examples": len(groups), "groups": groups.nunique()}
    return classes


def _check_split(folder: Path, examples: pd.DataFrame, classes: Sequence[str], split: Split, seed: int) -> pd.Series:
    """Return the side of each example; refuse a class that is missing from a side, as the prepare stage does."""
    sides = splits.assign(examples, split, classes=classes or None, seed=seed)
    for side in splits.SIDES:
        here = set(examples.loc[sides == side, "label"])
        if missing := [name for name in classes if name not in here]:
            groups = examples.loc[examples["label"] == missing[0], "group"].nunique()
            raise DataError(
                f"{folder}: {side} would have no example of {', '.join(missing)}: each class needs at least three "
                f"groups (single examples, unless --group or metadata.csv groups them) that can be split independently "
                f"of the other classes, and {missing[0]} has {groups}; add some, or leave the class out"
            )
    return sides


def _identical(folder: Path, examples: pd.DataFrame) -> list[str]:
    """Return a note on files with equal bytes; the prepare stage also finds copies by what the model sees."""
    files = [folder / name for name in examples["example"]]
    sizes = pd.Series([path.stat().st_size if path.is_file() else -1 for path in files], examples.index)
    alike = examples[sizes.duplicated(keep=False) & (sizes > 0)]
    digests = [hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in alike["example"]]
    sets = [one for _, one in alike.groupby(digests) if len(one) > 1]
    if not sets:
        return []
    across, conflicts = (sum(one[column].nunique() > 1 for one in sets) for column in ("side", "label"))
    remedy = "; --group-copies keeps copies on one side" if across else ""
    return [
        f"{len(sets):,} sets of exact copies ({sum(map(len, sets)):,} files), {across:,} of them across the split, "
        f"{conflicts:,} of them in several classes{remedy}"
    ]


def _floor(metrics: Mapping[str, Metric], classes: Mapping[str, Mapping[str, int]]) -> str:
    """Return the section `gate` with the floor derived from the data; empty if no metric counts correct decisions."""
    metric = next((name for name, metric in metrics.items() if metric.right), None)
    if metric is None:
        return ""
    counts = {name: one["examples"] for name, one in classes.items()}
    most = max(counts, key=counts.__getitem__, default="")
    share = counts[most] / sum(counts.values()) if counts else 0.0
    why = f"halfway from {share:.2f}, the share of {most!r}, to 1; replace it with your own requirement"
    return f"gate:\n  rules:\n    {metric}: {{min: {math.floor(500 * (1 + share)) / 1000}}} # {why}\n"


def _variant_file(variant: str, groups: Mapping[str, str], own: Mapping[str, Any], gate: str) -> str:
    """Return the text of conf/variant/<variant>.yaml."""
    parts = [
        "# @package _global_\n# What this variant is for.\ndefaults:\n"
        + "".join(f"  - override /{name}: {option}\n" for name, option in groups.items()),
        *(yaml.safe_dump({section: values}, allow_unicode=True, width=120) for section, values in own.items()),
        "convert:\n  precision: int8\n",
        *([gate] if gate else []),
        f"register:\n  name: {variant.replace('-', '_')}\n  description: {variant}, trained on your own data.\n",
    ]
    return "\n".join(parts)


def _compose(variant: str, text: str, top: str) -> dict[str, Any]:
    """Run the compose stage of the variant in a scratch copy of conf/ and params.yaml; return the parameters."""
    with tempfile.TemporaryDirectory() as temporary:
        scratch = Path(temporary)
        shutil.copytree(CONF, scratch / CONF)
        (scratch / TOP).write_text(top)
        (scratch / CONF / "variant" / f"{variant}.yaml").write_text(text)
        sources = [str(Path(file).parents[1]) for file in (slipway.__file__, slipway_edge.__file__)]
        done = subprocess.run(
            [sys.executable, "-m", "slipway.stages.compose", variant],
            cwd=scratch,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sources)},
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise ConfigError(done.stderr.strip().removeprefix("error: "))
        values: dict[str, Any] = yaml.safe_load((scratch / "params" / f"{variant}.yaml").read_text())
        return values


@contextmanager
def _undone_on_failure(files: Sequence[Path], folder: Path) -> Iterator[None]:
    """If the block fails, restore `files`, and remove `folder` unless it existed before."""
    before = {path: path.read_bytes() if path.exists() else None for path in files}
    there = folder.exists()
    try:
        yield
    except BaseException as failure:
        for path, content in before.items():
            if content is None:
                path.unlink(missing_ok=True)
            elif path.read_bytes() != content:
                atomic.write_bytes(path, content)
        if not there:
            shutil.rmtree(folder, ignore_errors=True)
        if isinstance(failure, OSError):
            raise DataError(f"{failure}; all changes are undone")
        raise


def _copy(folder: Path, raw: Path) -> None:
    """Copy the files, except dotfiles and files that file managers leave behind."""
    files = []
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not litter(name)]
        files += [Path(parent, name) for name in names if not litter(name)]
    with atomic.folder(raw) as out, _progress() as progress:
        for path in progress.track(files, description=f"copying to {raw}"):
            to = out / path.relative_to(folder)
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, to)


def _track(raw: Path) -> None:
    """Run `dvc add`."""
    with _shown(f"dvc add {raw}"):
        done = subprocess.run([sys.executable, "-m", "dvc", "add", str(raw)], capture_output=True, text=True)
    if done.returncode:
        message = (done.stderr.strip() or done.stdout.strip()).removeprefix("ERROR: ")
        raise SlipwayError(f"dvc add {raw}: {message}; all changes are undone")


@contextmanager
def _shown(what: str) -> Iterator[None]:
    """Show progress of unknown length."""
    with _progress() as progress:
        progress.add_task(escape(what), total=None)
        yield


def _progress() -> Progress:
    console = Console(stderr=True)
    return Progress(console=console, disable=not console.is_terminal, transient=True)
