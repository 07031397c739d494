"""The members of an ensemble: versions with their releases, whose predictions must be of one form."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from slipway.core.errors import RegistryError
from slipway.ensembles.combination import SUITS, Combination
from slipway.ensembles.definition import Definition
from slipway.records.benchmark import Benchmark
from slipway.records.release import Record
from slipway.registry import releases, state
from slipway.registry.grammar import LIVE
from slipway.registry.releases import Release
from slipway.registry.state import Variant, Version

Holders = Mapping[tuple[str, str], Version]
"""The version that holds each (variant, role)."""


@dataclass(frozen=True)
class Member:
    """A member: its address in the definition, the version that this means now, and its release."""

    address: str
    version: Version
    release: Release

    @property
    def record(self) -> Record:
        """Its release record."""
        assert self.release.record is not None  # `assemble` checks this
        return self.release.record

    @property
    def benchmark(self) -> Benchmark:
        """Its benchmark."""
        assert self.release.benchmark is not None  # `assemble` checks this
        return self.release.benchmark

    @property
    def sha256(self) -> str:
        """The SHA-256 of its release record."""
        return hashlib.sha256(self.release.record_bytes or b"").hexdigest()


@dataclass(frozen=True)
class Ensemble:
    """An ensemble with the versions that its members are now, all of one form."""

    name: str
    definition: Definition
    members: tuple[Member, ...]

    @cached_property
    def version(self) -> str:
        """What names it in an answer: the start of the SHA-256 of its definition and its members' records."""
        whole = [self.definition.sha256, *([one.version.name, one.sha256] for one in self.members)]
        return hashlib.sha256(json.dumps(whole).encode()).hexdigest()[:12]

    @cached_property
    def combination(self) -> Combination:
        """How the predictions of the members become one."""
        specs = tuple(one.record.spec for one in self.members)
        return Combination(self.definition.voting_strategy, specs, self.definition.weights)


def holders(variants: Mapping[str, Variant]) -> Holders:
    """Return the versions that hold roles, as the tags say."""
    held = {(name, role): variant.holder(role) for name, variant in variants.items() for role in LIVE}
    return {place: version for place, version in held.items() if version is not None}


def assemble(name: str, definition: Definition, variants: Mapping[str, Variant], held: Holders) -> Ensemble:
    """Return an ensemble with the versions of its members.

    Args:
        name: its name.
        definition: what its file says.
        variants: the variants in the registry.
        held: the version that holds each role.

    Raises:
        RegistryError: a member is not there, the gate did not pass it, or the members differ; all of it is told.
    """
    wrong = [f"{name} is the name of a variant; give the ensemble another name"] if name in variants else []
    found: list[Member] = []
    for address in definition.members:
        try:
            version = _version(address, variants, held)
        except RegistryError as error:
            wrong.append(str(error))
            continue
        member = Member(address, version, releases.of(version))
        if (objection := _objection(member)) is not None:
            wrong.append(objection)
        else:
            found.append(member)
    if not wrong:
        wrong = [*_twice(found), *differences(found)] or _unsuited(definition, found[0])
    if wrong:
        raise RegistryError("; ".join(wrong))
    return Ensemble(name, definition, tuple(found))


def differences(members: Sequence[Member]) -> list[str]:
    """Return what differs between the first member and the others: task, classes, their order, or another output."""
    first, wrong = members[0], []
    forms = [_form(one.record) for one in members]
    for other, form in zip(members[1:], forms[1:], strict=True):
        for what, mine in forms[0].items():
            if mine != form[what]:
                theirs = form[what]
                same = isinstance(mine, list) and isinstance(theirs, list) and sorted(mine) == sorted(theirs)
                wrong.append(
                    f"{'the order of the ' if same else ''}{what}: {first.version.name} has {_shown(mine)}, "
                    f"{other.version.name} has {_shown(theirs)}"
                )
    return wrong


def _form(record: Record) -> dict[str, Any]:
    """What must be equal: the kind of prediction, and the meaning of each of its numbers."""
    spec = record.spec
    threshold, spread = spec.get("threshold"), spec.get("spread")
    relative = spread.get("relative") if isinstance(spread, dict) else None
    return {
        "task": record.task,
        "objective": spec["objective"],
        "classes": record.classes,
        "outputs": spec["outputs"],
        "quantiles": spec.get("quantiles"),
        "thresholds": "none" if threshold is None else "one for each label" if isinstance(threshold, list) else "one",
        "interval": "none" if spread is None else "a share of the value" if relative else "in the unit of the value",
    }


def _version(address: str, variants: Mapping[str, Variant], held: Holders) -> Version:
    variant, _, wanted = address.partition("@")
    if wanted not in LIVE:
        return state.find(variants, address)
    if (version := held.get((variant, wanted))) is None:
        raise RegistryError(f"{address}: no version of {variant} holds {wanted}; `slipway registry list` shows roles")
    return version


def _objection(member: Member) -> str | None:
    """Why a version may not be a member: only what the gate passed answers, alone or with others."""
    if member.release.malformed:
        return member.release.malformed[0]
    if member.release.verdict != "pass":
        return f"{member.version.name}: the gate says {member.release.verdict or 'nothing'}"
    return f"{member.version.name} is archived" if "archived" in member.version.roles else None


def _twice(members: Sequence[Member]) -> Iterator[str]:
    by_version: dict[str, list[str]] = {}
    for one in members:
        by_version.setdefault(one.version.name, []).append(one.address)
    for version, addresses in by_version.items():
        if len(addresses) > 1:
            yield f"{' and '.join(addresses)} are both {version}; leave one of them out"


def _unsuited(definition: Definition, member: Member) -> list[str]:
    objective, strategy = member.record.spec["objective"], definition.voting_strategy
    if objective in SUITS[strategy]:
        return []
    others = [other for other, objectives in SUITS.items() if objective in objectives]
    instead = f"use {' or '.join(others)}" if others else "its predictions cannot be combined"
    return [f"{strategy} does not suit {member.record.task}, which predicts {objective}; {instead}"]


def _shown(value: object) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 200 else f"{text[:199]}…"
