"""Fixtures of all tests: a scratch copy of the repository, the real recordings if present, and hashes of files."""

import gc
import hashlib
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

import smoke

ROOT = Path(__file__).resolve().parents[1]
PROCESSES = ROOT / "tests" / "processes"
"""The folder on PYTHONPATH of all processes that tests start."""

# A test must not fail because the machine is busy, and tries the same examples every time, so that a failure comes from
# a change. The long random searches are in benchmarks/.
settings.register_profile("slipway", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("slipway")


@pytest.fixture(scope="session", autouse=True)
def _environment(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Set the author of Git, put the environment's commands on PATH, and use only servers of this machine."""
    home = tmp_path_factory.mktemp("home")
    os.environ |= {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(filter(None, (str(PROCESSES), os.environ.get("PYTHONPATH")))),
        "GIT_CONFIG_GLOBAL": str(home / ".gitconfig"),
        "GIT_AUTHOR_NAME": "Tester",
        "GIT_AUTHOR_EMAIL": "tester@example.org",
        "GIT_COMMITTER_NAME": "Tester",
        "GIT_COMMITTER_EMAIL": "tester@example.org",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }
    os.environ.pop("MLFLOW_TRACKING_URI", None)


LONGEST = (
    "tests/test_walk.py",
    "tests/test_workflows.py",
    "tests/test_add_a_task.py",
    "tests/test_experiments.py",
    "tests/test_repeatability.py",
)
"""The files with the longest tests of the smoke build, longest first."""


class Scheduler(LoadFileScheduling):
    """Distributes tests by file, and those of the files in `LONGEST` one by one, so that no process waits long."""

    def _split_scope(self, nodeid: str) -> str:
        file, _, _ = nodeid.partition("::")
        return nodeid if file in LONGEST else super()._split_scope(nodeid)


@pytest.hookimpl(optionalhook=True)  # pytest-xdist can be turned off
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduler:
    return Scheduler(config, log)


def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    """Mark the tests of the smoke build as `build`. test_pipeline.py, which builds it, runs first, other users last."""
    for item in items:
        if "smoke_build" in item.fixturenames:
            item.add_marker("build")
    waiting = {item.path for item in items if "smoke_build" in item.fixturenames}

    def order(item: pytest.Function) -> tuple[bool, bool, int]:
        name = item.nodeid.partition("::")[0]
        return (
            name != "tests/test_pipeline.py",
            item.path in waiting,
            LONGEST.index(name) if name in LONGEST else len(LONGEST),
        )

    items.sort(key=order)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for garbage only when all tests are collected, and not among the objects of the modules imported so far."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(20_000, 20, 20)
        gc.enable()


def copy_repository(to: Path) -> Path:
    """Copy the working tree, as Git would commit it, into a new repository with one commit."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in listed.stdout.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)
    for command in ("git init -q -b main", "git add -A", "git commit -q -m start", "git repack -adq"):
        subprocess.run(command.split(), cwd=to, check=True)
    return to


def duplicate(folder: Path, to: Path) -> Path:
    """Copy a folder; read-only files, as Git and DVC store contents, become hard links, because nobody changes them."""

    def copy_file(source: str, target: str) -> str:
        if Path(source).stat().st_mode & stat.S_IWUSR:
            return shutil.copy2(source, target)
        os.link(source, target)
        return target

    return Path(shutil.copytree(folder, to, symlinks=True, copy_function=copy_file))


def fingerprints(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file by its path in the folder."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="session")
def _committed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scratch copy of the repository that the tests copy again, which is quicker than a new repository for each."""
    return copy_repository(tmp_path_factory.mktemp("committed") / "repository")


@pytest.fixture
def repository(_committed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A scratch copy of the repository, which is the working directory of the test."""
    root = duplicate(_committed, tmp_path / "repository")
    monkeypatch.chdir(root)
    return root


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of real recordings, from the environment variable SLIPWAY_SHARED."""
    folder = Path(os.environ.get("SLIPWAY_SHARED", ROOT.parent / "shared")) / "data"
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent: set SLIPWAY_SHARED to the folder that holds data/ with the real recordings")
    return folder


@pytest.fixture(scope="session")
def smoke_build(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Path:
    """A folder with `repository`, built in profile smoke, and its copy `untouched`; one process builds, others wait."""
    assert pytestconfig.option.markexpr != "not build", (
        "this test needs the mark `build`: it gets a fixture by its name"
    )
    base = tmp_path_factory.getbasetemp()
    place = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "smoke"
    with FileLock(f"{place}.lock"):
        if not (place / "done").exists():
            shutil.rmtree(place, ignore_errors=True)
            smoke.build(copy_repository(place / "repository"))
            duplicate(place / "repository", place / "untouched")
            (place / "done").touch()
    return place


@pytest.fixture(scope="session")
def built(smoke_build: Path) -> Path:
    """The smoke build, for reading only."""
    return smoke_build / "repository"


@pytest.fixture
def copy(smoke_build: Path, tmp_path: Path) -> Path:
    """A copy of the smoke build to change; made from `untouched`, because another process may run DVC in `built`."""
    return duplicate(smoke_build / "untouched", tmp_path / "copy")
