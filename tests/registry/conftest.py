"""A built repository, of which each test gets a copy, and an MLflow server."""

import contextlib
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import servers
from registry import house
from slipway.registry import registration


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the repository that house.py builds."""
    folder = tmp_path_factory.mktemp("house")
    house.build(folder / "repository")
    return folder


@pytest.fixture(scope="session")
def commits(built: Path) -> Mapping[str, str]:
    return json.loads((built / "commits.json").read_text())


@pytest.fixture
def root(request: pytest.FixtureRequest, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the built repository as the working folder; tests share its remote and must not write to it.

    It has versions if the test uses `versions`.
    """
    registered = "versions" in request.fixturenames
    source: Path = request.getfixturevalue("registered")[0] if registered else built / "repository"
    copy = Path(shutil.copytree(source, tmp_path / "repository", symlinks=True))
    monkeypatch.chdir(copy)
    return copy


@pytest.fixture(scope="session")
def registered(built: Path, commits: Mapping[str, str]) -> tuple[Path, Mapping[str, str]]:
    """A copy in which every commit is a version of base-ad-detector, and the versions by commit name."""
    copy = built / "registered"
    shutil.copytree(built / "repository", copy, symlinks=True)
    with contextlib.chdir(copy):
        done = {name: registration.register("base-ad-detector", revision=commit) for name, commit in commits.items()}
    return copy, {name: one.version for name, one in done.items()}


@pytest.fixture
def versions(registered: tuple[Path, Mapping[str, str]], root: Path) -> Mapping[str, str]:
    """The versions of `registered`, in the working folder of the test."""
    return registered[1]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an MLflow server with SQLite."""
    with servers.mlflow(tmp_path_factory.mktemp("server")) as address:
        yield address
