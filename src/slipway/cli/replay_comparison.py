"""What `slipway replay` compares: the recorded and the derived value of each item, one line for each."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from slipway.cli.display import FACTS
from slipway.cli.report import changes
from slipway.core import config
from slipway.records.release import Record
from slipway.records.verdict import Judgement
from slipway.registry import rebuilt
from slipway.registry.grammar import Tag
from slipway.registry.releases import Release

SAME = 1e-4
"""Tolerance between a derived and a recorded figure, because another processor may run the model."""


@dataclass(frozen=True)
class Line:
    """One compared item: its recorded value, its derived value, and whether they are the same."""

    what: str
    recorded: str
    derived: str
    same: bool


def tag_facts(tag: Tag, derived: Release, fetched: Mapping[str, str]) -> Iterator[Line]:
    """Compare the facts in the tag's message."""
    facts = dict(line.split(": ", 1) for line in tag.why.splitlines() if line.startswith(FACTS))
    found = {"Verdict": str(derived.verdict), "SHA-256": fetched["model.tflite"]}
    for fact, recorded in facts.items():
        yield Line(f"{tag.name}: {fact}", _short(recorded), _short(found[fact]), recorded == found[fact])


def verdict(release: Release, derived: Release) -> Line:
    """Compare the verdicts."""
    return Line("verdict", str(release.verdict), str(derived.verdict), release.verdict == derived.verdict)


def models(release: Release, shipped: bytes | None, derived: Release, now: bytes | None) -> Iterator[Line]:
    """Compare the rebuilt model with that of the version on the same test examples, by the variant's rules.

    `shipped` and `now` are the shipped.parquet of the version and of the rebuilt model; None if there is none.
    """
    if shipped is None or now is None:
        yield Line("comparison of the two models", "shipped.parquet", "not in the commit", False)
        return
    for rule in rebuilt.lost(release, shipped, derived, now, config.read(release.variant)):
        yield Line(f"{rule.subject}, rebuilt", "may be lost", f"{rule.verdict}: {rule.reason}", rule.verdict != "fail")


def rules(release: Release, derived: Release) -> Iterator[Line]:
    """Compare the outcome of each rule."""
    was, now = ({_rule(rule): asdict(rule) for rule in one.rules} for one in (release, derived))
    for name in {**was, **now}:
        recorded, found = was.get(name, {}), now.get(name, {})
        same = _alike({**recorded, "reason": ""}, {**found, "reason": ""})
        yield Line(name, _outcome(recorded), _outcome(found), same)


def _outcome(rule: Mapping[str, Any]) -> str:
    return f"{rule['verdict']}: {rule['reason']}" if rule else "no such rule"


def _rule(rule: Judgement) -> str:
    return f"{rule.subject}{', conversion' if rule.kind == 'conversion' else ''}"


def files(record: Record, fetched: Mapping[str, str]) -> Iterator[Line]:
    """Compare the released files by their SHA-256."""
    artifacts = record.artifacts
    for file, found in fetched.items():
        recorded = artifacts[file].sha256
        yield Line(file, _short(recorded), _short(found), recorded == found)


def lineage(record: Record, derived: Record | None) -> Iterator[Line]:
    """Compare the data and the parameters that the model was built from."""
    now = derived.lineage.model_dump() if derived is not None else {}
    for what, was in record.lineage.model_dump().items():
        if what in ("raw", "prepared", "params"):
            yield Line(
                f"release.json: lineage.{what}", _short(str(was)), _short(str(now.get(what))), was == now.get(what)
            )


def rest(record: Record, derived: Record | None) -> Iterator[Line]:
    """Compare the rest of the record: metrics, spec, counts."""
    others = [
        (key, was, now)
        for key, was, now in changes(record.to_json(), {} if derived is None else derived.to_json())
        if not key.startswith(("schema", "gate.", "artifacts.", "lineage.")) and not _alike(was, now)
    ]
    for key, was, now in others:
        yield Line(f"release.json: {key}", _short(str(was)), _short(str(now)), False)
    if not others:
        count = len(list(changes({}, record.to_json())))
        yield Line("the rest of release.json", f"{count} entries", f"{count} the same", True)


def outputs(stages: Sequence[str]) -> Iterator[Line]:
    """Compare the outputs of the stages with dvc.lock, by DVC's hashes."""
    from dvc.repo import Repo

    same = 0
    with Repo() as repo:
        for out in (out for stage in repo.index.stages if stage.addressing in stages for out in stage.outs):
            recorded, found = str(out.hash_info.value), str(out.get_hash().value) if out.exists else "none"
            same += recorded == found
            if recorded != found:
                yield Line(str(out), _short(recorded), _short(found), False)
    yield Line("outputs with the bytes of dvc.lock", str(same), str(same), True)


def _alike(first: Any, second: Any) -> bool:
    """Whether two values of a record are the same, up to the rounding of another processor."""
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        return first.keys() == second.keys() and all(_alike(first[key], second[key]) for key in first)
    if isinstance(first, float) and isinstance(second, float):
        return abs(first - second) <= SAME * max(1, abs(first))
    return bool(first == second)


def _short(text: str) -> str:
    return text if len(text) <= 24 else f"{text[:12]}…"
