"""The repository of `house`, built once."""

import shutil
from pathlib import Path

import pytest

from ensembles import house


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository, for reading only."""
    root = tmp_path_factory.mktemp("ensembles") / "repository"
    root.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        house.built()
    return root


@pytest.fixture
def root(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, which is the working folder of the test."""
    root = Path(shutil.copytree(whole, tmp_path / "repository"))
    monkeypatch.chdir(root)
    return root
