"""Remove passwords, tokens and terminal control characters from texts before they are shown.

Every error message goes through `plain`, and so does each line and cell that `slipway.core.terminal` prints and each
text that `slipway.release.markdown` puts on a page. The output of libraries and tracebacks goes through `guard`. So
no single message needs its own redaction.
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
"""User and password of a URL; a password may hold characters that should be quoted, so it ends at the last @."""
_QUERY = re.compile(
    r"(?i)([?&;](?:[\w.-]*(?:token|secret|password|passwd|signature|credential|api-?_?key|access-?_?key)[\w.-]*"
    r"|auth|key|pass|pwd|sig|code)=)[^&\s'\"<>]+"
)
_HEADER = re.compile(r"(?i)\b((?:proxy-)?authorization['\"]?\s*[:=]\s*['\"]?(?:basic|bearer|token)\s+)[^\s'\"]+")
_DISTINCTIVE = re.compile(r"(?=.*[^\W\d_])(?=.*[\W\d_]).{4,}|.{8,}", re.DOTALL)
"""A secret that is searched for by its value: a short word or number would also match harmless text."""
_SECRET_WORDS = frozenset({"PASSWORD", "PASSWD", "PASS", "TOKEN", "SECRET", "APIKEY"})
_SECRET_ENDS = ("API_KEY", "ACCESS_KEY", "PRIVATE_KEY")
_HARMLESS_ENDS = ("_FILE", "_PATH", "_DIR", "_ID")
_URL_ENDS = ("_URI", "_URL", "_PROXY", "_ENDPOINT")
_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
"""Control characters except line feeds and tabs, and characters that change the direction of the text."""


def redacted(text: str, hidden: Iterable[str] | None = None) -> str:
    """Return the text without secrets: those in URLs, and the values of environment variables that hold secrets.

    Args:
        text: a text that may hold a secret.
        hidden: the result of `secrets`, for callers with many texts; if None, the environment is read.
    """
    for secret in secrets() if hidden is None else hidden:
        text = text.replace(secret, HIDDEN)
    text = _USER.sub(r"\1", text)
    text = _QUERY.sub(rf"\1{HIDDEN}", text)
    return _HEADER.sub(rf"\1{HIDDEN}", text)


def plain(text: str, hidden: Iterable[str] | None = None) -> str:
    """Return the text redacted, with each control character except line feeds and tabs replaced."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", redacted(text.replace("\r\n", "\n"), hidden))


def secrets() -> tuple[str, ...]:
    """Return the secrets of the environment, longest first, in each form in which they may occur in a message."""
    found = set()
    for name, value in os.environ.items():
        upper = name.upper()
        if upper.endswith(_HARMLESS_ENDS) or not value.strip():
            continue
        if _SECRET_WORDS & set(upper.split("_")) or upper.endswith(_SECRET_ENDS):
            found.add(value)
        elif upper.endswith(_URL_ENDS) and "@" in value:
            found |= _url_secrets(value)
    forms = {form for one in found for form in (one, one.strip(), quote(one, safe=""), json.dumps(one)[1:-1])}
    distinctive = (form for form in forms if _DISTINCTIVE.fullmatch(form))
    return tuple(sorted(distinctive, key=lambda form: (-len(form), form)))


def guard() -> None:
    """Redact everything that this process prints from now on, including the output of libraries and tracebacks."""
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


def _url_secrets(url: str) -> set[str]:
    """The user with the password, and the password alone, of a URL that may be malformed."""
    user = url.rpartition("@")[0].rpartition("//")[2]
    password = user.partition(":")[2] or user
    return {user, password, password.rpartition(":")[2], unquote(password)}
