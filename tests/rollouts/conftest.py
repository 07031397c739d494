"""A repository with a version in production, and one that is sound and one that is faulty."""

from pathlib import Path

import pytest

from rollouts import house


@pytest.fixture(scope="session")
def rolled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository of `house` with v1.0.0 in production, v2.0.0 sound and v3.0.0 faulty, for reading only."""
    root = tmp_path_factory.mktemp("rollouts") / "repository"
    house.built(root, False, True)
    return root


@pytest.fixture
def root(rolled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the repository and its DVC remote for one test, and the working folder."""
    root = house.copied(rolled, tmp_path)
    monkeypatch.chdir(root)
    return root
