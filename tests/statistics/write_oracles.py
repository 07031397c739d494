"""Write tests/statistics/oracles.json: what other libraries say of random sums, for test_oracles.py to compare with.

The libraries are not installed with Slipway: they need older packages, and confseq is compiled, with Boost
(`libboost-dev`). In an environment of their own:

    pip install gbstats==0.8.0 ssrm-test==0.1.5 confseq==0.0.11
    python tests/statistics/write_oracles.py
"""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

np.Inf = np.inf  # ssrm-test is older than NumPy 2
from confseq.boundaries import beta_binomial_log_mixture, normal_log_mixture, normal_mixture_bound  # noqa: E402
from gbstats.frequentist.tests import (  # noqa: E402
    FrequentistConfig,
    SequentialConfig,
    SequentialTwoSidedTTest,
    TwoSidedTTest,
)
from gbstats.models.statistics import (  # noqa: E402
    RatioStatistic,
    RegressionAdjustedStatistic,
    SampleMeanStatistic,
)
from ssrm_test.ssrm_test import sequential_bayes_factors  # noqa: E402

PATH = Path(__file__).with_name("oracles.json")
CASES = 20

Case = dict[str, Any]


def sums(values: np.ndarray) -> list[float]:
    """Return the number, the sum and the sum of squares of values [n]."""
    return [len(values), float(values.sum()), float(values @ values)]


def statistic(values: np.ndarray) -> SampleMeanStatistic:
    """Return the sums of values [n] as gbstats has them."""
    count, total, squares = sums(values)
    return SampleMeanStatistic(n=int(count), sum=total, sum_squares=squares)


def draw(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw a value and a related one before it, of 100 to 400 units."""
    before = random.gamma(2, 3, random.integers(100, 400)) + 1
    return 2 + random.uniform(0, 1) * before + random.normal(0, 2, len(before)), before


def of_gbstats(random: np.random.Generator) -> Case:
    """Draw two arms and return their sums and the intervals of gbstats, by kind of metric and test."""
    arms = [draw(random) for _ in range(2)]
    alpha, plan = float(random.uniform(0.005, 0.2)), float(random.integers(200, 5_000))
    statistics = {
        "mean": [statistic(values) for values, _ in arms],
        "ratio": [
            RatioStatistic(
                n=len(values),
                m_statistic=statistic(values),
                d_statistic=statistic(before),
                m_d_sum_of_products=float(values @ before),
            )
            for values, before in arms
        ],
        "covariate": [
            RegressionAdjustedStatistic(
                n=len(values),
                post_statistic=statistic(values),
                pre_statistic=statistic(before),
                post_pre_sum_of_products=float(values @ before),
                theta=0,
            )
            for values, before in arms
        ],
    }
    found: Case = {}
    for kind, (control, treatment) in statistics.items():
        for scale in ("absolute", "relative") if kind == "mean" else ("absolute",):
            sequence = SequentialTwoSidedTTest(
                control,
                treatment,
                SequentialConfig(difference_type=scale, alpha=alpha, sequential_tuning_parameter=plan / 2),
            )
            found[f"{kind} {scale}"] = [*map(float, sequence.confidence_interval), float(sequence.p_value)]
    fixed = TwoSidedTTest(*statistics["mean"], FrequentistConfig(difference_type="absolute", alpha=alpha))
    found["welch"] = [*map(float, fixed.confidence_interval), float(fixed.p_value)]
    return {
        "alpha": alpha,
        "planned": plan,
        "arms": [
            {"values": sums(values), "before": sums(before), "products": float(values @ before)}
            for values, before in arms
        ],
        "found": found,
    }


def of_ssrm(random: np.random.Generator) -> Case:
    """Draw counts in batches and return the logarithm of the Bayes factor of ssrm-test after each, by concentration."""
    arms = int(random.integers(2, 5))
    shares = random.dirichlet(np.full(arms, 5.0))
    batches = random.multinomial(random.integers(1, 200), random.dirichlet(shares * 500), 8)
    found = {
        str(k): np.log(sequential_bayes_factors(batches, shares, dirichlet_concentration=k)).tolist()
        for k in (1, 100, 10_000)
    }
    return {"shares": shares.tolist(), "batches": batches.tolist(), "found": found}


def of_confseq(random: np.random.Generator) -> Case:
    """Draw a sum of units of variance 1, and outcomes, and return the mixtures of confseq."""
    units, plan, alpha = (
        int(random.integers(100, 5_000)),
        int(random.integers(200, 10_000)),
        float(random.uniform(0.01, 0.2)),
    )
    total = float(random.normal(0, 2) * np.sqrt(units))
    limit, concentration = float(random.uniform(0.05, 0.95)), float(random.choice([1.0, 100.0, 10_000.0]))
    events = int(random.binomial(units, limit))
    evidence = 2 * np.log(1 / 0.1) + np.log(1 + 2 * np.log(1 / 0.1))  # its tuning for alpha_opt = 0.05, one-sided
    variance = limit * (1 - limit)
    return {
        "units": units,
        "planned": plan,
        "alpha": alpha,
        "total": total,
        "two-sided": normal_log_mixture(total, units, plan / 2, alpha, False),
        "one-sided": normal_log_mixture(total, units, plan / 2, alpha, True),
        "width": normal_mixture_bound(units, alpha, plan / 2, alpha, False),
        "one-sided width": normal_mixture_bound(units, alpha, plan / 2, alpha, True),
        "limit": limit,
        "concentration": concentration,
        "events": events,
        "above": beta_binomial_log_mixture(
            events - units * limit,
            variance * units,
            variance * (concentration + 1) * evidence,
            limit,
            1 - limit,
            0.05,
            True,
        ),
    }


def main() -> None:
    """Draw, ask and write."""
    random = np.random.default_rng(20_270)
    cases: Case = {
        name: {"version": version(name), "cases": [ask(random) for _ in range(CASES)]}
        for name, ask in (("gbstats", of_gbstats), ("ssrm-test", of_ssrm), ("confseq", of_confseq))
    }
    lines = [
        f'  "{name}": {{"version": "{one["version"]}", "cases": [\n'
        + ",\n".join(f"    {json.dumps(case)}" for case in one["cases"])
        + "\n  ]}"
        for name, one in cases.items()
    ]
    PATH.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
