"""The exact grammar of registry tags, as Slipway writes them: their names and their tag objects.

    base-ad-detector@v1.2.0          the version v1.2.0
    base-ad-detector#production#7    gives the role to the version at this commit
    base-ad-detector#production!#8   takes the role from it

Anyone with push access can write any tag, and GTO reads more forms than these: a role without a number, other roles,
`@v1.2.0!`, `@deprecated`. A tag outside this grammar has no effect on versions or roles. Names are ASCII, and numbers
have no leading zero. The object is an annotated tag of a commit with a tagger and a date, and the name inside it equals
the name of the ref.
"""

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

Action = Literal["register", "assign", "unassign"]

ROLES = ("staging", "canary", "production", "archived")
LIVE = ("staging", "canary", "production")
"""The roles that only one version of a variant holds at a time, and for which a model must pass the gate."""

_NUMBER = "[1-9][0-9]{0,8}"
_PART = f"(?:0|{_NUMBER})"
_LABEL = f"(?:{_PART}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_SEMVER = rf"v{_PART}(?:\.{_PART}){{2}}(?:-{_LABEL}(?:\.{_LABEL})*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
_NAME = re.compile(
    r"(?P<variant>[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?)"
    rf"(?:@(?P<version>{_SEMVER})|#(?P<role>{'|'.join(ROLES)})(?P<cancel>!?)#(?P<counter>{_NUMBER}))"
)
_LONGEST = 250
"""The maximum number of characters in a name; file systems allow 255 bytes."""
VERSION = re.compile(_SEMVER)
_OBJECT = re.compile(
    rb"object (?P<commit>[0-9a-f]{40}|[0-9a-f]{64})\ntype (?P<type>[a-z]+)\ntag (?P<name>[^\n]+)\n"
    rb"tagger (?P<who>[^\n<>]*)<(?P<email>[^\n<>]*)> (?P<when>[0-9]{1,11}) [+-][0-9]{4}\n\n(?P<why>.*)",
    re.DOTALL,
)
SIGNATURE = re.compile(rb"^-----BEGIN (?:PGP SIGNATURE|PGP MESSAGE|SSH SIGNATURE|SIGNED MESSAGE)-----", re.MULTILINE)
"""Matches the first line of the signature at the end of a tag object."""


@dataclass(frozen=True)
class Tag:
    """One annotated tag: its effect, its commit, and its author, date (`when`, seconds since 1970) and reason.

    `who` and `email` are as the tag claims, not verified; `why` is its message without the signature.
    """

    name: str
    id: str
    commit: str
    variant: str
    action: Action
    version: str | None
    role: str | None
    counter: int
    who: str
    email: str
    when: int
    why: str

    @property
    def time(self) -> str:
        """The date in ISO 8601."""
        return datetime.fromtimestamp(self.when, UTC).isoformat().replace("+00:00", "Z")


def parse(name: str) -> tuple[str, Action, str | None, str | None, int] | None:
    """The variant, action, version, role and number (0 for a version) in a tag's name; None for any other tag."""
    found = _NAME.fullmatch(name) if len(name) <= _LONGEST else None
    if found is None:
        return None
    action: Action = "register" if found["version"] else "unassign" if found["cancel"] else "assign"
    return found["variant"], action, found["version"], found["role"], int(found["counter"] or 0)


def understand(name: str, identity: str, kind: str, content: bytes | None) -> Tag | str:
    """The parsed tag, or a description of what is wrong with it.

    Args:
        name: the name of the ref, below refs/tags/.
        identity: the id of the object that the ref points to.
        kind: the type of that object.
        content: the content of that object; None if it is not an annotated tag.
    """
    parsed = parse(name)
    if parsed is None:
        return "its name is not of the form VARIANT@vX.Y.Z or VARIANT#ROLE#NUMBER"
    if kind != "tag" or content is None:
        return "it is not an annotated tag"
    found = _OBJECT.fullmatch(content)
    if found is None:
        return "it has no tagger with a date, or is malformed"
    if found["type"] != b"commit":
        return f"it is the tag of a {found['type'].decode()}, not of a commit"
    if found["name"] != name.encode():
        return f"it was made under another name: {found['name'].decode(errors='replace')}"
    who, email, commit = (found[key].decode(errors="replace").strip() for key in ("who", "email", "commit"))
    *_, end = [len(found["why"]), *(sign.start() for sign in SIGNATURE.finditer(found["why"]))]
    why = found["why"][:end].decode(errors="replace").strip()
    return Tag(name, identity, commit, *parsed, who=who, email=email, when=int(found["when"]), why=why)


def resembles(name: str, variants: Collection[str]) -> bool:
    """Whether people, GTO or a file system could mistake a tag's name for a registry name.

    It has a `@` or `#` after the name of a variant (in any case) or before the name of a role, or it has one of the two
    signs and characters outside ASCII, which may only look like those of a name.
    """
    folded = unicodedata.normalize("NFKC", name).casefold()
    base, sign, rest = re.fullmatch("([^@#]*)([@#]?)(.*)", folded, re.DOTALL).groups()  # type: ignore[union-attr]
    return bool(sign) and (
        not name.isascii()
        or base in {variant.casefold() for variant in variants}
        or any(role in rest for role in ROLES)
    )
