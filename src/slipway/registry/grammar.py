"""The registry's tags to the letter, as Slipway writes them: their names, and the tag objects under these.

    base-ad-detector@v1.2.0          the version v1.2.0
    base-ad-detector#production#7    the version at this commit is given the role
    base-ad-detector#production!#8   the role is taken from it

Whoever can push can write any tag, and GTO reads more forms than these: a role without a number, roles of one's own,
`@v1.2.0!`, `@deprecated`. What is not in this grammar has no effect on versions or roles. Names are ASCII, numbers have
no leading zero, and the object is an annotated tag of a commit, made under the very name that it is found by, with a
tagger and a date.
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
"""The roles that one version of a variant holds at a time, and that a model must pass for."""

_NUMBER = "[1-9][0-9]{0,8}"
_PART = f"(?:0|{_NUMBER})"
_LABEL = f"(?:{_PART}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_SEMVER = rf"v{_PART}(?:\.{_PART}){{2}}(?:-{_LABEL}(?:\.{_LABEL})*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
_NAME = re.compile(
    r"(?P<variant>[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?)"
    rf"(?:@(?P<version>{_SEMVER})|#(?P<role>{'|'.join(ROLES)})(?P<cancel>!?)#(?P<counter>{_NUMBER}))"
)
_LONGEST = 250
"""Characters of a name; a file system takes 255 bytes."""
VERSION = re.compile(_SEMVER)
_OBJECT = re.compile(
    rb"object (?P<commit>[0-9a-f]{40}|[0-9a-f]{64})\ntype (?P<type>[a-z]+)\ntag (?P<name>[^\n]+)\n"
    rb"tagger (?P<who>[^\n<>]*)<(?P<email>[^\n<>]*)> (?P<when>[0-9]{1,11}) [+-][0-9]{4}\n\n(?P<why>.*)",
    re.DOTALL,
)
SIGNATURE = re.compile(rb"^-----BEGIN (?:PGP SIGNATURE|PGP MESSAGE|SSH SIGNATURE|SIGNED MESSAGE)-----", re.MULTILINE)
"""Begins the signature at the end of a tag object."""


@dataclass(frozen=True)
class Tag:
    """One annotated tag: what it says of which commit, and who said it when (seconds since 1970) and why.

    `who` and `email` are what the tag claims, and `why` is its message without the signature.
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
        """When, in ISO 8601."""
        return datetime.fromtimestamp(self.when, UTC).isoformat().replace("+00:00", "Z")


def parse(name: str) -> tuple[str, Action, str | None, str | None, int] | None:
    """Variant, action, version, role and number (0 for a version) of a tag's name; None for a tag of another kind."""
    found = _NAME.fullmatch(name) if len(name) <= _LONGEST else None
    if found is None:
        return None
    action: Action = "register" if found["version"] else "unassign" if found["cancel"] else "assign"
    return found["variant"], action, found["version"], found["role"], int(found["counter"] or 0)


def understand(name: str, identity: str, kind: str, content: bytes | None) -> Tag | str:
    """The tag of a name that `parse` knows; where it is none, what is wrong with it.

    Args:
        name: of the ref, below refs/tags/.
        identity: of the object that the ref names.
        kind: the kind of that object.
        content: that object, None where it is not an annotated tag.
    """
    parsed = parse(name)
    if parsed is None:
        return "its name is not of the form VARIANT@vX.Y.Z or VARIANT#ROLE#NUMBER"
    if kind != "tag" or content is None:
        return "it is no annotated tag"
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
    """Whether a tag's name could be taken for one of the registry: people, GTO and file systems are less strict.

    It has a `@` or a `#` after the name of a variant, whatever its case, or before that of a role; or it has one and
    letters that only look like those of a name.
    """
    folded = unicodedata.normalize("NFKC", name).casefold()
    base, sign, rest = re.fullmatch("([^@#]*)([@#]?)(.*)", folded, re.DOTALL).groups()  # type: ignore[union-attr]
    return bool(sign) and (
        not name.isascii()
        or base in {variant.casefold() for variant in variants}
        or any(role in rest for role in ROLES)
    )
