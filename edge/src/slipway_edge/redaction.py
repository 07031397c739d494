"""What may be shown of a text: no password, no token, and nothing that steers the terminal it is printed on.

The message of each error goes through `plain`, as does each line and cell that `slipway.core.terminal` prints and each
text that `slipway.release.markdown` puts on a page; what libraries and tracebacks print goes through `guard`. So no
message needs a redaction of its own.
"""

import json
import os
import re
import sys
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote, unquote

HIDDEN = "***"

_USER = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*:/{1,3})(?:[^\s/?#@:]*:\S*|[^\s/?#@:]+)@")
"""User and password of an address; a password may hold what should have been quoted, so it ends at the last @."""
_QUERY = re.compile(
    r"(?i)([?&;](?:[\w.-]*(?:token|secret|password|passwd|signature|credential|api-?_?key|access-?_?key)[\w.-]*"
    r"|auth|key|pass|pwd|sig|code)=)[^&\s'\"<>]+"
)
_HEADER = re.compile(r"(?i)\b((?:proxy-)?authorization['\"]?\s*[:=]\s*['\"]?(?:basic|bearer|token)\s+)[^\s'\"]+")
_TELLING = re.compile(r"(?=.*[^\W\d_])(?=.*[\W\d_]).{4,}|.{8,}", re.DOTALL)
"""A secret that is looked for by its value: a short word or number would be found where it is none."""
_SECRET_WORDS = frozenset({"PASSWORD", "PASSWD", "PASS", "TOKEN", "SECRET", "APIKEY"})
_SECRET_ENDS = ("API_KEY", "ACCESS_KEY", "PRIVATE_KEY")
_PLACES = ("_FILE", "_PATH", "_DIR", "_ID")
_ADDRESSES = ("_URI", "_URL", "_PROXY", "_ENDPOINT")
_STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
"""Control characters but line feeds and tabs, and what turns the direction of the text around it."""


def redacted(text: str, hidden: Iterable[str] | None = None) -> str:
    """The text without secrets: those of addresses, and the values of variables of the environment that hold one.

    Args:
        text: what may hold a secret.
        hidden: what `secrets` returned, for callers with many texts; the environment is read where it is None.
    """
    for secret in secrets() if hidden is None else hidden:
        text = text.replace(secret, HIDDEN)
    text = _USER.sub(r"\1", text)
    text = _QUERY.sub(rf"\1{HIDDEN}", text)
    return _HEADER.sub(rf"\1{HIDDEN}", text)


def plain(text: str, hidden: Iterable[str] | None = None) -> str:
    """The text redacted, with a replacement character for each control character but line feeds and tabs."""
    return _STEERING.sub("\N{REPLACEMENT CHARACTER}", redacted(text.replace("\r\n", "\n"), hidden))


def secrets() -> tuple[str, ...]:
    """What must not be shown, the longest first, in the forms in which it may stand in a message."""
    found = set()
    for name, value in os.environ.items():
        upper = name.upper()
        if upper.endswith(_PLACES) or not value.strip():
            continue
        if _SECRET_WORDS & set(upper.split("_")) or upper.endswith(_SECRET_ENDS):
            found.add(value)
        elif upper.endswith(_ADDRESSES) and "@" in value:
            found |= _of_address(value)
    forms = {form for one in found for form in (one, one.strip(), quote(one, safe=""), json.dumps(one)[1:-1])}
    telling = (form for form in forms if _TELLING.fullmatch(form))
    return tuple(sorted(telling, key=lambda form: (-len(form), form)))


def guard() -> None:
    """Redact all that this process prints from now on: of libraries, and of tracebacks, too."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if not isinstance(stream, _Guarded):
            setattr(sys, name, _Guarded(stream))


class _Guarded:
    """A text stream that redacts what is written to it."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(redacted(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._stream)


def _of_address(address: str) -> set[str]:
    """User and password, and the password alone, of an address in whatever form someone wrote it."""
    user = address.rpartition("@")[0].rpartition("//")[2]
    password = user.partition(":")[2] or user
    return {user, password, password.rpartition(":")[2], unquote(password)}
