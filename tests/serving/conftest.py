"""A repository with models in production, and a server for the tests that do not change it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from serving import house
from serving.process import Server, serving


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository of `house`, for reading only."""
    root = tmp_path_factory.mktemp("serving") / "repository"
    house.built(root)
    return root


@pytest.fixture(scope="session")
def server(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of `built`."""
    with serving(built, tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def root(built: Path, tmp_path: Path) -> Path:
    """A copy of the repository, without the logs of other servers, for one test."""
    return Path(shutil.copytree(built, tmp_path / "repository", ignore=shutil.ignore_patterns("logs")))
