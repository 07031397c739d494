"""The stage graph: a stage runs again if and only if the code that it runs has changed."""

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from slipway.core import source
from slipway.stages import code

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src"
MODULE = {"transfer": "train"}
"""The module of a stage with a different name."""
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text())


def stages() -> Iterator[tuple[str, str, list[str]]]:
    """Yield name, variant and code digests among the parameters of every stage of every variant, as resolved by DVC."""
    from dvc.repo import Repo

    with Repo(str(ROOT)) as repo:
        for stage in repo.index.stages:
            if stage.name and "@" in stage.name:
                name, variant = stage.name.split("@")
                read = [key for dep in stage.params for key in dep.params if dep.def_path == "params/code.yaml"]
                yield MODULE.get(name, name), variant, read


def test_every_stage_has_the_digest_of_the_code_that_it_runs_among_its_parameters() -> None:
    digests = code.digests()
    for name, variant, read in stages():
        (key,) = read
        found = digests
        for part in key.split("."):
            found = found[part]
        facts = PARAMS["all"][variant] | {"simulator": PARAMS["simulated"].get(variant)}
        assert name == "compose" or found == source.digest(code.roots(name, **facts)), f"{name}@{variant} reads {key}"


def test_the_code_stage_depends_on_exactly_the_folders_of_the_code_that_stages_run() -> None:
    deps = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]["code"]["deps"]
    facts = [
        entry | {"simulator": simulator}
        for entry in PARAMS["all"].values()
        for simulator in set(PARAMS["simulated"].values())
    ]
    roots = {root for stage in code.LOADS for one in facts for root in code.roots(stage, **one)}
    run = {
        path.relative_to(ROOT)
        for path in source.files(roots)
        if path.suffix != ".py" or source.statements(path.read_text())
    }
    folders = {Path(dep): [path for path in run if path.is_relative_to(dep)] for dep in deps}
    assert not run - {path for paths in folders.values() for path in paths}
    assert not [str(folder) for folder, paths in folders.items() if not paths]


def test_a_change_of_scoring_retrains_nothing() -> None:
    scoring = ("core/metric.py", "core/protocol.py", "gate/", "metrics/", "release/", "statistics/", "tasks/")
    fitted = {"statistics/__init__.py", "statistics/conformal.py"}  # how far quantiles are shifted is part of the trees
    for facts in PARAMS["all"].values():
        run = [
            str(path.relative_to(SOURCE / "slipway"))
            for path in source.files(code.roots("train", **facts))
            if path.is_relative_to(SOURCE / "slipway")
        ]
        assert not [path for path in run if path.startswith(scoring) and path not in fitted]


def test_every_section_that_a_stage_reads_is_among_its_parameters() -> None:
    """`values["train"]` in a stage's module needs `train` among the params of that stage."""
    graph = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    for name, definition in graph.items():
        if name == "code":
            continue
        body = definition["do"]
        declared = {
            section
            for entry in body["params"]
            if isinstance(entry, dict)
            for section in entry.get("params/${key}.yaml", [])
        }
        if name == "compose" or "params/${key}.yaml" in body.get("deps", []):
            continue
        module = MODULE.get(name, name).replace("-", "_")
        tree = ast.parse((SOURCE / f"slipway/stages/{module}.py").read_text())
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
    variants = PARAMS["all"]
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


def test_the_commit_matches_the_build() -> None:
    """dvc.lock matches the committed code, parameters and reports; only files that are not in Git may be missing."""
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
    assert not modified, "run `make repro` and commit the result; changed since dvc.lock:\n" + "\n".join(modified)
