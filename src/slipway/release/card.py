"""The model card: a release record told to people, in Markdown, and to the Hugging Face hub, in YAML at its head.

The form follows Mitchell et al., "Model Cards for Model Reporting" (FAT* 2019): what the model is, what it is for,
how it was measured and on what, and where it ends. All of it comes from the record, so equal records give equal cards.
card.md.jinja has the words, and this module the figures that are not in the record as such.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from slipway.core.metric import CONVERSION, COUNTS, Metric
from slipway.core.protocol import Words
from slipway.records.release import Record
from slipway.release import markdown
from slipway.release.markdown import UNKNOWN, Markdown

FEW_GROUPS = 20
"""Below so many groups a percentile bootstrap over groups gives intervals that are too narrow."""
FEW_EXAMPLES = 30
"""Below so many test examples of a class its scores are hardly known."""
LIBRARY = "litert"
"""What the hub calls the library that runs TFLite."""

_TEMPLATE = markdown.environment("slipway.release").get_template("card.md.jinja")
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
"""What may stand in the metadata: names and ids, which no reader of Markdown takes for markup either."""

Row = tuple[object, ...]


def card(record: Record, metrics: Mapping[str, Metric], words: Words) -> str:
    """The model card of a release record, ending in a newline; its task declares the metrics and has the words."""
    test, sides = record.dataset.test, record.dataset.splits
    delegation = record.delegation
    return _TEMPLATE.render(
        record=record,
        metadata=Markdown(yaml.safe_dump(metadata(record), sort_keys=False)),
        level=f"{100 * (record.confidence or 0.95):g} %",
        words=words,
        output=Markdown(markdown.text(words.output).replace("{outputs}", markdown.listed(record.spec["outputs"]))),
        metrics=list(_metrics(record, metrics)),
        rules=list(_rules(record, {**COUNTS, **CONVERSION, **metrics})),
        differences=list(_differences(record)),
        outside=[f"{count:,} {name}" for name, count in sorted(delegation.outside.items())] if delegation else [],
        counts=list(_counts(record)),
        found=record.dataset.quarantined + sum(one.total for name, one in sides.items() if name != "calibration"),
        rare=[name for name, count in (test.classes if test else {}).items() if count < FEW_EXAMPLES],
        few_groups=FEW_GROUPS,
        few_examples=FEW_EXAMPLES,
        folder=Markdown(json.dumps(f"models/{record.variant}")),  # a literal of Python
        lineage=[(name, value) for name, value in record.lineage.model_dump().items() if value is not None],
    )


def metadata(record: Record) -> dict[str, Any]:
    """What the Hugging Face hub reads at the head of a card.

    Scores are those of the test split. What is no plain name or id is left out, so that nothing here is markup where
    the head of a page is not known.
    """
    task = record.task.replace("_", "-")
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


def _metrics(record: Record, metrics: Mapping[str, Metric]) -> Iterator[Row]:
    """Each metric with what it is, its value and interval, those first that a rule is on."""
    ruled = [rule.metric for rule in record.gate.rules if rule.metric in record.metrics]
    for name in dict.fromkeys([*ruled, *sorted(record.metrics)]):
        metric, figures = metrics.get(name), (record.metrics[name].get(part) for part in ("value", "low", "high"))
        value, low, high = markdown.figures(figures, None if metric is None else metric.decimals)
        told = ("", "", "") if metric is None else (metric.meaning, metric.unit, metric.better)
        yield name, *told, value, UNKNOWN if low == high == UNKNOWN else Markdown(f"{low} to {high}")


def _rules(record: Record, metrics: Mapping[str, Metric]) -> Iterator[Row]:
    for rule in record.gate.rules:
        lost = " lost in conversion" if rule.kind == "conversion" else ""
        bounds = [(sign, bound) for sign, bound in (("≥", rule.min), ("≤", rule.max)) if bound is not None]
        asked = markdown.listed(Markdown(f"{sign} {markdown.bound(bound)}") for sign, bound in bounds)
        metric = metrics.get(rule.metric)
        measured = markdown.measured(rule.value, rule.low, rule.high, None if metric is None else metric.decimals)
        yield f"{rule.subject}{lost}", asked, measured, markdown.strong(rule.verdict)


def _differences(record: Record) -> Iterator[Row]:
    """What parity says, first in all and then by group of figures."""
    parity = sorted(record.parity.items())
    for name, value in parity:
        if not isinstance(value, Mapping) and name != "agreement":
            yield markdown.words(name).lower(), markdown.figure(value)
    for group, values in parity:
        if isinstance(values, Mapping):
            for metric in sorted(values):
                yield f"{metric}, {markdown.words(group).lower()}", markdown.figure(values[metric])


def _counts(record: Record) -> Iterator[Row]:
    """How many examples each split has, in all and by class."""
    sides = list(record.dataset.splits.values())
    yield "all", *(markdown.number(side.total) for side in sides)
    for name in dict.fromkeys(name for side in sides for name in side.classes):
        counts = [(side.classes.get(name, 0), side.total) for side in sides]
        yield name, *(Markdown(f"{n:,} ({markdown.share(n / of if of else 0.0)})") for n, of in counts)
