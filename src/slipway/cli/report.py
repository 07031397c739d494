"""`slipway report`: the gate's word on every variant, as Markdown for a pull request and as a page of its own."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from slipway.cli import gate
from slipway.core import atomic, config
from slipway.core.errors import ConfigError
from slipway.gate.result import Result
from slipway.registry import clone, git
from slipway.registry.clone import Clone
from slipway.release.page import page
from slipway.release.report import Change, Entry, report, sureness

CALIBRATION = Path("benchmarks/results/gate_calibration.json")
LONGEST = 65_536
"""Characters that GitHub takes as a comment."""


def write(
    variants: Sequence[str], revision: str | None, out: Path, links: str = ""
) -> tuple[list[Result], tuple[Path, Path]]:
    """Judge the variants and write `out` in Markdown, and beside it the same in HTML.

    `links` goes before the paths of model cards.

    Raises:
        ConfigError: there is no such variant, or no params.yaml.
    """
    asked = gate.variants(variants)
    here = clone.look() if revision is None else None
    entries = [_entry(variant, revision, here) for variant in asked]
    beside = out.with_suffix(".html")
    atomic.write_text(out, report(entries, links, LONGEST))
    atomic.write_text(beside, page(entries, links))
    return [entry.judged for entry in entries], (out, beside)


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[Change]:
    """The keys whose values differ, by their dotted names."""
    old, new = dict(_leaves(before)), dict(_leaves(now))
    return [
        (key, old.get(key), new.get(key)) for key in sorted(old.keys() | new.keys()) if old.get(key) != new.get(key)
    ]


def _entry(variant: str, revision: str | None, here: Clone | None) -> Entry:
    judged = gate.judge(variant, revision, compare=True, here=here)
    params: list[Change] = []
    if judged.version is not None:
        (before,) = git.contents([f"{judged.version.commit}:params/{variant}.yaml"])
        try:
            params = changes(yaml.safe_load(before or b"") or {}, config.read(variant))
        except (AttributeError, ConfigError, ValueError, yaml.YAMLError):  # told by the gate, or the baseline's file
            params = []
    return Entry(judged, params, _calibration(judged))


def _calibration(judged: Result) -> dict[str, Any] | None:
    """What the simulation came to, where it was of this test size and rule, and is in the form that is quoted."""
    if not CALIBRATION.exists() or judged.record is None:
        return None
    try:
        kept: dict[str, Any] = json.loads(CALIBRATION.read_bytes())["figures"]["variants"][judged.variant]
        size = {"examples": judged.record.examples, "groups": judged.record.groups}
        asked = [rule.max for rule in judged.rules if rule.kind == "baseline" and rule.metric == kept["metric"]]
        fits = size == {key: kept[key] for key in size} and kept["most"] in asked
        return kept if fits and sureness(kept) else None
    except (KeyError, TypeError, ValueError):
        return None


def _leaves(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value
