"""The text of conf/variant/<variant>.yaml for a new variant.

The gate's floor is halfway between the score of a model that has learnt nothing and 1. For the share of correct
decisions, that score is the share of the most frequent class.
"""

import math
from collections.abc import Mapping
from typing import Any

import yaml

from slipway.core.metric import Metric
from slipway.data.rows.proposal import LEFT_OUT, Proposal

Chance = tuple[str, float, str]
"""A metric, its value for a model that has learnt nothing, and what that value is, in words."""


def most_frequent(metrics: Mapping[str, Metric], classes: Mapping[str, Mapping[str, int]]) -> Chance | None:
    """Return the share of the most frequent class, as a score; None if no metric counts correct decisions."""
    metric = next((name for name, metric in metrics.items() if metric.right), None)
    if metric is None:
        return None
    counts = {name: one["examples"] for name, one in classes.items()}
    most = max(counts, key=counts.__getitem__, default="")
    return metric, counts[most] / sum(counts.values()) if counts else 0.0, f"the share of {most!r}"


def floor(chance: Chance | None) -> str:
    """Return the section `gate` with the floor of a metric; empty if a score without skill is not known."""
    if chance is None:
        return ""
    metric, score, what = chance
    why = f"halfway from {score:.2f}, {what}, to 1; replace it with your own requirement"
    return f"gate:\n  rules:\n    {metric}: {{min: {math.floor(500 * (1 + score)) / 1000}}} # {why}\n"


def text(
    variant: str,
    groups: Mapping[str, str],
    precision: str,
    own: Mapping[str, Mapping[str, Any]],
    gate: str,
    proposed: Proposal | None,
    comments: Mapping[str, str],
) -> str:
    """Return the text of the file.

    Args:
        variant: its name.
        groups: the option of each configuration group.
        precision: `convert.precision`.
        own: the variant's own values, by section.
        gate: the section `gate`, as text; see `floor`.
        proposed: the columns of a table, of which those that are left out become a comment.
        comments: on keys of the sections, by key, and on groups, by `/group`.
    """
    parts = [
        "# @package _global_\n# What this variant is for.\ndefaults:\n"
        + "".join(
            f"  - override /{name}: {option}{f' # {comments[key]}' if (key := f'/{name}') in comments else ''}\n"
            for name, option in groups.items()
        ),
        *([] if proposed is None else [_left_out(proposed)]),
        *(_dumped(section, values, comments) for section, values in own.items()),
        f"convert:\n  precision: {precision}\n",
        *([gate] if gate else []),
        f"register:\n  name: {variant.replace('-', '_')}\n  description: {variant}, trained on your own data.\n",
    ]
    return "\n".join(parts)


def _dumped(section: str, values: Mapping[str, Any], comments: Mapping[str, str]) -> str:
    """A section as YAML, with lists and mappings in it in flow style, and the comments at the ends of lines."""
    how: Any = {"allow_unicode": True, "width": 110, "sort_keys": False}
    lines = []
    for key, value in values.items():
        flow = isinstance(value, list | dict)
        text = (
            f"{key}: {yaml.safe_dump(value, default_flow_style=True, **how)}"
            if flow
            else yaml.safe_dump({key: value}, **how)
        )
        *first, last = text.splitlines()
        lines += [*first, f"{last} # {comments[key]}" if key in comments else last]
    return f"{section}:\n" + "".join(f"  {line}\n" for line in lines)


def _left_out(proposed: Proposal) -> str:
    """A comment on the columns that the model does not see."""
    left = [f"{one.name!r} ({one.kind})" for one in proposed.columns if one.kind in LEFT_OUT]
    return f"# Columns left out: {', '.join(left)}\n" if left else "# No column is left out.\n"
