"""The model card: a release record told to people, in Markdown.

The form follows Mitchell et al., "Model Cards for Model Reporting" (FAT* 2019): what the model is, what it is for,
how it was measured and on what, and where it ends. All of it comes from the record, so equal records give equal cards.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

FEW_GROUPS = 20
"""Below so many groups a percentile bootstrap over groups gives intervals that are too narrow."""
FEW_EXAMPLES = 30
"""Below so many test examples of a class its scores are hardly known."""

UNKNOWN = "n/a"

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

Record = Mapping[str, Any]


def card(record: Record) -> str:
    """The model card of a release record (schema 1), ending in a newline."""
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
    verdict = record["gate"]["verdict"]
    model = record["artifacts"]["model.tflite"]
    precision = f" in {record['precision']}" if "precision" in record else ""
    facts = [
        ("task", _words(record["task"])),
        ("trained with", str(record["framework"])),
        ("runs as", f"TFLite{precision}, {_size(model['bytes'])}"),
        *([("profile", str(record["profile"]))] if "profile" in record else []),
        ("SHA-256", f"`{model['sha256']}`"),
    ]
    return [
        f"# {record['variant']}",
        "",
        str(record["description"]).strip(),
        "",
        f"> The gate says **{verdict}**: {_MEANING[verdict]}",
        "",
        *_table(("", ""), facts),
    ]


def _interface(record: Record) -> list[str]:
    spec = record["spec"]
    one, names = spec["input"], spec["input"].get("names")
    lines = ["## Input and output", "", f"- Input: an array `{one['dtype']} {list(one['shape'])}` an example."]
    listed = ", ".join(_text(name) for name in spec["outputs"])
    lines.append(f"- Output: {_OUTPUT[spec['objective']].format(count=len(spec['outputs']), names=listed)}.")
    if spec["objective"] == "binary" and "threshold" in spec:
        lines.append(
            f"- Decision: positive from {spec['threshold']:.4g} on, a threshold chosen on the validation split."
        )
    if names:
        features = ", ".join(f"`{name}`" for name in names)
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
    metrics = record["metrics"]
    ruled = [rule["metric"] for rule in record["gate"]["rules"] if rule["metric"] in metrics]
    order = [*dict.fromkeys(ruled), *sorted(metrics.keys() - set(ruled))]
    level = f"{100 * record.get('confidence', 0.95):g} %"
    rows = []
    for name in order:
        value, low, high = _figures(metrics[name].get(part) for part in ("value", "low", "high"))
        rows.append((_text(name), value, UNKNOWN if low == high == UNKNOWN else f"{low} to {high}"))
    return [
        "## What it scores",
        "",
        f"The TFLite model on {_measured_on(record)} that it was not trained on. The intervals come from a bootstrap "
        "over groups.",
        "",
        *_table(("metric", "value", f"{level} interval"), rows, numbers=2),
    ]


def _gate(record: Record) -> list[str]:
    rules = record["gate"]["rules"]
    rows = []
    for rule in rules:
        lost = " lost in conversion" if rule.get("kind") == "conversion" else ""
        floor = "" if rule["min"] is None else f"≥ {_bound(rule['min'])}"
        ceiling = "" if rule["max"] is None else f"≤ {_bound(rule['max'])}"
        value, low, high = _figures(rule[part] for part in ("value", "low", "high"))
        measured = value if low == high == UNKNOWN else f"{value} ({low} to {high})"
        bound = ", ".join(part for part in (floor, ceiling) if part)
        rows.append((_text(f"{rule['metric']}{lost}"), bound, measured, f"**{rule['verdict']}**"))
    short = [f"- {rule['verdict']}: {_text(rule['reason'])}" for rule in rules if rule["verdict"] != "pass"]
    return [
        "## What the gate asked",
        "",
        *(_table(("metric", "rule", "measured", "verdict"), rows) if rows else ["No rules are set."]),
        *(["", *short] if short else []),
        "",
        "Latency depends on the machine: its rules are judged in the benchmark report, not here. What may be lost "
        "against the version in production is judged by `slipway gate`.",
    ]


def _parity(record: Record) -> list[str]:
    parity = record["parity"]
    unit = "shares of the mean prediction" if record["spec"]["objective"] == "regression" else "absolute"
    rows = [
        (_words(name).lower(), _figure(value))
        for name, value in sorted(parity.items())
        if not isinstance(value, Mapping) and name != "agreement"
    ]
    for group, values in sorted(parity.items()):
        if isinstance(values, Mapping):
            rows += [
                (f"{_text(metric)}, {_words(group).lower()}", _figure(values[metric])) for metric in sorted(values)
            ]
    return [
        "## What conversion cost",
        "",
        f"The TFLite model and the native one agree on {_share(parity['agreement'])} of the test examples. "
        f"Differences of predictions are {unit}.",
        "",
        *_table(("", "difference"), rows, numbers=1),
    ]


def _dataset(record: Record) -> list[str]:
    dataset = record["dataset"]
    sides = [side for side in ("train", "val", "test", "calibration") if side in dataset]
    names = list(dict.fromkeys(name for side in sides for name in dataset[side].get("classes") or {}))
    rows = [("all", *(f"{dataset[side]['total']:,}" for side in sides))]
    for name in names:
        counts = [(dataset[side].get("classes") or {}).get(name, 0) for side in sides]
        totals = [dataset[side]["total"] for side in sides]
        shares = [f"{n:,} ({_share(n / of if of else 0.0)})" for n, of in zip(counts, totals, strict=True)]
        rows.append((_text(name), *shares))
    lines = ["## What it learnt from", "", *_table(("examples", *sides), rows, numbers=len(sides))]
    if dataset.get("quarantined"):
        lines += ["", f"{dataset['quarantined']:,} examples could not be used and were left out."]
    if dataset.get("warnings"):
        lines += ["", "The preparation warned:", "", *(f"- {_text(warning)}" for warning in dataset["warnings"])]
    return lines


def _limits(record: Record) -> list[str]:
    spec, test = record["spec"], record["dataset"].get("test", {})
    lines = [f"- The scores are those of {_measured_on(record)}; other sources, seasons or devices may give others."]
    if record["dataset"].get("simulated"):
        lines.append(
            "- **The data is simulated**: the scores say that the pipeline works, and nothing about the world."
        )
    if record.get("profile", "full") != "full":
        lines.append(f"- Built with the profile `{record['profile']}`, which is quick; `full` is the one for real use.")
    if "groups" in record and record["groups"] < FEW_GROUPS:
        lines.append(
            f"- Only {record['groups']} groups were tested: the intervals are rather too narrow than too wide."
        )
    few = [name for name, count in (test.get("classes") or {}).items() if count < FEW_EXAMPLES]
    if few:
        listed = ", ".join(_text(name) for name in few)
        lines.append(f"- Fewer than {FEW_EXAMPLES} test examples show {listed}: what it scores there is hardly known.")
    if spec["objective"] == "multiclass":
        lines.append("- It names one of its classes for every input, one that shows none of them included.")
    return ["## Where it ends", "", *lines]


def _loading(record: Record) -> list[str]:
    return [
        "## How to use it",
        "",
        "```python",
        "from pathlib import Path",
        "",
        "from slipway.tflite.predictor import Predictor",
        "",
        f'predictor = Predictor.load(Path("models/{record["variant"]}"))',
        "predictor.check_golden()  # this machine computes what the build did",
        "for outputs in predictor.predict(examples):",
        "    print(outputs)",
        "```",
        "",
        f"`examples` are raw, as `slipway.tasks.{record['task']}` reads them in `encode_raw`. It needs no TensorFlow.",
    ]


def _lineage(record: Record) -> list[str]:
    files = [
        (f"`{name}`", _size(one["bytes"]), f"`{one['sha256']}`") for name, one in sorted(record["artifacts"].items())
    ]
    return [
        "## Where it comes from",
        "",
        *_table(
            ("made from", "hash"), [(_text(name), f"`{value}`") for name, value in sorted(record["lineage"].items())]
        ),
        "",
        *_table(("file", "size", "SHA-256"), files),
    ]


def _measured_on(record: Record) -> str:
    test = record["dataset"].get("test", {})
    count = record.get("examples", test.get("total"))
    examples = "test examples" if count is None else f"{count:,} test examples"
    return f"{examples} in {record['groups']:,} groups" if "groups" in record else examples


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: int = 0) -> list[str]:
    """A table whose last `numbers` columns are set flush right."""
    rule = [*["---"] * (len(head) - numbers), *["---:"] * numbers]
    return [f"| {' | '.join(cells)} |" for cells in (head, rule, *rows)]


def _figures(values: Iterable[float | None]) -> list[str]:
    """Figures of one row with the same number of decimals: four significant digits of the largest."""
    given = list(values)
    largest = max((abs(value) for value in given if value is not None), default=0.0)
    decimals = min(max(3 - math.floor(math.log10(largest)), 0), 9) if largest > 0 else 0
    return [UNKNOWN if value is None else f"{value:,.{decimals}f}" for value in given]


def _bound(value: float) -> str:
    return f"{value:,.10g}"


def _figure(value: float | None) -> str:
    return UNKNOWN if value is None else "0" if value == 0 else f"{value:.3g}"


def _share(share: float) -> str:
    """A share in percent; what is not all is not rounded to all."""
    percent = 100 * share
    return f"{percent:.1f} %" if percent <= 99.9 or percent == 100 else f"{math.floor(percent * 1000) / 1000:g} %"


def _size(count: int) -> str:
    for unit, size in (("MiB", 2**20), ("KiB", 2**10)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _text(value: object) -> str:
    """Text of unknown origin, so that it neither breaks a table nor turns into markup."""
    text = " ".join(str(value).split())
    for mark in "\\`*_[]|~":
        text = text.replace(mark, f"\\{mark}")
    return text.replace("&", "&amp;").replace("<", "&lt;")
