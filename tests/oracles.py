"""What other libraries say of random sums, beside what slipway.statistics says: tests/statistics/oracles.json."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from slipway.statistics.confidence_sequence import bound, interval
from slipway.statistics.covariate import adjusted
from slipway.statistics.effects import Effect, difference, lift
from slipway.statistics.fixed_share import concentrated_log_e_value_below
from slipway.statistics.moments import PairedSums, Sums
from slipway.statistics.planned_end import welch
from slipway.statistics.ratio_metrics import moments
from slipway.statistics.sample_ratio import concentrated_log_e_value

RECORDED = json.loads(Path(__file__).with_name("statistics").joinpath("oracles.json").read_text(encoding="utf-8"))
"""By library: its version, and its cases, each with its inputs and what the library found."""

Case = dict[str, Any]
Pair = tuple[str, float, float]
"""The name of a figure, ours and theirs."""


def of_gbstats(case: Case) -> Iterator[Pair]:
    """Intervals and p-values. The variance of gbstats is Welch's alone, so the pooled one is left out."""
    arms = [PairedSums(Sums(*arm["values"]), Sums(*arm["before"]), arm["products"]) for arm in case["arms"]]
    means = [arm.first.moments() for arm in arms]
    effects = {
        "mean absolute": difference(*means),
        "mean relative": lift(*means),
        "ratio absolute": difference(*map(moments, arms)),
        "covariate absolute": difference(*adjusted(*arms)),
    }
    found = {
        name: interval(replace(effect, pooled=effect.variance), alpha=case["alpha"], planned=case["planned"])
        for name, effect in effects.items()
    }
    found["welch"] = welch(effects["mean absolute"], alpha=case["alpha"])
    for name, one in found.items():
        for part, ours, theirs in zip(
            ("low", "high", "p"), (one.low, one.high, one.p), case["found"][name], strict=True
        ):
            yield f"{name} {part}", float(ours), theirs


def of_ssrm_test(case: Case) -> Iterator[Pair]:
    """The evidence after each batch, by concentration."""
    counts, shares = np.cumsum(case["batches"], axis=0), np.array(case["shares"])
    for concentration, theirs in case["found"].items():
        ours = np.asarray(concentrated_log_e_value(counts, shares, float(concentration)))
        for look, pair in enumerate(zip(ours.tolist(), theirs, strict=True)):
            yield f"k = {concentration}, look {look}", *pair


def of_confseq(case: Case) -> Iterator[Pair]:
    """The normal mixtures, two-sided and one-sided, their bounds, and the one-sided beta mixture."""
    units, mean = case["units"], case["total"] / case["units"]
    effect = Effect(mean, 1 / units, 1 / units, units - 2.0, units, True)
    plan: dict[str, float] = {"alpha": case["alpha"], "planned": case["planned"]}
    both, lower, upper = interval(effect, **plan), bound(effect, "lower", **plan), bound(effect, "upper", **plan)
    yield "two-sided p", float(both.p), min(1.0, float(np.exp(-case["two-sided"])))
    yield "one-sided p", float(lower.p), min(1.0, float(np.exp(-case["one-sided"])))
    yield "width", float(both.high - both.low) / 2 * units, case["width"]
    yield "upper bound", float(upper.high - mean) * units, case["one-sided width"]
    yield "lower bound", float(mean - lower.low) * units, case["one-sided width"]
    above = concentrated_log_e_value_below(units - case["events"], units, 1 - case["limit"], case["concentration"])
    yield "share above a limit", float(above), case["above"]


COMPARED: dict[str, Callable[[Case], Iterator[Pair]]] = {
    "gbstats": of_gbstats,
    "ssrm-test": of_ssrm_test,
    "confseq": of_confseq,
}
