"""The names under which units stand in logs: salted hashes, so that a log shows no user or device.

A unit is who asks: a user, a device. The same unit has the same name in all logs of a folder, so that what it did can
be put together; without the salt of this folder nobody can find the name of a given unit.
"""

import hashlib
import hmac
import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from slipway.core.errors import ConfigError

FILE = "salt"
SIZE = 32
"""Bytes of the salt."""


class Units:
    """Gives units their names, with the salt in a folder, which is made if it is not there.

    Raises:
        ConfigError: the file with the salt is damaged.
        OSError: it cannot be read or written.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / FILE
        if not path.exists():
            _make(path)
        self._salt = path.read_bytes()
        if len(self._salt) != SIZE:
            raise ConfigError(
                f"{path}: {len(self._salt)} bytes instead of {SIZE}; restore it, or move the folder away to begin new "
                "logs, in which units have other names"
            )

    def name(self, unit: str) -> str:
        """Return the name of a unit: 128 bits of its HMAC-SHA-256, in hexadecimal."""
        return hmac.digest(self._salt, unit.encode(), hashlib.sha256)[:16].hex()


def _make(path: Path) -> None:
    """Write a new salt, unless another process was quicker."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file, temporary = tempfile.mkstemp(prefix=f".{FILE}.", dir=path.parent)  # for its owner only
    try:
        with os.fdopen(file, "wb") as written:
            written.write(secrets.token_bytes(SIZE))
        with suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        Path(temporary).unlink()
