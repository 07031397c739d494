"""Versions and events of the registry as JSON values, for `slipway registry ... --json` and for the server."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from slipway.registry import provenance, releases
from slipway.registry.grammar import Tag
from slipway.registry.releases import Release
from slipway.registry.state import Variant, Version

EVENTS = {
    "register": "registration",
    "assign": "assignment",
    "unassign": "unassignment",
}
"""Names of the events in `gto history`."""


def rows(variants: Mapping[str, Variant], built: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return a row for every version, and for the current commit's build of each variant of `built` without versions.

    Args:
        variants: the variants in the registry.
        built: the variants in params.yaml.
    """
    versions = [version for variant in variants.values() for version in variant.versions.values()]
    bare = [name for name in built if not (name in variants and variants[name].versions)]
    read = releases.read([(one.variant, one.commit) for one in versions] + [(name, "HEAD") for name in bare])
    found = []
    for version, release in zip(versions, read, strict=False):
        outcome = release.verdict
        found.append(
            {
                "variant": version.variant,
                "version": version.version,
                "roles": list(version.roles),
                "lifecycle": releases.lifecycle(variants[version.variant], version, outcome),
                "verdict": outcome,
                "commit": version.commit,
                "registered": version.registered.time,
                "by": version.registered.who,
            }
        )
    for name, release in zip(bare, read[len(versions) :], strict=True):
        outcome = release.verdict
        status = "training" if outcome is None else "failed" if outcome == "fail" else "validation"
        nothing: dict[str, Any] = {"version": None, "roles": [], "commit": None, "registered": None, "by": None}
        found.append({"variant": name, "lifecycle": status, "verdict": outcome, **nothing})
    return sorted(found, key=lambda row: str(row["variant"]))


def details(variant: Variant, version: Version, release: Release) -> dict[str, Any]:
    """Return the details of a version: origin, scores, verdict, files and history."""
    record = release.record
    return {
        "variant": version.variant,
        "version": version.version,
        "roles": list(version.roles),
        "lifecycle": releases.lifecycle(variant, version, release.verdict),
        "verdict": release.verdict,
        "commit": version.commit,
        "registered": version.registered.time,
        "by": version.registered.who,
        "record": None if release.record_bytes is None else hashlib.sha256(release.record_bytes).hexdigest(),
        "artifacts": {} if record is None else record.to_json()["artifacts"],
        "metrics": {} if record is None else record.metrics,
        "rules": [asdict(rule) for rule in release.rules],
        "lineage": {} if record is None else record.to_json()["lineage"],
        "provenance": asdict(provenance.of(version.variant, version.commit)),
        "history": [event(variant, tag) for tag in variant.tags if tag.commit == version.commit],
    }


def event(variant: Variant, tag: Tag) -> dict[str, Any]:
    """Return what a tag of a variant did: when, who, what, to which version, and why."""
    return {
        "when": tag.time,
        "who": tag.who,
        "email": tag.email,
        "variant": tag.variant,
        "what": EVENTS[tag.action],
        "version": tag.version or variant.version_at(tag.commit) or tag.commit,
        "role": tag.role,
        "why": tag.why,
        "tag": tag.name,
        "commit": tag.commit,
    }
