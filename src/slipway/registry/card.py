"""The model card: a release record told to people, in Markdown.

The form follows Mitchell et al., "Model Cards for Model Reporting" (FAT* 2019): what the model is, what it is for,
how it was measured and on what, and where it ends. All of it comes from the record, so equal records give equal cards.
"""

import json
from collections.abc import Mapping

from slipway import markdown
from slipway.records.release import Delegation, Record

FEW_GROUPS = 20
"""Below so many groups a percentile bootstrap over groups gives intervals that are too narrow."""
FEW_EXAMPLES = 30
"""Below so many test examples of a class its scores are hardly known."""

_MEANING = {
    "pass": "every rule is met.",
    "hold": "the data cannot tell whether every rule is met: more test data would.",
    "fail": "at least one rule is broken. Do not use this model.",
}

_OUTPUT = {
    "multiclass": "the probabilities of {count} classes, in this order: {names}",
    "binary": "the probability of {names}",
    "regression": "{names}, in the unit of the raw data",
    "keypoints": "place and score of {count} keypoints, in this order: {names}",
    "boxes": "boxes with a score, each around one of: {names}",
}


def card(record: Record) -> str:
    """The model card of a release record, ending in a newline."""
    sections = [
        _summary(record),
        _interface(record),
        _metrics(record),
        _gate(record),
        _parity(record),
        _dataset(record),
        _limits(record),
        _loading(record),
        _lineage(record),
    ]
    return "\n\n".join("\n".join(lines) for lines in sections) + "\n"


def _summary(record: Record) -> list[str]:
    verdict = record.gate.verdict
    model = record.model
    facts = [
        ("task", markdown.text(markdown.words(record.task))),
        ("trained with", markdown.text(record.framework)),
        ("runs as", f"TFLite in {markdown.text(record.precision)}, {markdown.size(model.bytes)}"),
        ("profile", markdown.text(record.profile)),
        ("SHA-256", markdown.code(model.sha256)),
    ]
    return [
        f"# {markdown.text(record.variant)}",
        "",
        markdown.text(record.description),
        "",
        f"> The gate says **{verdict}**: {_MEANING[verdict]}",
        "",
        *markdown.table(("", ""), facts),
    ]


def _interface(record: Record) -> list[str]:
    spec = record.spec
    one, names = spec["input"], spec["input"].get("names")
    array = markdown.code(f"{one['dtype']} {list(one['shape'])}")
    lines = ["## Input and output", "", f"- Input: an array {array} an example."]
    listed = ", ".join(markdown.text(name) for name in spec["outputs"])
    lines.append(f"- Output: {_OUTPUT[spec['objective']].format(count=len(spec['outputs']), names=listed)}.")
    if spec["objective"] == "binary" and "threshold" in spec:
        lines.append(
            f"- Decision: positive from {spec['threshold']:.4g} on, a threshold chosen on the validation split."
        )
    if names:
        features = ", ".join(map(markdown.code, names))
        lines += [
            "",
            f"<details><summary>The {len(names)} features, in order</summary>",
            "",
            features,
            "",
            "</details>",
        ]
    return lines


def _metrics(record: Record) -> list[str]:
    metrics = record.metrics
    ruled = [rule.metric for rule in record.gate.rules if rule.metric in metrics]
    order = [*dict.fromkeys(ruled), *sorted(metrics.keys() - set(ruled))]
    level = f"{100 * (record.confidence or 0.95):g} %"
    rows = []
    for name in order:
        value, low, high = markdown.figures(metrics[name].get(part) for part in ("value", "low", "high"))
        rows.append(
            (markdown.text(name), value, markdown.UNKNOWN if low == high == markdown.UNKNOWN else f"{low} to {high}")
        )
    return [
        "## What it scores",
        "",
        f"The TFLite model on {_measured_on(record)} that it was not trained on. The intervals come from a bootstrap "
        "over groups.",
        "",
        *markdown.table(("metric", "value", f"{level} interval"), rows, numbers=2),
    ]


def _gate(record: Record) -> list[str]:
    rules = record.gate.rules
    rows = []
    for rule in rules:
        lost = " lost in conversion" if rule.kind == "conversion" else ""
        floor = "" if rule.min is None else f"≥ {markdown.bound(rule.min)}"
        ceiling = "" if rule.max is None else f"≤ {markdown.bound(rule.max)}"
        value, low, high = markdown.figures([rule.value, rule.low, rule.high])
        measured = value if low == high == markdown.UNKNOWN else f"{value} ({low} to {high})"
        bound = ", ".join(part for part in (floor, ceiling) if part)
        rows.append((markdown.text(f"{rule.subject}{lost}"), bound, measured, f"**{markdown.text(rule.verdict)}**"))
    short = [
        f"- {markdown.text(rule.verdict)}: {markdown.text(rule.reason)}" for rule in rules if rule.verdict != "pass"
    ]
    return [
        "## What the gate asked",
        "",
        *(markdown.table(("metric", "rule", "measured", "verdict"), rows) if rows else ["No rules are set."]),
        *(["", *short] if short else []),
        "",
        "Latency depends on the machine: its rules are judged in the benchmark report, not here. What may be lost "
        "against the version in production is judged by `slipway gate`.",
    ]


def _parity(record: Record) -> list[str]:
    parity = record.parity
    unit = "shares of the mean prediction" if record.spec["objective"] == "regression" else "absolute"
    rows = [
        (markdown.text(markdown.words(name).lower()), markdown.figure(value))
        for name, value in sorted(parity.items())
        if not isinstance(value, Mapping) and name != "agreement"
    ]
    for group, values in sorted(parity.items()):
        if isinstance(values, Mapping):
            rows += [
                (markdown.text(f"{metric}, {markdown.words(group).lower()}"), markdown.figure(values[metric]))
                for metric in sorted(values)
            ]
    return [
        "## What conversion cost",
        "",
        f"The TFLite model and the native one agree on {markdown.share(record.agreement)} of the test examples. "
        f"Differences of predictions are {unit}.",
        "",
        *markdown.table(("", "difference"), rows, numbers=1),
        *(["", _delegated(record.delegation)] if record.delegation is not None else []),
    ]


def _delegated(delegation: Delegation) -> str:
    count, outside = delegation.partitions, delegation.outside
    left = ", ".join(f"{number:,} {markdown.text(name)}" for name, number in sorted(outside.items())) or "nothing"
    return (
        f"XNNPACK, the kernels for processors, runs it in {count:,} partition{'s' * (count != 1)}; "
        f"left to LiteRT's own: {left}."
    )


def _dataset(record: Record) -> list[str]:
    dataset = record.dataset
    sides = list(dataset.splits.values())
    names = list(dict.fromkeys(name for side in sides for name in side.classes))
    rows = [("all", *(f"{side.total:,}" for side in sides))]
    for name in names:
        counts = [(side.classes.get(name, 0), side.total) for side in sides]
        shares = [f"{n:,} ({markdown.share(n / of if of else 0.0)})" for n, of in counts]
        rows.append((markdown.text(name), *shares))
    lines = ["## What it learnt from", "", *markdown.table(("examples", *dataset.splits), rows, numbers=len(sides))]
    if dataset.quarantined:
        found = dataset.quarantined + sum(one.total for name, one in dataset.splits.items() if name != "calibration")
        share = markdown.share(dataset.quarantined / found)
        lines += [
            "",
            f"{dataset.quarantined:,} of {found:,} examples ({share}) could not be used and were left out.",
        ]
    if dataset.warnings:
        lines += [
            "",
            "The preparation warned:",
            "",
            *(f"- {markdown.text(warning)}" for warning in dataset.warnings),
        ]
    return lines


def _limits(record: Record) -> list[str]:
    spec, test = record.spec, record.dataset.test
    lines = [f"- The scores are those of {_measured_on(record)}; other sources, seasons or devices may give others."]
    if record.dataset.simulated:
        lines.append(
            "- **The data is simulated**: the scores say that the pipeline works, and nothing about the world."
        )
    if record.profile != "full":
        profile = markdown.code(record.profile)
        lines.append(f"- Built with the profile {profile}, which is quick; `full` is the one for real use.")
    if record.groups < FEW_GROUPS:
        lines.append(f"- Only {record.groups} groups were tested: the intervals are rather too narrow than too wide.")
    few = [name for name, count in (test.classes if test else {}).items() if count < FEW_EXAMPLES]
    if few:
        listed = ", ".join(markdown.text(name) for name in few)
        lines.append(f"- Fewer than {FEW_EXAMPLES} test examples show {listed}: what it scores there is hardly known.")
    if spec["objective"] == "multiclass":
        lines.append("- It names one of its classes for every input, one that shows none of them included.")
    return ["## Where it ends", "", *lines]


def _loading(record: Record) -> list[str]:
    folder, task = f"models/{record.variant}", markdown.code(f"slipway.tasks.{record.task}")
    return [
        "## How to use it",
        "",
        "```python",
        "from pathlib import Path",
        "",
        "from slipway.tflite.predictor import Predictor",
        "",
        f"predictor = Predictor.load(Path({json.dumps(folder)}))",
        "predictor.check_golden()  # this machine computes what the build did",
        "for outputs in predictor.predict(examples):",
        "    print(outputs)",
        "```",
        "",
        f"`examples` are raw, as {task} reads them in `encode_raw`. It needs no TensorFlow.",
    ]


def _lineage(record: Record) -> list[str]:
    files = [
        (markdown.code(name), markdown.size(one.bytes), markdown.code(one.sha256))
        for name, one in sorted(record.artifacts.items())
    ]
    return [
        "## Where it comes from",
        "",
        *markdown.table(
            ("made from", "hash"),
            [
                (markdown.text(markdown.words(name).lower()), markdown.code(value))
                for name, value in record.lineage.model_dump().items()
                if value is not None
            ],
        ),
        "",
        *markdown.table(("file", "size", "SHA-256"), files),
    ]


def _measured_on(record: Record) -> str:
    return f"{record.examples:,} test examples in {record.groups:,} groups"
