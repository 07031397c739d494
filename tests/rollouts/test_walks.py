"""Whatever happens in whichever order: shares, units, exposures and rollbacks are as they must be."""

import shutil
from pathlib import Path

import pytest

from rollouts.walks import prepared, walk


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("walks") / "repository"
    prepared(root)
    return root


def test_random_walks(ready: Path, tmp_path: Path) -> None:
    written = 0
    for seed in range(6):
        folder = tmp_path / str(seed)
        folder.mkdir()
        written += walk(ready, folder, seed, length=12)
        shutil.rmtree(folder)
    assert written > 6  # they do more than begin
