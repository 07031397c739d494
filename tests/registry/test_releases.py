"""Reading the release at a commit, valid or damaged."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import ROOT
from registry import malformed
from slipway.registry import releases
from slipway.registry.releases import Release

VARIANT = "wildlife-detector"
RECORD = (ROOT / releases.record_path(VARIANT)).read_bytes()
BENCHMARK = (ROOT / releases.benchmark_path(VARIANT)).read_bytes()


def release(record: object, benchmark: object) -> Release:
    return Release(VARIANT, *(json.dumps(part).encode() for part in (record, benchmark)))


def with_verdict(content: bytes, outcome: object) -> dict[str, Any]:
    values = json.loads(content)
    values["gate"]["verdict"] = outcome
    return values


@pytest.mark.parametrize(
    ("record", "latency", "joined"),
    [("pass", "pass", "pass"), ("pass", "fail", "fail"), ("hold", "pass", "hold"), ("fail", "hold", "fail")],
)
def test_the_verdict_is_the_worse_of_record_and_benchmark(record: str, latency: str, joined: str):
    assert release(with_verdict(RECORD, record), with_verdict(BENCHMARK, latency)).verdict == joined


@pytest.mark.parametrize("damaged", [None, [], {}, {"gate": None}, "pass", 7])
def test_what_is_damaged_or_missing_gives_no_verdict(damaged: object):
    for one in (release(damaged, json.loads(BENCHMARK)), release(json.loads(RECORD), damaged)):
        assert one.verdict is None and len(one.malformed) == 1
    assert Release(VARIANT, None, None).verdict is None and Release(VARIANT, None, None).malformed == []
    assert Release(VARIANT, b"{", b"\xff").verdict is None


def test_the_records_and_benchmarks_of_this_repository_are_read():
    variants = [path.parent.name for path in ROOT.glob("models/*/release.json")]
    assert variants
    for name in variants:
        paths = (releases.record_path(name), releases.benchmark_path(name))
        one = Release(name, *((ROOT / path).read_bytes() for path in paths))
        assert one.malformed == [] and one.verdict is not None, name


def test_the_records_and_benchmarks_of_every_earlier_build_are_read():
    built = subprocess.run(
        ["git", "log", "--format=%H", "--", "models/*/release.json"], cwd=ROOT, capture_output=True, text=True
    ).stdout.split()
    for commit in built:
        assert [one.malformed for one in _committed(commit) if one.malformed] == [], commit


def _committed(commit: str) -> Iterator[Release]:
    names = subprocess.run(
        ["git", "ls-tree", "-r", "--name-only", commit, "models"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    for variant in (Path(name).parent.name for name in names if name.endswith("/release.json")):
        parts = [
            subprocess.run(["git", "show", f"{commit}:{path}"], cwd=ROOT, capture_output=True, check=True).stdout
            for path in (releases.record_path(variant), releases.benchmark_path(variant))
        ]
        yield Release(variant, *parts)


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("schema", 4, "schema 4 is not 1 or 2 or 3, which this version of slipway reads"),
        ("schema", "1", "schema '1' is not 1"),
        ("schema", True, "schema True is not 1"),
        ("variant", "another", "is the record of another, not of wildlife-detector"),
        ("task", "../../evil", "task: String should match pattern"),
        ("lineage", [], "lineage: Input should be an object"),
        ("spec", ["classes"], "spec: Input should be an object"),
        ("metrics", ..., "metrics: Field required"),
        ("metrics.accuracy.value", "0.99", "metrics.accuracy.value: Input should be a valid number"),
        ("metrics.accuracy.value", True, "metrics.accuracy.value: Input should be a valid number"),
        ("metrics.accuracy.value", float("nan"), "not JSON (NaN is not a number)"),
        ("metrics.accuracy.high", float("inf"), "not JSON (Infinity is not a number)"),
        ("examples", 10**30, "is too large"),
        ("gate.rules", {}, "gate.rules: Input should be a valid array"),
        ("gate.verdict", "great", "gate.verdict: Input should be 'pass', 'hold' or 'fail'"),
        ("artifacts", {}, "it has no model.tflite"),
        ("artifacts./etc/cron.d/evil", {"sha256": "0" * 64, "bytes": 1}, "is not a file of a release"),
        ("artifacts.../../evil", {"sha256": "0" * 64, "bytes": 1}, "is not a file of a release"),
        ("artifacts.model.tflite", {"sha256": "0" * 64, "bytes": 1, "path": "x"}, "Extra inputs are not permitted"),
        ("artifacts.model.tflite", {"sha256": "../x", "bytes": 1}, "String should match pattern"),
        ("artifacts.model.tflite", {"sha256": "0" * 64, "bytes": 1.5}, "bytes: Input should be a valid integer"),
        ("artifacts.model.tflite", {"sha256": "0" * 64 + "\n", "bytes": 1}, "String should match pattern"),
        ("description", "\x1b]0;owned\x07", "has characters that cannot be shown"),
        ("description", "\ud800", "has characters that cannot be shown"),
    ],
)
def test_a_malformed_record_is_none_and_the_error_names_the_place(place: str, value: object, message: str):
    changed = Release(VARIANT, malformed.at(RECORD, place, value), BENCHMARK)
    assert changed.record is None and changed.verdict is None
    (why,) = changed.malformed
    assert why.startswith(releases.record_path(VARIANT)) and message in why


def test_duplicate_keys_and_endless_nesting_are_malformed():
    for content, message in (
        (RECORD.replace(b'"schema": ', b'"schema": 1, "schema": '), "twice: 'schema'"),
        (b"[" * 100_000, "not JSON"),
        (RECORD.replace(b'"schema": ', b'"more": 1e999, "schema": '), "is too large"),
    ):
        (why,) = Release(VARIANT, content, BENCHMARK).malformed
        assert message in why


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("models", []),
        ("metrics.latency_p95_ms.value", "1"),
        ("metrics.other", {"value": 1.0}),
        ("machine", None),
        ("models.model.tflite", {}),
    ],
)
def test_a_malformed_benchmark_is_none(place: str, value: object):
    changed = Release(VARIANT, RECORD, malformed.at(BENCHMARK, place, value))
    assert changed.benchmark is None and changed.verdict is None and len(changed.malformed) == 1


def test_a_record_is_read_without_loss():
    read = Release(VARIANT, RECORD, BENCHMARK).record
    assert read is not None and read.to_json() == json.loads(RECORD)
