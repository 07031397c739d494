"""`slipway new`: create a variant from a folder of data, or from a table.

The command checks everything before it writes anything: the name, the data (with the task's `index`), the split, and
the configuration, which it composes in a scratch folder. Then it writes the data in data/raw, its .dvc file, the
variant's file in conf/variant, and its line in params.yaml (see `writing`).

conf/new/<task>.yaml holds the defaults of a new variant. A task without that file has no defaults that fit all data,
and its variants are written by hand. The columns of a table are sorted by what they hold; see
`slipway.data.rows.proposal`.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

import slipway
import slipway_edge
from slipway import tasks
from slipway.cli import entries, findings, network, plain_baseline, start, suitable, variant_file, writing
from slipway.cli.entries import GRAPH
from slipway.cli.variants import RAW, check_name
from slipway.core import config, documents
from slipway.core.config import TOP, Checks, Split
from slipway.core.errors import ConfigError, DataError
from slipway.data import preparation, splits
from slipway.data.rows.proposal import Column, Proposal, propose

CONF = Path("conf")


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


def check(variant: str, task: str | None, model: str | None) -> None:
    """Check the name of a new variant, its task and its model, before anything is read.

    Raises:
        ConfigError: one of them cannot be used, the variant exists already, or params.yaml cannot be read.
    """
    _check_name(variant, config.top())
    if task is not None:
        suitable.check(task)
    network.check(model)


def new(
    variant: str,
    task: str | None,
    folder: Path,
    *,
    group: str | None,
    target: str | None = None,
    quarantine: float = 0.0,
    group_copies: bool = False,
    weights: Path | None = None,
    model: str | None = None,
    baseline: bool = False,
    dry_run: bool = False,
) -> Created:
    """Create a variant from `folder`; `check` has checked its name, task and model.

    Args:
        variant: its name.
        task: its task, a module of `slipway.tasks` that has a file in conf/new; None to find it by the data.
        folder: the examples in the task's layout, or a table; copied to data/raw/<variant> unless it is that folder.
        group: `data.group`: of a table, the column whose equal values stay on one side of the split; otherwise the
            regular expression that extracts the group from an example's path.
        target: the column of a table to predict; None for the one that is called so.
        quarantine: `checks.quarantine`, the share of bad examples that may be quarantined.
        group_copies: `split.group_copies`, whether copies and near copies form one group.
        weights: the file of a network from which training starts.
        model: the option of the configuration group `model`; None to choose it by the data.
        baseline: whether the variant is compared with the plain baseline of its task.
        dry_run: check everything, and write nothing.

    Raises:
        ConfigError: an option does not fit the data, or the configuration cannot be composed.
        DataError: the data cannot be used, or DVC cannot track it.
    """
    _check_place(folder, RAW / variant)
    plan = _plan(folder, task, target, group)
    own = dict(plan.own)
    own |= {"checks": {"quarantine": quarantine}} if quarantine else {}
    own |= {"split": {**own.get("split", {}), "group_copies": True}} if group_copies else {}
    own |= {} if weights is None else {"start": start.section(weights)}
    entry = f"{{task: {plan.task}, framework: {plan.recipe['framework']}}}"
    line = entries.add(TOP.read_text(), TOP, "variants", variant, entry)
    if baseline:
        plain_baseline.check(plan.task)
        line = entries.add(line, TOP, "baselines", variant, plan.task)
    artifact = f"{{path: models/{variant}/model.tflite, type: model}}"
    graph = entries.add(GRAPH.read_text(), GRAPH, "artifacts", variant, artifact)

    groups = plan.recipe["groups"] | ({} if model is None else {"model": model})
    chance = variant_file.most_frequent(tasks.metrics(plan.task), {})
    with writing.shown(f"reading {folder}"):
        values = _compose(variant, _text(variant, plan, groups, own, chance), line)
        loaded = tasks.load(plan.task, values["data"])
        index = loaded.index(folder)
    findings.check_problems(folder, index, quarantine, plan.noun)
    split, examples = Split(**values["split"]), index.examples
    notes = [*start.notes(weights), *plan.notes, *index.notes, *index.warnings, *splits.own(examples, split)]
    if group_copies:
        distance = Checks(**values["checks"]).duplicate_distance
        examples, note = preparation.group_copies(loaded, folder, examples, distance)
        notes.append(note)
    classes = findings.classes(examples)
    sides = findings.check_split(folder, examples, list(classes), split, values["seed"])
    notes += findings.identical(folder, examples.assign(side=sides))

    why = ""
    if model is None:
        groups["model"], why = network.network(plan.recipe, int((sides == "train").sum()), values["data"])
        notes += [f"network {groups['model']}, {why}; --model chooses another one"] if why else []
    chance = variant_file.most_frequent(loaded.metrics, classes)
    if isinstance(loaded, suitable.Unlearnt):
        chance = loaded.unlearnt(examples)
    text = _text(variant, plan, groups, own, chance, why)
    _compose(variant, text, line)
    own_groups = examples["picture" if "picture" in examples else "example"]
    created = Created(
        variant,
        plan.task,
        files=(),
        classes=classes,
        grouped=not bool(examples["group"].isin(own_groups).all()),
        unusable=len(index.problems),
        notes=tuple(notes),
        columns=() if plan.proposed is None else plan.proposed.columns,
        text=text,
    )
    if dry_run:
        return created
    file = CONF / "variant" / f"{variant}.yaml"
    return replace(created, files=writing.write(variant, folder, {file: text, TOP: line, GRAPH: graph}))


@dataclass(frozen=True)
class _Plan:
    """The task for some data, and what its files state.

    `recipe`: the defaults of the task, in conf/new. `own`: the values of the variant's file, by section. `proposed`:
    the columns of a table. `noun`: the word for the examples, in the plural.
    """

    task: str
    recipe: Mapping[str, Any]
    own: Mapping[str, Mapping[str, Any]]
    proposed: Proposal | None
    notes: tuple[str, ...]
    noun: str


def _plan(folder: Path, task: str | None, target: str | None, group: str | None) -> _Plan:
    """Find the task, and read what the data states; see `new` for the arguments and the errors."""
    proposed = propose(folder, target, group) if suitable.has_rows(folder, task) else None
    if proposed is None and target is not None:
        raise ConfigError(f"--target: {folder} holds no table; the folders of its examples name the classes")
    series = proposed.series if task is None and proposed is not None and proposed.forecast else None
    task = task or suitable.suitable(folder, proposed)
    kind = tasks.kind(task)
    notes = [] if series is None else [series.words]
    if proposed is not None and (far := [one for one in proposed.written.missing if one.startswith("-9")]):
        notes.append(f"taken for a missing value in all columns (data.format.missing): {', '.join(far)}")
    own: dict[str, dict[str, Any]] = {}
    if isinstance(kind, suitable.Layout):
        own["data"], stated = kind.stated(folder)
        notes += stated
    if proposed is not None and issubclass(kind, suitable.OfTable):
        proposed, own = kind.sections(proposed)
    elif group is not None:
        own["data"] = {**own.get("data", {}), "group": group}
    noun = "rows" if proposed is not None else "examples" if isinstance(kind, suitable.Layout) else "files"
    return _Plan(
        task,
        documents.read_yaml(suitable.RECIPES / f"{task}.yaml"),
        {section: values for section, values in own.items() if values},
        proposed,
        tuple(notes),
        noun,
    )


def _text(
    variant: str,
    plan: _Plan,
    groups: Mapping[str, str],
    own: Mapping[str, Mapping[str, Any]],
    chance: variant_file.Chance | None,
    why: str = "",
) -> str:
    """Return the text of the variant's file, with a floor above `chance`, and with `why` it has its network."""
    fields = tasks.kind(plan.task).Data.model_fields
    comments = {key: field.description for key, field in fields.items() if field.description}
    comments |= {"/model": why} if why else {}
    precision = plan.recipe.get("precision", "int8")
    return variant_file.text(variant, groups, precision, own, variant_file.floor(chance), plan.proposed, comments)


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
