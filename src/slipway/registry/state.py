"""What the tags say: the versions of each variant, and the roles that they hold.

The rules are GTO's, so that `gto show` says the same of what Slipway wrote: a version is what was registered; of the
versions that were given a role and not relieved of it, the one that was given it last, by its number, holds it.
`archived` is held by any number of versions, the other roles by one each.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import semver

from slipway.core.errors import RegistryError
from slipway.registry import tags
from slipway.registry.grammar import Tag

LATEST = "latest"
SHOWN = ("production", "canary", "staging", "archived")
"""The roles in the order in which they are told."""


@dataclass(frozen=True)
class Version:
    """A version: its commit, the tag that made it, and the roles that it holds now."""

    variant: str
    version: str
    commit: str
    registered: Tag
    roles: tuple[str, ...]

    @property
    def name(self) -> str:
        """Such as base-ad-detector@v1.2.0."""
        return f"{self.variant}@{self.version}"


class Variant:
    """A variant of the registry: all of its tags, as `tags.read` puts them in order."""

    def __init__(self, name: str, tags: Iterable[Tag]) -> None:
        self.name = name
        self.tags = tuple(tags)

    @cached_property
    def versions(self) -> Mapping[str, Version]:
        """By version, the highest first."""
        held = {role: self.assigned(role) for role in SHOWN}
        found = {}
        for version in sorted(self._registered, key=order, reverse=True):
            roles = [role for role in held if version in (held[role] if role == "archived" else held[role][-1:])]
            tag = self._registered[version]
            found[version] = Version(self.name, version, tag.commit, tag, tuple(roles))
        return found

    def holder(self, role: str) -> Version | None:
        """The version that holds a role now."""
        assigned = self.assigned(role)
        return self.versions[assigned[-1]] if assigned else None

    def assigned(self, role: str) -> list[str]:
        """The versions that were given a role and not relieved of it, in that order: the last one holds it."""
        last: dict[str, Tag] = {}
        for tag in self.tags:
            version = self.version_at(tag.commit)
            if tag.role == role and version is not None:
                last.pop(version, None)
                last[version] = tag
        return [version for version, tag in last.items() if tag.action == "assign"]

    def given(self, version: str, role: str) -> Tag:
        """The tag that gave a version a role last."""
        return [
            tag
            for tag in self.tags
            if tag.action == "assign" and tag.role == role and self.version_at(tag.commit) == version
        ][-1]

    def line(self, role: str) -> list[str]:
        """How a role came to its holder, which is last: each version that went before it and was not rolled back."""
        line: list[str] = []
        for tag in self.tags:
            version = self.version_at(tag.commit)
            if tag.role != role or version is None:
                continue
            if tag.action == "assign":
                line = line[: line.index(version) + 1] if version in line else [*line, version]
            elif version in line:
                line.remove(version)
        return line

    def was(self, version: str, role: str) -> bool:
        """Whether a version was ever given a role."""
        return any(
            tag.action == "assign" and tag.role == role and self.version_at(tag.commit) == version for tag in self.tags
        )

    def version_at(self, commit: str) -> str | None:
        """The version of a commit; GTO allows one."""
        return self._by_commit.get(commit)

    @cached_property
    def _registered(self) -> dict[str, Tag]:
        return {tag.version: tag for tag in self.tags if tag.version is not None}

    @cached_property
    def _by_commit(self) -> dict[str, str]:
        return {tag.commit: version for version, tag in self._registered.items()}


def read() -> dict[str, Variant]:
    """Every variant that has tags, by name."""
    grouped: dict[str, list[Tag]] = {}
    for tag in tags.read():
        grouped.setdefault(tag.variant, []).append(tag)
    return {name: Variant(name, grouped[name]) for name in sorted(grouped)}


def find(variants: Mapping[str, Variant], name: str) -> Version:
    """The version that `VARIANT@VERSION`, `VARIANT@latest` or `VARIANT#ROLE` means, or the tag of an assignment.

    Raises:
        RegistryError: there is none.
    """
    base = re.split("[@#]", name)[0]
    sign, rest = name[len(base) : len(base) + 1], name[len(base) + 1 :]
    if not rest:
        raise RegistryError(f"{name!r} is no version; write VARIANT@VERSION, such as base-ad-detector@v1.2.0")
    variant = variants.get(base)
    if variant is None or not variant.versions:
        raise RegistryError(f"{base} has no versions; `slipway register {base}` makes one")
    if tag := next((one for one in variant.tags if one.role and one.name == name), None):
        rest, sign = variant.version_at(tag.commit) or rest, "@"
    if sign == "#":
        holder = variant.holder(rest)
        if holder is None:
            raise RegistryError(f"{name}: no version of {base} holds {rest}; `slipway registry list` shows the roles")
        return holder
    if rest == LATEST:
        return next(iter(variant.versions.values()))
    if rest not in variant.versions:
        have = list(variant.versions)
        listed = ", ".join(have[:5]) + (", ..." if len(have) > 5 else "")
        raise RegistryError(f"{name}: no such version; {base} has {listed}")
    return variant.versions[rest]


def order(version: str) -> semver.Version:
    """By which versions are put in order."""
    return semver.Version.parse(version.removeprefix("v"))
