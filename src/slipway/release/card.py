"""The model card: a release record as Markdown for people, with YAML metadata for the Hugging Face hub at its head.

The form follows Mitchell et al., "Model Cards for Model Reporting" (FAT* 2019): what the model is, what it is for, how
it was evaluated and on what data, and its limitations. Everything comes from the record, so equal records give equal
cards. card.md.jinja has the text, and this module computes the figures that the record does not have.
"""

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import yaml

from slipway.core.config import Register
from slipway.core.errors import ConfigError
from slipway.core.metric import CONVERSION, COUNTS, Metric
from slipway.core.protocol import Column, Task
from slipway.records.release import Record
from slipway.release import markdown
from slipway.release.markdown import UNKNOWN, Markdown
from slipway_edge.redaction import plain

FEW_GROUPS = 20
"""With fewer groups, a percentile bootstrap over groups gives intervals that are too narrow."""
FEW_EXAMPLES = 30
"""With fewer test examples of a class, its scores are very uncertain."""
MOST_VALUES = 30
"""Number of categories of a column that a card lists."""
LONGEST = 400
"""Number of characters after which a prediction is cut off."""
LIBRARY = "litert"
"""The hub's name of the library that runs TFLite."""

_TEMPLATE = markdown.environment("slipway.release").get_template("card.md.jinja")
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
"""The names and ids that are allowed in the metadata: a Markdown parser does not read them as markup either."""

Row = tuple[object, ...]


def card(record: Record, task: Task, golden: tuple[np.ndarray, np.ndarray], settings: Register) -> str:
    """Return the model card of a release, ending in a newline.

    Args:
        record: the release record.
        task: its task, which declares the metrics, the words, and how the model is called.
        golden: the inputs [n, *shape] and the outputs [n, *k] of the golden examples.
        settings: the units, and whether a golden example is shown.

    Raises:
        ConfigError: a unit is given for something that the model does not have.
    """
    inputs, outputs = golden
    metrics, words = task.metrics, task.words(record.spec)
    decoded = task.postprocess(outputs, inputs, record.spec)
    presented = task.present(decoded, list(inputs), record.spec)
    shown = next((number for number, one in enumerate(presented) if one), 0)
    usage = task.usage(record.spec, shown, inputs[shown] if settings.example else None)
    given = inputs[shown] if usage.given is None else usage.given
    (prediction,) = task.present(decoded[shown : shown + 1], [given], record.spec)
    _check_units(settings.units, [*(one.name for one in usage.columns), *record.spec["outputs"]])
    test, sides = record.dataset.test, record.dataset.splits
    delegation = record.delegation
    return _TEMPLATE.render(
        record=record,
        metadata=Markdown(yaml.safe_dump(metadata(record, words.hub), sort_keys=False)),
        level=f"{100 * (record.confidence or 0.95):g} %",
        words=words,
        output=Markdown(markdown.text(words.output).replace("{outputs}", markdown.listed(record.spec["outputs"]))),
        usage=usage,
        imports=Markdown(usage.imports),
        code=Markdown(usage.code),
        variant=Markdown(shlex.quote(" ".join(plain(record.variant).split()))),
        columns=[_column(one, settings.units) for one in usage.columns],
        heads=["column", "type", *(["unit"] if settings.units else []), "may be missing", "values"],
        units=[(name, settings.units[name]) for name in record.spec["outputs"] if name in settings.units],
        prediction=_short(prediction) if settings.example else None,
        metrics=list(_metrics(record, metrics)),
        rules=list(_rules(record, {**COUNTS, **CONVERSION, **metrics})),
        differences=list(_differences(record)),
        outside=[f"{count:,} {name}" for name, count in sorted(delegation.outside.items())] if delegation else [],
        counts=list(_counts(record)),
        found=record.dataset.quarantined + sum(one.total for name, one in sides.items() if name != "calibration"),
        rare=[name for name, count in (test.classes if test else {}).items() if count < FEW_EXAMPLES],
        few_groups=FEW_GROUPS,
        few_examples=FEW_EXAMPLES,
        folder=Markdown(json.dumps(f"models/{record.variant}")),  # a Python literal
        lineage=[(name, value) for name, value in record.lineage.model_dump().items() if value is not None],
    )


def metadata(record: Record, hub: str | None) -> dict[str, Any]:
    """Return the metadata that the Hugging Face hub reads at the head of a card; `hub` is the task's name there.

    The scores are those of the test split. Values that are not plain names or ids are left out, so nothing in the
    metadata becomes markup where a viewer does not recognise the head.
    """
    task = hub or record.task.replace("_", "-")
    tags = [task, "tflite", record.precision, "slipway", *(["simulated-data"] if record.dataset.simulated else [])]
    scores = {name: one["value"] for name, one in sorted(record.metrics.items()) if _PLAIN.fullmatch(name)}
    known: dict[str, Any] = {
        "library_name": LIBRARY,
        "license": record.license if _PLAIN.fullmatch(record.license or "") else None,
        "pipeline_tag": task,
        "tags": [tag for tag in tags if _PLAIN.fullmatch(tag)],
        "metrics": list(scores),
    }
    results = {
        "task": {"type": task, "name": markdown.words(record.task)},
        "dataset": {"type": record.variant, "name": f"{record.variant}, test split", "split": "test"},
        "metrics": [{"type": name, "name": name, "value": one} for name, one in scores.items() if one is not None],
    }
    if results["metrics"] and _PLAIN.fullmatch(record.variant):
        known["model-index"] = [{"name": record.variant, "results": [results]}]
    return {key: value for key, value in known.items() if value}


def _check_units(units: Mapping[str, str], names: Sequence[str]) -> None:
    if unknown := [name for name in units if name not in names]:
        raise ConfigError(f"register.units: the model has no {unknown[0]}; it has {', '.join(dict.fromkeys(names))}")


def _column(column: Column, units: Mapping[str, str]) -> Row:
    """Return the name of a column of a table, its type, its unit if units are known, whether values may be missing, and
    its categories."""
    missing = {True: "yes", False: "no", None: ""}[column.missing]
    values = [markdown.code(value) for value in column.values[:MOST_VALUES]]
    more = len(column.values) - MOST_VALUES
    listed = [*values, *([f"{more:,} more"] if more > 0 else []), *(["or any other"] if column.others else [])]
    kind = ", ".join(part for part in (column.kind, column.note) if part)
    unit = [units.get(column.name, "")] if units else []
    return markdown.code(column.name), kind, *unit, missing, markdown.listed(listed) if column.values else ""


def _short(prediction: Any) -> str:
    """Return a prediction with four significant digits, and without its end if it is long."""
    written = repr(_rounded(prediction))
    return written if len(written) <= LONGEST else f"{written[:LONGEST]} ..."


def _rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _rounded(one) for name, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_rounded(one) for one in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


def _metrics(record: Record, metrics: Mapping[str, Metric]) -> Iterator[Row]:
    """Yield each metric with its meaning, value and interval; metrics with a rule come first."""
    ruled = [rule.metric for rule in record.gate.rules if rule.metric in record.metrics]
    for name in dict.fromkeys([*ruled, *sorted(record.metrics)]):
        metric, figures = metrics.get(name), (record.metrics[name].get(part) for part in ("value", "low", "high"))
        value, low, high = markdown.figures(figures, None if metric is None else metric.decimals)
        described = ("", "", "") if metric is None else (metric.meaning, metric.unit, metric.better)
        yield name, *described, value, UNKNOWN if low == high == UNKNOWN else Markdown(f"{low} to {high}")


def _rules(record: Record, metrics: Mapping[str, Metric]) -> Iterator[Row]:
    for rule in record.gate.rules:
        lost = " lost in conversion" if rule.kind == "conversion" else ""
        bounds = [(sign, bound) for sign, bound in (("≥", rule.min), ("≤", rule.max)) if bound is not None]
        bounds_text = markdown.listed(Markdown(f"{sign} {markdown.bound(bound)}") for sign, bound in bounds)
        metric = metrics.get(rule.metric)
        measured = markdown.measured(rule.value, rule.low, rule.high, None if metric is None else metric.decimals)
        yield f"{rule.subject}{lost}", bounds_text, measured, markdown.strong(rule.verdict)


def _differences(record: Record) -> Iterator[Row]:
    """Yield the differences in parity: single figures first, then each group of figures."""
    parity = sorted(record.parity.items())
    for name, value in parity:
        if not isinstance(value, Mapping) and name != "agreement":
            yield markdown.words(name).lower(), markdown.figure(value)
    for group, values in parity:
        if isinstance(values, Mapping):
            for metric in sorted(values):
                yield f"{metric}, {markdown.words(group).lower()}", markdown.figure(values[metric])


def _counts(record: Record) -> Iterator[Row]:
    """Yield the number of examples of each split, overall and by class."""
    sides = list(record.dataset.splits.values())
    yield "all", *(markdown.number(side.total) for side in sides)
    for name in dict.fromkeys(name for side in sides for name in side.classes):
        counts = [(side.classes.get(name, 0), side.total) for side in sides]
        yield name, *(Markdown(f"{n:,} ({markdown.share(n / of if of else 0.0)})") for n, of in counts)
