"""`slipway report`: the gate's verdicts on all variants, as Markdown for a pull request and as an HTML page."""

import importlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from slipway.cli import folds, gate, plain_baseline
from slipway.core import atomic, config
from slipway.core.errors import ConfigError, SlipwayError
from slipway.gate.contributions import Scored
from slipway.gate.result import Result
from slipway.gate.rules import Gate
from slipway.records.release import Record
from slipway.registry import artifacts, audit, clone, git
from slipway.registry.clone import Clone
from slipway.release.breakdowns import Measured, measured
from slipway.release.explanations import Explainer, explainer
from slipway.release.figures import Curves
from slipway.release.mistakes import gallery_of, mistakes, probabilities
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
    entry = Entry(result, params, _calibration(result))
    return entry if result.record is None else _with_evidence(entry, result.record)


def _with_evidence(entry: Entry, record: Record) -> Entry:
    """Add the plain baseline, and what only the HTML page shows: predictions, curves, important columns, mistakes."""
    result, variant = entry.judged, entry.judged.variant
    try:
        scored = result.new or audit.scored(record, artifacts.evidence(f"reports/{variant}/shipped.parquet", None))
    except SlipwayError as error:
        plain = plain_baseline.beside(record)
        return replace(entry, plain=plain, notes=[f"The mistakes cannot be shown: {error}"])
    folded, unchecked = (None, None) if probabilities(scored) is None else _folds(record)
    explains, unexplained = _explainer(record, scored)
    importance = _importance(record)
    return replace(
        entry,
        plain=plain_baseline.beside(record, scored),
        scored=scored,
        curves=_curves(record),
        importance=importance if explains is None or not importance else explains.importance(importance),
        explainer=explains,
        measured=_measured(variant, scored),
        mistakes=mistakes(scored, record.task, Path("data/raw") / variant, result.comparison, folded, explains),
        notes=[note for note in (unchecked, unexplained) if note is not None],
    )


def _measured(variant: str, scored: Scored) -> Measured:
    """Return how certain the scores by class and group are, by the parameters that the gate has read."""
    values = config.read(variant)
    least = Gate(**values["gate"]).least.groups_of_slice
    return measured(scored, least=least, seed=values["seed"], **config.Evaluate(**values["evaluate"]).model_dump())


def _curves(record: Record) -> Curves | None:
    """Return what was recorded in training, by metric, with the splits as columns."""
    folder = Path("reports") / record.variant / "live/plots/metrics"
    found: dict[str, pd.DataFrame] = {}
    for path in sorted(folder.rglob("*.tsv")):
        try:
            table = pd.read_csv(path, sep="\t")[["step", path.stem]].astype(float)
        except (KeyError, ValueError):
            continue  # DVCLive writes these files; a damaged one has no curve
        table = table.rename(columns={path.stem: _split(path, folder)})
        found[path.stem] = found[path.stem].merge(table, on="step", how="outer") if path.stem in found else table
    if not found:
        return None
    return Curves(importlib.import_module(f"slipway.frameworks.{record.framework}.steps").STEP, found)


def _split(path: Path, folder: Path) -> str:
    """The split of a curve: train, val, or for a metric without a split its own name."""
    return path.stem if path.parent == folder else path.parent.name


def _importance(record: Record) -> dict[str, float]:
    """Return the importance of each feature; empty if the framework has none, or it or the native model is not here."""
    native = Path("models") / record.variant / "native"
    try:
        module = importlib.import_module(f"slipway.frameworks.{record.framework}.importance")
        found: dict[str, float] = module.importance(native) if native.exists() else {}
    except (ModuleNotFoundError, SlipwayError):
        return {}
    return found


def _explainer(record: Record, scored: Scored) -> tuple[Explainer | None, str | None]:
    """Return what explains the answers of the model; or None, and why if it is possible for such a model."""
    native, test = Path("models") / record.variant / "native", Path("data/prepared") / record.variant / "test"
    try:
        return explainer(scored, record.framework, gallery_of(record.task), native, test), None
    except SlipwayError as error:
        return None, f"What each column adds to an answer is not shown: {error}"


def _folds(record: Record) -> tuple[Scored | None, str | None]:
    """Return the predictions of a cross-validation for the examples that each fold left out; or None, and why."""
    variant = record.variant
    hint = f"run a cross-validation (slipway folds {variant}), and the report lists labels that may be wrong"
    try:
        head = git.commit("HEAD")
        experiments = f"refs/exps/{head[:2]}/{head[2:]}"  # where DVC keeps the experiments of a commit
        if not git.run("for-each-ref", "--count=1", experiments):
            return None, f"Labels are not checked: {hint}."
        complete = [one for one in folds.read(variant)[0] if not one.missing]
        if not complete:
            return None, f"Labels are not checked, because folds are missing: {hint}."
        parts = [
            audit.scored(
                record, artifacts.read(f"reports/{variant}/predictions.parquet", git.commit(f"{experiments}/{name}"))
            )
            for name in complete[0].experiments.values()
        ]
    except SlipwayError as error:
        return None, f"Labels are not checked: {error}"
    examples = pd.concat([part.examples for part in parts], ignore_index=True)
    targets, predictions = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("targets", "predictions")
    )
    return Scored(parts[0].task, record.spec, examples, targets, predictions), None


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
