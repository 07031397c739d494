"""Resolve `conf/` into `params/<variant>.yaml`, the only file of parameters that the other stages read.

Only this stage uses Hydra's compose API. The pydantic models of the task, the framework and the simulator validate the
result section by section and fill in the defaults, so `dvc params diff` shows every resolved change. This is a separate
stage because DVC's own Hydra support composes only in `dvc exp run`, and `dvc repro` would run on stale parameters
(treeverse/dvc#10750).

The second line of the file is the SHA-256 of the lines after it: a file edited by hand is refused, not overwritten.
"""

import hashlib
import importlib
import pkgutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import hydra
import yaml
from hydra.errors import HydraException, MissingConfigException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import ValidationError

import slipway.frameworks
import slipway.simulators
from slipway import tasks
from slipway.core import atomic, config, documents
from slipway.core.config import PARAMS, TOP, Benchmark, Checks, Evaluate, Register, Section, Split, Start
from slipway.core.errors import ConfigError
from slipway.core.protocol import Task
from slipway.gate import rules
from slipway.gate.rules import Gate
from slipway.stages import run

CONF = Path("conf")
COMMON: dict[str, type[Section]] = {
    "split": Split,
    "checks": Checks,
    "evaluate": Evaluate,
    "benchmark": Benchmark,
    "gate": Gate,
    "register": Register,
}
OPTIONAL = {"simulate", "start"}
KNOWN = frozenset({"task", "framework"})


def compose(variant: str) -> None:
    """Write `params/<variant>.yaml`.

    Raises:
        ConfigError: the configuration cannot be used, or the file was edited by hand.
    """
    top = _top(variant)
    task = _member(tasks, top["task"], f"{TOP}: {variant}.task")
    schema, framework = _schema(variant, top["framework"], top["task"])
    values, files = _compose(variant, top["profile"], simulated=top["simulator"] is not None)
    sections = COMMON | {"data": task.Task.Data, "model": framework.Model, "train": framework.Train}
    sections["convert"] = schema.Convert
    sections |= {"start": Start} if values.get("start") else {}
    if top["simulator"] is not None:
        simulator = _member(slipway.simulators, top["simulator"], f"{TOP}: simulated.{variant}")
        sections["simulate"] = simulator.World
    resolved = _validate(variant, values, sections, files)
    _check_gate(variant, Gate(**resolved["gate"]), tasks.load(top["task"], resolved["data"]), files)
    _write(variant, {key: top[key] for key in ("task", "framework", "from", "profile", "seed")} | resolved, files)


def _top(variant: str) -> dict[str, Any]:
    """Return the entry of the variant in params.yaml, with profile, seed and simulator."""
    top = config.top()
    if variant not in top["all"]:
        raise ConfigError(f"{variant}: no such variant in {TOP}; it has {', '.join(top['all'])}")
    entry = top["all"][variant]
    transferred = variant in top["transfers"]
    where, known = ("transfers", KNOWN | {"from"}) if transferred else ("variants", KNOWN)
    for key in sorted(known):
        if not isinstance(entry, Mapping) or key not in entry:
            shape = ", ".join(f"{name}: ..." for name in sorted(known))
            raise ConfigError(f"{variant}: {where}.{variant} in {TOP} needs {{{shape}}}, not {entry!r}")
    if unknown := set(entry) - known:
        raise ConfigError(f"{variant}: {where}.{variant}.{min(unknown)} in {TOP}: unknown key")
    if transferred and entry["from"] not in top["all"]:
        raise ConfigError(
            f"{variant}: transfers.{variant}.from in {TOP}: no variant {entry['from']!r}; "
            f"there are {', '.join(top['all'])}"
        )
    if type(top["seed"]) is not int or not 0 <= top["seed"] < 2**32:
        raise ConfigError(f"{variant}: seed in {TOP} must be a whole number from 0 to 2^32 - 1, not {top['seed']!r}")
    if not isinstance(top["profile"], str):
        raise ConfigError(f"{variant}: profile in {TOP} must be a name in {CONF}/profile, not {top['profile']!r}")
    entry_values = {"from": None, **entry, "profile": top["profile"], "seed": top["seed"]}
    return {**entry_values, "simulator": top["simulated"].get(variant)}


def _schema(variant: str, framework: str, task: str) -> tuple[ModuleType, ModuleType]:
    """Return a framework's package with the section model `Convert`, and the module with a task's `Model`, `Train`."""
    _member(slipway.frameworks, framework, f"{TOP}: {variant}.framework")
    schema = importlib.import_module(f"slipway.frameworks.{framework}.schema")
    return schema, _member(schema, task, f"{TOP}: {variant}.task, in framework {framework}")


def _member(package: ModuleType, name: str, where: str) -> ModuleType:
    """Import the module `name` of a package of tasks, frameworks, simulators or the tasks of a framework."""
    known = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    if name not in known:
        raise ConfigError(f"{where}: {name!r} is not one of {', '.join(known)}")
    return importlib.import_module(f"{package.__name__}.{name}")


def _compose(variant: str, profile: str, simulated: bool) -> tuple[dict[str, Any], dict[str, Path]]:
    """Return the composed values, and the conf/ file chosen for each group."""
    overrides = [f"variant={variant}", f"profile={profile}"]
    OmegaConf.register_new_resolver("by_profile", lambda choices: choices[profile], replace=True)
    OmegaConf.register_new_resolver("if_simulated", lambda value: value if simulated else None, replace=True)
    try:
        with hydra.initialize_config_dir(str(CONF.resolve()), version_base="1.3"):
            config = hydra.compose("config", overrides=overrides, return_hydra_config=True)
        choices = dict(config.hydra.runtime.choices)
        own = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
        values: dict[str, Any] = OmegaConf.to_container(own, resolve=True)  # type: ignore[assignment]
    except MissingConfigException as error:
        options = f"; it has {', '.join(error.options)}" if error.options else ""
        raise ConfigError(f"{variant}: {CONF}/{error.missing_cfg_file}.yaml: no such file{options}")
    except (HydraException, OmegaConfBaseException, yaml.YAMLError) as error:
        for path in sorted(CONF.rglob("*.yaml")):
            documents.check_no_conflict(path.read_bytes(), path.as_posix())
        raise ConfigError(f"{variant}: {' '.join(str(error).split())}".replace(f"{CONF.resolve()}/", f"{CONF}/"))
    del values["profile"]
    own_file = CONF / "variant" / f"{variant}.yaml"
    values = _emptied(values, documents.read_yaml(own_file)) if own_file.exists() else values
    groups = {group: CONF / f"{choice}.yaml" for group, choice in ((g, f"{g}/{c}") for g, c in choices.items())}
    return values, {group: path for group, path in groups.items() if path.exists()}


def _emptied(values: dict[str, Any], own: Any) -> dict[str, Any]:
    """Return the values without the content of mappings that the variant's file empties, as in `rules: {}`.

    Hydra merges mappings, so an empty one changes nothing.
    """
    if not isinstance(own, Mapping):
        return values
    found = dict(values)
    for key in found.keys() & own.keys():
        if own[key] == {}:
            found[key] = {}
        elif isinstance(found[key], dict):
            found[key] = _emptied(found[key], own[key])
    return found


def _validate(
    variant: str, values: Mapping[str, Any], sections: Mapping[str, type[Section]], files: Mapping[str, Path]
) -> dict[str, Any]:
    """Validate every section with its model, and return plain values with the defaults filled in."""
    if unknown := sorted(set(values) - set(sections) - OPTIONAL):
        place, known = _place(unknown[:1], files), ", ".join(sorted(sections))
        raise ConfigError(
            f"{variant}: {unknown[0]}: unknown section (value {values[unknown[0]]!r}) in {place}; known: {known}"
        )
    resolved: dict[str, Any] = dict.fromkeys(OPTIONAL)
    wrong: list[str] = []
    for name in sorted(sections):
        try:
            resolved[name] = sections[name].model_validate(values[name]).model_dump(mode="json")
        except ValidationError as error:
            wrong += [_wrong(variant, name, detail, sections[name], files) for detail in error.errors()]
    if wrong:
        raise ConfigError("\n".join(wrong))
    return resolved


def _wrong(variant: str, section: str, detail: Any, model: type[Section], files: Mapping[str, Path]) -> str:
    """Return one line for a pydantic error: variant, key, value, file."""
    path = [section, *(str(part) for part in detail["loc"])]
    key = ".".join(path)
    match detail["type"]:
        case "missing":
            return f"{variant}: {key}: missing; set it in {_place(path, files)}"
        case "extra_forbidden":
            known = f"; known: {', '.join(sorted(model.model_fields))}" if len(path) == 2 else ""
            return f"{variant}: {key}: unknown key (value {detail['input']!r}) in {_place(path, files)}{known}"
        case _:
            quote = detail["type"] == "string_type" and isinstance(detail["input"], bool | int | float | None)
            what = (
                ": text that YAML reads as something else (yes, no, on, null, 01) needs quotation marks"
                if quote
                else ""
            )
            return f"{variant}: {key}: {detail['msg']}, not {detail['input']!r}, in {_place(path, files)}{what}"


def _place(path: Sequence[str], files: Mapping[str, Path]) -> str:
    """Return where a key is set: `file:line`, or the variant's own file where no file sets it."""
    own = files["variant"]
    candidates = [(own, path), (files.get(path[0]), path[1:]), (CONF / "config.yaml", path)]
    for file, keys in candidates:
        if file is not None and keys and (line := _line(yaml.compose(file.read_text()), keys)):
            return f"{file}:{line}"
    return str(own)


def _line(node: yaml.Node | None, keys: Sequence[str]) -> int | None:
    """Return the line of a nested key, counted from 1, or None."""
    line = None
    for key in keys:
        if not isinstance(node, yaml.MappingNode):
            return None
        found = next(((k, v) for k, v in node.value if k.value == key), None)
        if found is None:
            return None
        line, node = found[0].start_mark.line + 1, found[1]
    return line


def _check_gate(variant: str, gate: Gate, task: Task, files: Mapping[str, Path]) -> None:
    """Raise ConfigError for rules on a metric, a class or a kind of group that the task does not have."""
    wrong = [
        f"{variant}: {'.'.join(('gate', *path))}: {what} in {_place(['gate', *path], files)}; {instead}"
        for path, what, instead in rules.refusals(gate, task.metrics, task.kinds, task.classes)
    ]
    if wrong:
        raise ConfigError("\n".join(wrong))


def _write(variant: str, resolved: Mapping[str, Any], files: Mapping[str, Path]) -> None:
    """Write the file; raise ConfigError where the existing one was edited by hand."""
    path = PARAMS / f"{variant}.yaml"
    body = yaml.safe_dump(dict(resolved), sort_keys=True, allow_unicode=True, width=120)
    if path.exists():
        documents.check_no_conflict(path.read_bytes(), path.as_posix())
        _, _, rest = path.read_text().partition("\n")
        digest, _, old = rest.partition("\n")
        if digest != _digest(old):
            raise ConfigError(_edited(path, old, resolved, files))
    title = f"# What {variant} resolved to. Written by the compose stage: change {files['variant']}, not this file."
    atomic.write_text(path, f"{title}\n{_digest(body)}\n{body}")


def _digest(body: str) -> str:
    return f"# sha256: {hashlib.sha256(body.encode()).hexdigest()}"


def _edited(path: Path, old: str, resolved: Mapping[str, Any], files: Mapping[str, Path]) -> str:
    """Return the message for a file edited by hand: the keys that differ, and where to set each of them."""
    variant = path.stem
    undo = f"then delete {path} and run `dvc repro compose@{variant}`"
    try:
        before, now = dict(_leaves(yaml.safe_load(old))), dict(_leaves(resolved))
    except (yaml.YAMLError, AttributeError):
        return f"{variant}: {path} was edited by hand and is no longer YAML; change {files['variant']} instead, {undo}"
    changed = [key for key in sorted(before.keys() | now.keys()) if before.get(key) != now.get(key)]
    lines = [
        f"{'.'.join(key)}: {before.get(key)!r} (set in {_place(key, files)} to {now.get(key)!r})" for key in changed
    ]
    what = "; ".join(lines) or "a comment or the layout only"
    return f"{variant}: {path} was edited by hand: {what}; change the conf/ file instead, {undo}"


def _leaves(values: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield each nested value with its key path."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*above, str(key)))
        else:
            yield (*above, str(key)), value


if __name__ == "__main__":
    run(compose)
