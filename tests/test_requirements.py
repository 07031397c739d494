"""The locks in requirements/, one per purpose: their pins, and that they cover the imports of the purpose's code."""

import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import grimp
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
LOCKS = sorted((ROOT / "requirements").glob("*.lock"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS = PROJECT["project"]["optional-dependencies"]
DEVICE = tomllib.loads((ROOT / "edge" / "pyproject.toml").read_text())["project"]
MACHINES = [
    {"python_version": python, "python_full_version": f"{python}.{patch}", "sys_platform": system}
    for python, patch in (("3.11", 4), ("3.11", 7), ("3.12", 1), ("3.13", 0))
    for system in ("linux", "darwin", "win32")
]
CODE = {
    "edge": ["slipway_edge"],
    "registry": ["slipway.cli.app", "slipway.tasks"],
    "serve": ["slipway.cli.app", "slipway.tasks", "slipway.serving"],
    "build": ["slipway"],
}
"""Packages that run in an environment, with their imports. Tasks are imported by the name in a record."""
SERVER = "slipway.serving"
"""What `slipway serve` and `slipway token` import when they run; other commands do without it."""
NEVER = {"catboost", "keras", "tensorboard", "tensorflow"}
"""Packages that only a build needs."""
DEVICES_LACK = {"dvc", "pandas", "pandera", "pyarrow", "pydantic", "pyyaml"}
"""Packages that no device needs."""

each_lock = pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)


def entries(lock: Path) -> Iterator[tuple[Requirement, list[str]]]:
    """Yield each pinned requirement with the lines that follow it."""
    for entry in re.split(r"\n(?=\S)", lock.read_text().strip()):
        first, *rest = (line.strip().removesuffix("\\").strip() for line in entry.splitlines())
        yield Requirement(first), rest


def pins(lock: Path, machine: dict[str, str] | None = None) -> dict[str, str]:
    """Return the version of each package, on one machine or on any."""
    found = [one for one, _ in entries(lock) if machine is None or one.marker is None or one.marker.evaluate(machine)]
    return {canonicalize_name(one.name): str(one.specifier) for one in found}


def declared(purpose: str) -> Iterator[Requirement]:
    """Yield the requirements of a purpose in pyproject.toml, also those of the extras that it includes."""
    yield from map(Requirement, DEVICE["dependencies"])
    for wanted in DEVICE["optional-dependencies"].values():
        yield from map(Requirement, wanted)
    if purpose == "edge":
        return
    yield from (one for one in map(Requirement, PROJECT["project"]["dependencies"]) if one.name != "slipway-edge")
    for one in map(Requirement, EXTRAS.get(purpose, [])):
        if one.name == "slipway":
            for other in one.extras:
                yield from declared(other)
        else:
            yield one


def test_each_purpose_has_a_lock() -> None:
    assert [lock.stem for lock in LOCKS] == sorted({"edge", *EXTRAS})


@each_lock
def test_a_lock_pins_each_file_by_its_hash_without_a_url(lock: Path) -> None:
    assert "://" not in lock.read_text()
    for requirement, hashes in entries(lock):
        assert re.fullmatch(r"==[^,*]+", str(requirement.specifier)), requirement
        assert hashes and all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", one) for one in hashes), requirement


@each_lock
def test_all_locks_agree_on_every_machine(lock: Path) -> None:
    """Several purposes can share an environment, in any order of installation."""
    for machine in MACHINES:
        assert pins(lock, machine).items() <= pins(ROOT / "requirements" / "dev.lock", machine).items(), machine


@each_lock
def test_a_lock_satisfies_pyproject(lock: Path) -> None:
    pinned = pins(lock, MACHINES[0])
    for one in declared(lock.stem):
        version = pinned[canonicalize_name(one.name)].removeprefix("==")
        assert one.specifier.contains(version), f"{one} is required, but {lock.name} has {version}: run `make lock`"


@pytest.mark.parametrize("purpose", CODE)
def test_the_lock_of_a_purpose_has_the_imports_of_its_code(purpose: str) -> None:
    graph = grimp.build_graph("slipway", "slipway_edge", include_external_packages=True, cache_dir=None)
    if SERVER not in CODE[purpose]:
        for module in [name for name in graph.modules if f"{name}.".startswith(f"{SERVER}.")]:
            graph.remove_module(module)
    own = {name for name in graph.modules if any(f"{name}.".startswith(f"{root}.") for root in CODE[purpose])}
    reached = own.union(*map(graph.find_upstream_modules, own))
    others = {name for name in reached if not name.startswith("slipway") and name not in sys.stdlib_module_names}
    names = packages_distributions()
    imported = {frozenset(map(canonicalize_name, names[name])) for name in others}
    pinned = pins(ROOT / "requirements" / f"{purpose}.lock")
    assert len(imported) > 5
    assert not [sorted(one) for one in imported if not one & pinned.keys()]
    if purpose != "build":
        assert not [sorted(one) for one in imported if one & NEVER]


@pytest.mark.parametrize("purpose", ["edge", "registry", "serve"])
def test_packages_of_a_build_are_in_no_other_lock(purpose: str) -> None:
    assert not NEVER & pins(ROOT / "requirements" / f"{purpose}.lock").keys()


def test_a_device_gets_no_packages_of_the_pipeline() -> None:
    assert not DEVICES_LACK & pins(ROOT / "requirements" / "edge.lock").keys()


def test_both_packages_have_one_version_and_slipway_requires_all_extras_of_the_other() -> None:
    assert DEVICE["version"] == PROJECT["project"]["version"]
    required = next(one for one in map(Requirement, PROJECT["project"]["dependencies"]) if one.name == "slipway-edge")
    assert required.extras == set(DEVICE["optional-dependencies"])
