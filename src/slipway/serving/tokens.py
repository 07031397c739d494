"""Tokens: who may call the server, for what, until when and how often. They live in one file, as hashes.

`slipway token` writes the file and prints each token once; a server reads it and looks again when it changes, so a new,
rotated or revoked token takes effect within `LOOKED_AT_EVERY` seconds, without a restart.

A token is 256 random bits, and the file keeps its SHA-256. Hashes for passwords (scrypt, Argon2) are slow on purpose,
because people choose passwords that can be guessed. Nobody guesses 256 random bits, at whatever speed, so a fast hash
hides a token as well as a slow one would, and takes less than a microsecond of each request. A salt would add nothing
either: no two tokens are equal.
"""

import hashlib
import hmac
import logging
import os
import re
import secrets
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from filelock import FileLock
from pydantic import AwareDatetime, BaseModel, Field

from slipway.core import atomic, documents
from slipway.core.errors import ConfigError, MalformedError, RegistryError
from slipway.records.release import SHA256, validated
from slipway.records.verdict import STRICT
from slipway.registry import git

FILE = Path(".slipway/tokens.json")
"""Where the tokens are, unless an option says otherwise. Git ignores the file."""
Scope = Literal["predict", "read", "outcome", "promote", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
"""What a token may do. They are independent of one another, except that `admin` includes all."""
PREFIX = "slipway_"
"""Every token begins with this, so that a program that searches for secrets finds one."""
FORM = re.compile(PREFIX + "[A-Za-z0-9_-]{43}")
LOOKED_AT_EVERY = 1.0
"""Seconds between two looks at the file."""
NAME = r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$"
RATE = r"^[1-9][0-9]{0,6}/(s|min|h)$"
_SECONDS = {"s": 1, "min": 60, "h": 3600}
_log = logging.getLogger("slipway.serving")


class Token(BaseModel):
    """A token without its secret.

    `sha256` is the hash of the whole token. `rate` is a number of requests in a second, a minute or an hour, such as
    `600/min`. A token that was rotated with an overlap is there twice under one name.
    """

    model_config = STRICT

    name: Annotated[str, Field(pattern=NAME)]
    sha256: SHA256
    scopes: Annotated[tuple[Scope, ...], Field(min_length=1)]
    created: AwareDatetime
    expires: AwareDatetime | None = None
    rate: Annotated[str, Field(pattern=RATE)] | None = None

    def has_expired(self, now: float) -> bool:
        """Whether it is no longer valid at this time, in seconds since 1970."""
        return self.expires is not None and now >= self.expires.timestamp()

    def may(self, *scopes: str) -> bool:
        """Whether it has one of these scopes."""
        return "admin" in self.scopes or not set(scopes).isdisjoint(self.scopes)


class _Document(BaseModel):
    model_config = STRICT

    tokens: tuple[Token, ...]


class Tokens:
    """The tokens of a file, as they are now.

    `problem` says why the file could not be read when it last changed, None if it could. Until it is mended, the tokens
    that were read before stay valid. `required` is whether a request needs a token. It stays true once there has been a
    token: a file that is deleted locks everyone out, and lets nobody in.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problem: str | None = None
        self._signature: tuple[int, ...] | None = _signature(path)
        self._known = _by_digest(read(path))
        self.required = bool(self._known)
        self._look_at = time.monotonic() + LOOKED_AT_EVERY

    def find(self, secret: bytes) -> Token | None:
        """Return the token that a caller sent, also if it has expired; None if it was not one when last looked.

        The table is keyed by hashes. The time that a look-up takes could at most tell about the hash of what the caller
        sent, which he knows. The last comparison takes the same time wherever two hashes differ.
        """
        digest = hashlib.sha256(secret).digest()
        known, token = self._known.get(digest, (b"", None))
        return token if hmac.compare_digest(known, digest) else None

    def refresh(self) -> None:
        """Read the file again if it has changed. At most every `LOOKED_AT_EVERY` seconds it is looked at."""
        now = time.monotonic()
        if now < self._look_at:
            return
        self._look_at = now + LOOKED_AT_EVERY
        signature = _signature(self.path)
        if signature == self._signature:
            return
        try:
            self._known = _by_digest(read(self.path))
        except ConfigError as error:
            if self.problem != str(error):
                _log.error("%s. The tokens that were read before stay valid", error)
            self.problem, self._signature = str(error), ()  # which no file has: it is read again at the next look
            return
        self.problem, self._signature = None, signature
        self.required = self.required or bool(self._known)


def read(path: Path) -> tuple[Token, ...]:
    """Return the tokens in a file, without any if there is no file.

    Raises:
        ConfigError: it cannot be read, someone else may write it, be it by a push, or it does not have the form that
            `slipway token` writes.
    """
    try:
        content = _content(path)
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}; make it a file of who runs slipway")
    if _is_tracked(path):
        raise ConfigError(
            f"{path} is tracked by Git, so whoever can push could give themselves any scope: run git rm --cached "
            f"{path}, commit that, and create the tokens again with `slipway token create`"
        )
    try:
        documents.strict_json(content, path.as_posix())
        tokens = validated(_Document, content, path.as_posix()).tokens
    except MalformedError as error:
        raise ConfigError(f"{error}; restore it, or remove it and create the tokens again with `slipway token create`")
    if len({one.sha256 for one in tokens}) < len(tokens):
        raise ConfigError(f"{path}: a token is there twice; revoke one of the names with `slipway token revoke`")
    return tokens


def create(
    path: Path, name: str, scopes: Sequence[Scope], expires: datetime | None = None, rate: str | None = None
) -> str:
    """Add a token to the file and return it. It cannot be read again later.

    Raises:
        ConfigError: the name is taken, or there is a mistake in a value or in the file.
    """
    with _changed(path) as tokens:
        if any(one.name == name for one in tokens):
            raise ConfigError(
                f"{name} is there already; `slipway token rotate {name}` replaces it, `slipway token revoke {name}` "
                "removes it"
            )
        secret, token = _make(name, scopes, expires, rate)
        tokens.append(token)
    return secret


def rotate(path: Path, name: str, until: datetime | None = None) -> str:
    """Replace a token by a new one with the same name, scopes, end and rate, and return it.

    Args:
        path: the file.
        name: whose token.
        until: the old token stays valid until then, so that clients can be changed one after another; None: it ends
            now.

    Raises:
        ConfigError: there is no such token, or the file cannot be used.
    """
    with _changed(path) as tokens:
        named = _named(tokens, name, path)
        newest = named[-1]
        secret, token = _make(name, newest.scopes, newest.expires, newest.rate)
        for one in named:
            tokens.remove(one)
        if until is not None:
            ends = until if newest.expires is None else min(until, newest.expires)
            tokens.append(newest.model_copy(update={"expires": ends}))
        tokens.append(token)
    return secret


def revoke(path: Path, name: str) -> None:
    """Remove a token: it is refused from now on.

    Raises:
        ConfigError: there is no such token, or the file cannot be used.
    """
    with _changed(path) as tokens:
        for one in _named(tokens, name, path):
            tokens.remove(one)


def check_address(host: str, path: Path) -> None:
    """Check that a server that listens on `host` is either out of reach from elsewhere, or asks for tokens.

    Raises:
        ConfigError: it would serve everyone, or the file cannot be used.
    """
    if not read(path) and not is_loopback(host):
        raise ConfigError(
            f"{host} can be reached from other machines, and there is no token in {path}: `slipway token create NAME "
            "--scope predict` creates one. Without tokens the server listens on 127.0.0.1 or ::1 only"
        )


def is_loopback(host: str) -> bool:
    """Whether an address or a host's name is this machine's own: 127.0.0.0/8, ::1 or `localhost`."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def per_second(rate: str) -> tuple[float, int]:
    """Return a rate such as `600/min` as requests a second, and how many may come at once."""
    count, _, unit = rate.partition("/")
    return int(count) / _SECONDS[unit], int(count)


def _make(name: str, scopes: Sequence[Scope], expires: datetime | None, rate: str | None) -> tuple[str, Token]:
    secret = PREFIX + secrets.token_urlsafe(32)
    values: dict[str, Any] = {
        "name": name,
        "sha256": hashlib.sha256(secret.encode()).hexdigest(),
        "scopes": tuple(one for one in SCOPES if one in scopes),
        "created": datetime.now(UTC).replace(microsecond=0),
        "expires": expires,
        "rate": rate,
    }
    if not re.fullmatch(NAME, name):
        raise ConfigError(f"{name[:80]!r} is not a name; use up to 64 letters, digits and ._@-, such as ci-shop")
    if not scopes:
        raise ConfigError(f"a token needs a scope; choose from {', '.join(SCOPES)}")
    if rate is not None and not re.fullmatch(RATE, rate):
        raise ConfigError(f"{rate!r} is not a rate; write requests in a second, a minute or an hour: 50/s, 600/min")
    return secret, Token(**values)


def _named(tokens: Sequence[Token], name: str, path: Path) -> list[Token]:
    if found := [one for one in tokens if one.name == name]:
        return found
    there = ", ".join(sorted({one.name for one in tokens})) or "none"
    raise ConfigError(f"{name} is not a token of {path}; there are: {there}")


@contextmanager
def _changed(path: Path) -> Iterator[list[Token]]:
    """The tokens of the file, as a list; what the block leaves in it is written, unless the block raises."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(f".{path.name}.lock"), mode=0o600):
            tokens = list(read(path))
            yield tokens
            _write(path, tokens)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror or error}; nothing is changed")


def _write(path: Path, tokens: Sequence[Token]) -> None:
    before = os.umask(0o077)  # the file that replaces it is its owner's alone from its first byte
    try:
        atomic.write_json(path, {"tokens": [one.model_dump(mode="json", exclude_none=True) for one in tokens]})
    finally:
        os.umask(before)


def _content(path: Path) -> bytes:
    """The bytes of the file, if it is its owner's alone to write."""
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise ConfigError(
                f"{path} can be written by other users (mode {stat.filemode(status.st_mode)}), who could give "
                f"themselves any scope; look at its tokens, and then run: chmod 600 {path}"
            )
        if status.st_uid not in (os.geteuid(), 0):
            raise ConfigError(f"{path} belongs to another user (number {status.st_uid}); give it to who runs slipway")
        return file.read()


def _is_tracked(path: Path) -> bool:
    try:
        return bool(git.run("-C", str(path.absolute().parent), "ls-files", "--", path.name))
    except RegistryError:  # no repository
        return False


def _signature(path: Path) -> tuple[int, ...] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_mode


def _by_digest(tokens: Sequence[Token]) -> dict[bytes, tuple[bytes, Token]]:
    return {(digest := bytes.fromhex(one.sha256)): (digest, one) for one in tokens}
