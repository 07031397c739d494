"""`slipway report`: the gate's verdicts on all variants, as Markdown for a pull request and as an HTML page."""

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
from slipway.release.report import Change, Entry, reliability, report

CALIBRATION = Path("benchmarks/results/gate_calibration.json")
LONGEST = 65_536
"""Most characters that GitHub accepts in a comment."""


def write(
    variants: Sequence[str], revision: str | None, out: Path, links: str = ""
) -> tuple[list[Result], tuple[Path, Path]]:
    """Evaluate the variants, and write the report to `out` in Markdown and next to it in HTML.

    `links` is the prefix of the paths of model cards.

    Raises:
        ConfigError: a variant does not exist, or there is no params.yaml.
    """
    names = gate.variants(variants)
    here = clone.look() if revision is None else None
    entries = [_entry(variant, revision, here) for variant in names]
    html = out.with_suffix(".html")
    atomic.write_text(out, report(entries, links, LONGEST))
    atomic.write_text(html, page(entries, links))
    return [entry.judged for entry in entries], (out, html)


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[Change]:
    """Return the dotted keys whose values differ, with both values."""
    old, new = dict(_leaves(before)), dict(_leaves(now))
    return [
        (key, old.get(key), new.get(key)) for key in sorted(old.keys() | new.keys()) if old.get(key) != new.get(key)
    ]


def _entry(variant: str, revision: str | None, here: Clone | None) -> Entry:
    result = gate.judge(variant, revision, compare=True, here=here)
    params: list[Change] = []
    if result.version is not None:
        (before,) = git.contents([f"{result.version.commit}:params/{variant}.yaml"])
        try:
            params = changes(yaml.safe_load(before or b"") or {}, config.read(variant))
        except (AttributeError, ConfigError, ValueError, yaml.YAMLError):
            params = []  # the gate reports the error, or the baseline's file is malformed
    return Entry(result, params, _calibration(result))


def _calibration(result: Result) -> dict[str, Any] | None:
    """Return the simulation's results if they are for this test size and rule and in a form that can be quoted."""
    if not CALIBRATION.exists() or result.record is None:
        return None
    try:
        kept: dict[str, Any] = json.loads(CALIBRATION.read_bytes())["figures"]["variants"][result.variant]
        size = {"examples": result.record.examples, "groups": result.record.groups}
        bounds = [rule.max for rule in result.rules if rule.kind == "baseline" and rule.metric == kept["metric"]]
        fits = size == {key: kept[key] for key in size} and kept["most"] in bounds
        return kept if fits and reliability(kept) else None
    except (KeyError, TypeError, ValueError):
        return None


def _leaves(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value
