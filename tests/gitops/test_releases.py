"""What the release at a commit says, and what it does not when it is damaged."""

import json

import pytest

from slipway.gitops.releases import Release

RECORD = {"gate": {"verdict": "pass", "rules": []}, "artifacts": {"model.tflite": {"sha256": "ab"}}}
BENCHMARK = {"gate": {"verdict": "pass", "rules": []}}


def release(record: object, benchmark: object) -> Release:
    return Release(*(json.dumps(part).encode() for part in (record, benchmark)))


@pytest.mark.parametrize(
    ("record", "latency", "joined"),
    [("pass", "pass", "pass"), ("pass", "fail", "fail"), ("hold", "pass", "hold"), ("fail", "hold", "fail")],
)
def test_the_verdict_is_the_worse_of_record_and_benchmark(record: str, latency: str, joined: str):
    assert release(RECORD | {"gate": {"verdict": record}}, {"gate": {"verdict": latency}}).verdict == joined


@pytest.mark.parametrize(
    "damaged", [None, [], {}, {"gate": None}, {"gate": {"verdict": "great"}}, {"gate": {"verdict": []}}, "pass"]
)
def test_what_is_damaged_or_missing_gives_no_verdict(damaged: object):
    assert release(damaged, BENCHMARK).verdict is None
    assert release(RECORD, damaged).verdict is None
    assert Release(None, None).verdict is None
    assert Release(b"{", b"\xff").verdict is None
