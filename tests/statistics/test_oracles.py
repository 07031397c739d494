"""Other libraries say the same: oracles.json has what they said, and write_oracles.py asks them."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slipway.statistics.confidence_sequence import bound, interval
from slipway.statistics.covariate import adjusted
from slipway.statistics.effects import Effect, difference, lift
from slipway.statistics.fixed_share import concentrated_log_e_value_below
from slipway.statistics.moments import PairedSums, Sums
from slipway.statistics.planned_end import welch
from slipway.statistics.ratio_metrics import moments
from slipway.statistics.sample_ratio import concentrated_log_e_value

ORACLES = json.loads(Path(__file__).with_name("oracles.json").read_text(encoding="utf-8"))
EXACT = pytest.approx


def cases(name: str) -> Any:
    return pytest.mark.parametrize("case", ORACLES[name]["cases"], ids=range(len(ORACLES[name]["cases"])))


def close(expected: Any) -> Any:
    return pytest.approx(expected, rel=1e-9, abs=1e-9)


@cases("gbstats")
def test_intervals_and_p_values_are_those_of_gbstats(case: dict[str, Any]) -> None:
    """Its variance is Welch's alone, so the pooled one is left out here."""
    arms = [PairedSums(Sums(*arm["values"]), Sums(*arm["before"]), arm["products"]) for arm in case["arms"]]
    means = [arm.first.moments() for arm in arms]
    effects: dict[str, Effect] = {
        "mean absolute": difference(*means),
        "mean relative": lift(*means),
        "ratio absolute": difference(*map(moments, arms)),
        "covariate absolute": difference(*adjusted(*arms)),
    }
    for name, effect in effects.items():
        of_welch = replace(effect, pooled=effect.variance)
        found = interval(of_welch, alpha=case["alpha"], planned=case["planned"])
        assert [found.low, found.high, found.p] == close(case["found"][name]), name
    found = welch(effects["mean absolute"], alpha=case["alpha"])
    assert [found.low, found.high, found.p] == close(case["found"]["welch"])


@cases("ssrm-test")
def test_the_evidence_of_a_sample_ratio_is_that_of_ssrm_test(case: dict[str, Any]) -> None:
    counts, shares = np.cumsum(case["batches"], axis=0), np.array(case["shares"])
    for concentration, expected in case["found"].items():
        found = np.asarray(concentrated_log_e_value(counts, shares, float(concentration)))
        assert found.tolist() == close(expected), concentration


@cases("confseq")
def test_mixtures_and_bounds_are_those_of_confseq(case: dict[str, Any]) -> None:
    units, mean = case["units"], case["total"] / case["units"]
    effect = Effect(mean, 1 / units, 1 / units, units - 2.0, units, True)
    plan: dict[str, float] = {"alpha": case["alpha"], "planned": case["planned"]}
    both, lower, upper = interval(effect, **plan), bound(effect, "lower", **plan), bound(effect, "upper", **plan)
    assert both.p == close(min(1.0, np.exp(-case["two-sided"])))
    assert lower.p == close(min(1.0, np.exp(-case["one-sided"])))
    assert (both.high - both.low) / 2 * units == close(case["width"])
    assert (upper.high - mean) * units == pytest.approx(case["one-sided width"], rel=1e-9)
    assert (mean - lower.low) * units == pytest.approx(case["one-sided width"], rel=1e-9)
    above = concentrated_log_e_value_below(units - case["events"], units, 1 - case["limit"], case["concentration"])
    assert above == close(case["above"])
