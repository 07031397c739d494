"""Units stand in logs under salted hashes."""

import stat
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from slipway.core.errors import ConfigError
from slipway.traffic.units import Units


def name(folder: Path) -> str:
    return Units(folder).name("user-1")


def test_a_unit_has_one_name_in_a_folder_and_another_in_another_folder(tmp_path: Path) -> None:
    first = Units(tmp_path / "a")
    assert first.name("user-1") == Units(tmp_path / "a").name("user-1") != first.name("user-2")
    assert first.name("user-1") != Units(tmp_path / "b").name("user-1")
    assert "user" not in first.name("user-1")


def test_the_salt_is_for_its_owner_and_processes_that_begin_at_once_use_one(tmp_path: Path) -> None:
    with ProcessPoolExecutor(4) as pool:
        names = set(pool.map(name, [tmp_path / "logs"] * 16))
    assert len(names) == 1
    (salt,) = (tmp_path / "logs").iterdir()
    assert stat.S_IMODE(salt.stat().st_mode) == 0o600


def test_a_damaged_salt_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "salt").write_bytes(b"short")
    with pytest.raises(ConfigError, match="5 bytes instead of 32; restore it"):
        Units(tmp_path)
