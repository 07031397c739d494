"""Which repository a server reads, and where it keeps what it fetches."""

from pathlib import Path

import pytest

from slipway.core.errors import ConfigError
from slipway.serving import repository


@pytest.mark.parametrize(
    ("name", "elsewhere"),
    [
        ("https://git.example.org/team/models.git", True),
        ("file:///srv/models.git", True),
        ("git@git.example.org:team/models.git", True),
        (".", False),
        ("/srv/models", False),
        ("team@home/models", False),
    ],
)
def test_a_url_and_a_host_with_a_user_are_addresses_all_else_is_a_path(name: str, elsewhere: bool) -> None:
    assert repository.is_address(name) is elsewhere


def test_the_folder_is_named_by_the_repository_without_its_secrets() -> None:
    first = repository.folder_of("https://ann:secret-4711@git.example.org/team/models.git")
    assert first.startswith("models-")
    assert "secret" not in first and "ann" not in first
    assert first != repository.folder_of("https://git.example.org/other/models.git")
    assert first == repository.folder_of("https://ann:secret-4711@git.example.org/team/models.git")
    assert repository.folder_of("/").startswith("repository-")


def test_a_folder_without_dvc_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not the root of a repository with DVC"):
        repository.prepare(str(tmp_path), tmp_path / "cache")
