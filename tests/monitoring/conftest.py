"""A repository with versions in use."""

from pathlib import Path

import pytest

from monitoring import use


@pytest.fixture(scope="session")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository of `use`, for reading only."""
    root = tmp_path_factory.mktemp("monitoring") / "repository"
    use.built(root)
    return root
