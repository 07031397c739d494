"""The stage graph: every stage depends on all the code that it runs, and on no other."""

import ast
import functools
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grimp
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
SOURCES = {"slipway": ROOT / "src", "slipway_edge": ROOT / "edge" / "src"}
MODULES = {
    "compose": [
        "slipway.tasks.{task}",
        "slipway.frameworks.{framework}.schema.{task}",
        "slipway.simulators.{simulator}",
    ],
    "simulate": ["slipway.simulators.{simulator}"],
    "prepare": ["slipway.tasks.{task}"],
    "train": [
        "slipway.frameworks.{framework}.schema.{task}",
        "slipway.frameworks.{framework}.objectives.{task}",
        "slipway.frameworks.{framework}.training",
        "slipway.frameworks.{framework}.native",
    ],
    "evaluate": ["slipway.tasks.{task}", "slipway.frameworks.{framework}.native"],
    "convert-tflite": [
        "slipway.tasks.{task}",
        "slipway.frameworks.{framework}.native",
        "slipway.frameworks.{framework}.conversion",
    ],
    "benchmark": ["slipway.frameworks.{framework}.native", "slipway_edge.interpreter"],
    "register": ["slipway.tasks.{task}"],
}
"""What each stage imports by a name that it makes up, beside its own import statements. That this is all is shown in
test_pipeline.py, by what the stages had imported when they ended."""
SHARED = [
    "src/slipway/data/readers",
    "src/slipway/metrics",
    *(f"edge/src/slipway_edge/{name}.py" for name in ("boxes", "classes", "fields", "pictures", "sound", "tables")),
]
"""What several tasks share and some do not use, a dependency of all of them: DVC has no way to tell them apart."""
WHOLE = {
    "compose": ["src/slipway/simulators", *SHARED],
    "prepare": SHARED,
    "train": ["src/slipway/frameworks"],
    "evaluate": SHARED,
    "convert-tflite": SHARED,
    "register": SHARED,
}
"""Where a stage may depend on more than it runs: compose checks the section of whichever simulator a variant has, and
the objectives of a framework share its training."""
MODULE = {"transfer": "train"}
"""The module of a stage that does not bear its name."""


@functools.cache
def imports() -> grimp.ImportGraph:
    return grimp.build_graph(*SOURCES, cache_dir=None)


def path_of(module: str) -> Path:
    base = SOURCES[module.partition(".")[0]] / module.replace(".", "/")
    return base / "__init__.py" if base.is_dir() else base.with_suffix(".py")


def runs_code(path: Path) -> bool:
    """Whether a file has more than a docstring."""
    return any(not isinstance(node, ast.Expr) for node in ast.parse(path.read_text()).body)


def closure(roots: list[str]) -> set[str]:
    """Files of all modules behind `roots`, packages above them included, as paths from the repository's root."""
    modules = set(roots)
    for root in roots:
        modules |= imports().find_upstream_modules(root)
    for module in list(modules):
        parts = module.split(".")
        modules |= {".".join(parts[:length]) for length in range(1, len(parts))}
    return {str(path.relative_to(ROOT)) for path in map(path_of, modules) if runs_code(path)}


def stages() -> Iterator[tuple[str, str, list[str]]]:
    """Name, variant and code dependencies of every stage of every variant, as DVC resolves them."""
    from dvc.repo import Repo

    with Repo(str(ROOT)) as repo:
        for stage in repo.index.stages:
            if stage.name:
                name, variant = stage.name.split("@")
                deps = [dep.def_path for dep in stage.deps if dep.def_path.startswith(("src/", "edge/src/"))]
                yield MODULE.get(name, name), variant, deps


def code(dep: str) -> str:
    """The module beside a template, which renders it (`card.py` of `card.md.jinja`); anything else as it is."""
    return str(Path(dep).with_name(f"{Path(dep).name.partition('.')[0]}.py")) if dep.endswith(".jinja") else dep


def covered(path: str, deps: list[str]) -> bool:
    return any(path == dep or path.startswith(f"{dep}/") for dep in deps)


@functools.cache
def expected(name: str, variant: str) -> frozenset[str]:
    params: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text())
    facts = params["all"][variant] | {"simulator": params["simulated"].get(variant)}
    roots = [module.format(**facts) for module in MODULES[name]]
    return frozenset(closure([f"slipway.stages.{name.replace('-', '_')}", *roots]))


def test_every_stage_depends_on_all_the_code_that_it_runs() -> None:
    missing = [
        f"{name}@{variant}: {path}"
        for name, variant, deps in stages()
        for path in sorted(expected(name, variant))
        if not covered(path, deps)
    ]
    assert not missing, "dvc.yaml leaves out code that a stage runs:\n" + "\n".join(missing)


def test_no_stage_depends_on_code_that_it_does_not_run() -> None:
    needless = [
        f"{name}@{variant}: {dep}"
        for name, variant, deps in stages()
        for dep in deps
        if not any(covered(path, [code(dep)]) for path in expected(name, variant))
        and not any(covered(dep, [whole]) for whole in WHOLE.get(name, []))
    ]
    assert not needless, "dvc.yaml names code that a stage does not run:\n" + "\n".join(needless)


def test_folders_named_as_dependencies_hold_only_code_that_the_stage_runs() -> None:
    needless = [
        f"{name}@{variant}: {path.relative_to(ROOT)}"
        for name, variant, deps in stages()
        for dep in deps
        for path in sorted((ROOT / dep).rglob("*.py"))
        if (ROOT / dep).is_dir()
        and runs_code(path)
        and str(path.relative_to(ROOT)) not in expected(name, variant)
        and not any(covered(dep, [whole]) for whole in WHOLE.get(name, []))
    ]
    assert not needless, "a folder in dvc.yaml brings code that the stage does not run:\n" + "\n".join(needless)


def test_every_section_that_a_stage_reads_is_among_its_parameters() -> None:
    """`values["train"]` in a stage's module needs `train` among the params of that stage."""
    graph = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    for name, definition in graph.items():
        body = definition["do"]
        declared = {
            section
            for entry in body.get("params", [])
            if isinstance(entry, dict)
            for sections in entry.values()
            for section in sections
        }
        if name == "compose" or "params/${key}.yaml" in body["deps"]:
            continue
        module = MODULE.get(name, name).replace("-", "_")
        tree = ast.parse((SOURCES["slipway"] / f"slipway/stages/{module}.py").read_text())
        read = {
            node.slice.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Subscript)
            and isinstance(node.value, ast.Name)
            and node.value.id == "values"
            and isinstance(node.slice, ast.Constant)
        }
        looped = {
            constant.value
            for node in ast.walk(tree)
            if isinstance(node, ast.comprehension) and isinstance(node.iter, ast.Tuple)
            for constant in node.iter.elts
            if isinstance(constant, ast.Constant) and isinstance(constant.value, str)
        }
        assert read <= declared, f"{name} reads {sorted(read - declared)} and does not declare it"
        assert declared <= read | looped, f"{name} declares {sorted(declared - read - looped)} and does not read it"


def test_dvc_knows_the_model_of_every_variant_by_name() -> None:
    artifacts = yaml.safe_load((ROOT / "dvc.yaml").read_text())["artifacts"]
    variants = yaml.safe_load((ROOT / "params.yaml").read_text())["all"]
    assert {name: one["path"] for name, one in artifacts.items()} == {
        variant: f"models/{variant}/model.tflite" for variant in variants
    }


def test_imports_run_one_way() -> None:
    done = subprocess.run(["lint-imports", "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("command", [["ruff", "format", "--check", "."], ["ruff", "check", "."], ["mypy"]])
def test_the_code_is_clean(command: list[str]) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_is_committed_is_what_is_built() -> None:
    """dvc.lock agrees with the code, the parameters and the reports beside it; only what Git does not keep may lack."""
    from dvc.repo import Repo

    with Repo(str(ROOT)) as repo:
        status = repo.status()
    modified = sorted(
        f"{stage}: {path}"
        for stage, changes in status.items()
        for change in changes
        if isinstance(change, dict)
        for paths in change.values()
        if isinstance(paths, dict)
        for path, what in paths.items()
        if what == "modified" or isinstance(what, dict)
    )
    assert not modified, "run `make repro` and commit what it wrote; changed since dvc.lock:\n" + "\n".join(modified)
