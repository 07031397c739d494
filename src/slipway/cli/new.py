"""`slipway new`: create a variant from a folder of data, or from a table.

The command checks everything before it writes anything: the name, the data (with the task's `index`), the split, and
the configuration, which it composes in a scratch folder. Then it writes the data in data/raw, its .dvc file, the
variant's file in conf/variant, and its line in params.yaml. All this is undone if anything fails or Ctrl-C is pressed.

conf/new/<task>.yaml holds the defaults of a new variant. A task without that file has no defaults that fit all data,
and its variants are written by hand. The columns of a table are sorted by what they hold; see
`slipway.data.rows.proposal`.
"""

import math
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from rich.markup import escape
from rich.progress import Progress

import slipway
import slipway_edge
from slipway import tasks
from slipway.cli import entries, plain_baseline, suitable, variant_file
from slipway.cli.dvc_command import dvc
from slipway.cli.entries import GRAPH
from slipway.cli.variants import RAW, check_name
from slipway.core import atomic, config, documents
from slipway.core.config import TOP, Checks, Split
from slipway.core.errors import ConfigError, DataError
from slipway.core.protocol import Index, each_class
from slipway.core.terminal import Console
from slipway.data import preparation, splits
from slipway.data.readers import copies
from slipway.data.readers.litter import litter
from slipway.data.rows.proposal import Column, propose
from slipway.registry import git

CONF = Path("conf")
SHOWN = 5


@dataclass(frozen=True)
class Created:
    """The result of `new`: the files written, and the numbers of examples and groups found by class.

    `notes`: other findings, such as a predefined split, copies, or files that are not read. `columns`: of a table, what
    each column is, and what was seen in it. `text`: the variant's file in conf/variant.
    """

    variant: str
    task: str
    files: tuple[str, ...]
    classes: Mapping[str, Mapping[str, int]]
    grouped: bool
    unusable: int
    notes: tuple[str, ...]
    columns: tuple[Column, ...]
    text: str


def new(
    variant: str,
    task: str | None,
    folder: Path,
    *,
    group: str | None,
    target: str | None = None,
    quarantine: float = 0.0,
    group_copies: bool = False,
    baseline: bool = False,
    dry_run: bool = False,
) -> Created:
    """Create a variant from `folder`.

    Args:
        variant: its name.
        task: its task, a module of `slipway.tasks` that has a file in conf/new; None to find it by the data.
        folder: the examples in the task's layout, or a table; copied to data/raw/<variant> unless it is that folder.
        group: `data.group`: of a table, the column whose equal values stay on one side of the split; otherwise the
            regular expression that extracts the group from an example's path.
        target: the column of a table to predict; None for the one that is called so.
        quarantine: `checks.quarantine`, the share of bad examples that may be quarantined.
        group_copies: `split.group_copies`, whether copies and near copies form one group.
        baseline: whether the variant is compared with the plain baseline of its task.
        dry_run: check everything, and write nothing.

    Raises:
        ConfigError: the name or the task cannot be used, or the variant exists already.
        DataError: the data cannot be used, or DVC cannot track it.
    """
    top = config.top()
    _check_name(variant, top)
    if task is not None:
        suitable.check(task)
    raw = RAW / variant
    _check_place(folder, raw)
    proposed = propose(folder, target, group) if suitable.has_rows(folder, task) else None
    if proposed is None and target is not None:
        raise ConfigError(f"--target: {folder} holds no table; the folders of its examples name the classes")
    series = proposed.series if task is None and proposed is not None and proposed.forecast else None
    task = task or suitable.suitable(folder, proposed)
    recipe, kind = documents.read_yaml(suitable.RECIPES / f"{task}.yaml"), tasks.kind(task)
    notes: list[str] = []
    own: dict[str, dict[str, Any]] = {}
    if isinstance(kind, suitable.Layout):
        own["data"], notes = kind.stated(folder)
    if proposed is not None and issubclass(kind, suitable.OfTable):
        proposed, own = kind.sections(proposed)
    elif group is not None:
        own["data"] = {**own.get("data", {}), "group": group}
    own = {section: values for section, values in own.items() if values}
    own |= {"checks": {"quarantine": quarantine}} if quarantine else {}
    own |= {"split": {**own.get("split", {}), "group_copies": True}} if group_copies else {}
    entry = f"{{task: {task}, framework: {recipe['framework']}}}"
    line = entries.add(TOP.read_text(), TOP, "variants", variant, entry)
    if baseline:
        plain_baseline.check(task)
        line = entries.add(line, TOP, "baselines", variant, task)
    artifact = f"{{path: models/{variant}/model.tflite, type: model}}"
    graph = entries.add(GRAPH.read_text(), GRAPH, "artifacts", variant, artifact)
    comments = {key: field.description for key, field in kind.Data.model_fields.items() if field.description}
    precision = recipe.get("precision", "int8")
    floor = variant_file.floor(variant_file.most_frequent(tasks.metrics(task), {}))
    draft = variant_file.text(variant, recipe["groups"], precision, own, floor, proposed, comments)
    with _shown(f"reading {folder}"):
        values = _compose(variant, draft, line)
        loaded = tasks.load(task, values["data"])
        index = loaded.index(folder)
    noun = "rows" if proposed is not None else "examples" if isinstance(kind, suitable.Layout) else "files"
    _check_problems(folder, index, quarantine, noun)
    split, examples = Split(**values["split"]), index.examples
    notes = [*([series.words] if series else []), *notes, *index.notes, *index.warnings, *splits.own(examples, split)]
    if group_copies:
        distance = Checks(**values["checks"]).duplicate_distance
        examples, note = preparation.group_copies(loaded, folder, examples, distance)
        notes.append(note)
    classes = _classes(examples)
    sides = _check_split(folder, examples, list(classes), split, values["seed"])
    notes += _identical(folder, examples.assign(side=sides))

    few = recipe.get("few")
    groups = recipe["groups"] | (few["groups"] if few and len(examples) < few["below"] else {})
    chance = variant_file.most_frequent(loaded.metrics, classes)
    if isinstance(loaded, suitable.Unlearnt):
        chance = loaded.unlearnt(examples)
    text = variant_file.text(variant, groups, precision, own, variant_file.floor(chance), proposed, comments)
    _compose(variant, text, line)
    own_groups = examples["picture" if "picture" in examples else "example"]
    grouped = not bool(examples["group"].isin(own_groups).all())
    columns = () if proposed is None else proposed.columns
    created = Created(variant, task, (), classes, grouped, len(index.problems), tuple(notes), columns, text)
    if dry_run:
        return created

    file, tracked = CONF / "variant" / f"{variant}.yaml", RAW / f"{variant}.dvc"
    with _undone_on_failure([file, TOP, GRAPH, tracked, RAW / ".gitignore"], raw):
        if not raw.exists():
            _copy(folder, raw)
        with _shown(f"dvc add {raw}"):
            dvc("add", str(raw))
        atomic.write_text(file, text)
        atomic.write_text(TOP, line)
        atomic.write_text(GRAPH, graph)
        written = tuple(str(path) for path in (file, TOP, GRAPH, tracked, RAW / ".gitignore") if path.exists())
        git.run("add", "--", *written)  # `dvc exp run --queue` includes only files known to Git
    return replace(created, files=written)


def _check_name(variant: str, top: Mapping[str, Any]) -> None:
    check_name(variant, top)
    for path in (CONF / "variant" / f"{variant}.yaml", Path("params") / f"{variant}.yaml"):
        if path.exists():
            raise ConfigError(f"{path}: this file exists already; remove it, or choose another name")


def _check_place(folder: Path, raw: Path) -> None:
    if not folder.exists():
        raise DataError(f"{folder}: no such file or folder")
    if folder.resolve() == raw.resolve():
        return
    if raw.exists():
        raise DataError(f"{raw}: this folder exists already and is not {folder}; remove it, or give it as --data")
    if raw.resolve().is_relative_to(folder.resolve()):
        raise DataError(f"{folder}: it contains {raw}, the folder to copy it to")


def _check_problems(folder: Path, index: Index, quarantine: float, noun: str) -> None:
    found = len(index.examples) + len(index.problems)
    if len(index.problems) > quarantine * found:
        listed = [f"  {problem.where}: {problem.kind} ({problem.detail})" for problem in index.problems[:SHOWN]]
        rest = len(index.problems) - len(listed)
        listed += [f"  and {rest:,} more"] if rest else []
        raise DataError(
            f"{folder}: {len(index.problems):,} of {found:,} {noun} cannot be used; fix or remove them, or quarantine "
            f"them with --quarantine {math.ceil(1000 * len(index.problems) / found) / 1000:g}\n" + "\n".join(listed)
        )
    if index.examples.empty:
        raise DataError(f"{folder}: no examples")


def _classes(examples: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Return the numbers of examples and groups by class; empty if the label is a number."""
    of = each_class(examples)
    if pd.api.types.is_numeric_dtype(of):
        return {}
    classes: dict[str, dict[str, int]] = {}
    for name, groups in examples["group"].reindex(of.index).groupby(of.to_numpy()):
        classes[str(name)] = {"examples": len(groups), "groups": groups.nunique()}
    return classes


def _check_split(folder: Path, examples: pd.DataFrame, classes: Sequence[str], split: Split, seed: int) -> pd.Series:
    """Return the side of each example; refuse a class that is missing from a side, as the prepare stage does."""
    sides = splits.assign(examples, split, classes=classes or None, seed=seed)
    own = set(examples["split"]) if "split" in examples else set()
    of = each_class(examples)
    for side in splits.SIDES:
        here = set(of[sides.reindex(of.index) == side])
        if missing := [name for name in classes if name not in here]:
            if side in own:
                raise DataError(
                    f"{folder}: {side} has no example of {', '.join(missing)}, by the data's own split; add some, or "
                    "leave the class out"
                )
            groups = examples.loc[of.index[of == missing[0]], "group"].nunique()
            raise DataError(
                f"{folder}: {side} would have no example of {', '.join(missing)}: each class needs at least three "
                f"groups (single examples, unless --group or metadata.csv groups them) that can be split independently "
                f"of the other classes, and {missing[0]} has {groups}; add some, or leave the class out"
            )
    return sides


def _identical(folder: Path, examples: pd.DataFrame) -> list[str]:
    """Return a note on files with equal bytes; the prepare stage also finds copies by what the model sees."""
    sets = [one for _, one in examples.groupby(copies.digests(folder, examples))]
    if not sets:
        return []
    across, conflicts = (sum(one[column].nunique() > 1 for one in sets) for column in ("side", "label"))
    remedy = "; --group-copies keeps copies on one side" if across else ""
    return [
        f"{len(sets):,} sets of exact copies ({sum(map(len, sets)):,} files), {across:,} of them across the split, "
        f"{conflicts:,} of them in several classes{remedy}"
    ]


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
    files = [folder] if folder.is_file() else []
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not litter(name)]
        files += [Path(parent, name) for name in names if not litter(name)]
    with atomic.folder(raw) as out, _progress() as progress:
        for path in progress.track(files, description=f"copying to {raw}"):
            to = out / (path.relative_to(folder) if folder.is_dir() else path.name)
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, to)


@contextmanager
def _shown(what: str) -> Iterator[None]:
    """Show progress of unknown length."""
    with _progress() as progress:
        progress.add_task(escape(what), total=None)
        yield


def _progress() -> Progress:
    console = Console(stderr=True)
    return Progress(console=console, disable=not console.is_terminal, transient=True)
