"""The state that the tags describe: the versions of each variant, and the roles that they hold.

The rules are GTO's, so that `gto show` agrees on tags that Slipway wrote. A version is a registered commit. Of the
versions that were given a role and still have it, the one with the highest assignment number holds the role. Any number
of versions can hold `archived`; each other role has one holder.
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
"""The roles in the order in which they are shown."""


@dataclass(frozen=True)
class Version:
    """A version: its commit, the tag that registered it, and the roles that it holds now."""

    variant: str
    version: str
    commit: str
    registered: Tag
    roles: tuple[str, ...]

    @property
    def name(self) -> str:
        """The full name, such as base-ad-detector@v1.2.0."""
        return f"{self.variant}@{self.version}"


class Variant:
    """A variant in the registry, with all of its tags in the order of `tags.read`."""

    def __init__(self, name: str, tags: Iterable[Tag]) -> None:
        self.name = name
        self.tags = tuple(tags)

    @cached_property
    def versions(self) -> Mapping[str, Version]:
        """The versions by name, highest first."""
        held = {role: self.assigned(role) for role in SHOWN}
        found = {}
        for version in sorted(self._registered, key=order, reverse=True):
            roles = [role for role in held if version in (held[role] if role == "archived" else held[role][-1:])]
            tag = self._registered[version]
            found[version] = Version(self.name, version, tag.commit, tag, tuple(roles))
        return found

    def holder(self, role: str) -> Version | None:
        """The version that holds a role now; None if there is none."""
        assigned = self.assigned(role)
        return self.versions[assigned[-1]] if assigned else None

    def assigned(self, role: str) -> list[str]:
        """The versions that were given a role and still have it, in order of assignment; the last one holds it."""
        last: dict[str, Tag] = {}
        for tag in self.tags:
            version = self.version_at(tag.commit)
            if tag.role == role and version is not None:
                last.pop(version, None)
                last[version] = tag
        return [version for version, tag in last.items() if tag.action == "assign"]

    def given(self, version: str, role: str) -> Tag:
        """The last tag that gave a version a role."""
        return [
            tag
            for tag in self.tags
            if tag.action == "assign" and tag.role == role and self.version_at(tag.commit) == version
        ][-1]

    def succession(self, role: str) -> list[str]:
        """The holders of a role in order, without those that were rolled back; the last one is the current holder."""
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

    def ever_held(self, version: str, role: str) -> bool:
        """Whether a version was ever given a role."""
        return any(
            tag.action == "assign" and tag.role == role and self.version_at(tag.commit) == version for tag in self.tags
        )

    def version_at(self, commit: str) -> str | None:
        """The version at a commit, None if there is none; GTO allows only one."""
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
    """The version that `VARIANT@VERSION`, `VARIANT@latest`, `VARIANT#ROLE` or the name of an assignment tag means.

    Raises:
        RegistryError: there is none.
    """
    base = re.split("[@#]", name)[0]
    sign, rest = name[len(base) : len(base) + 1], name[len(base) + 1 :]
    if not rest:
        raise RegistryError(f"{name!r} is not a version; write VARIANT@VERSION, such as base-ad-detector@v1.2.0")
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
    """The sort key of a version name."""
    return semver.Version.parse(version.removeprefix("v"))
