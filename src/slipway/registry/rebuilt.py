"""The comparison of two builds from the same data and parameters: do they have the same verdict?

Training a network on another kind of processor gives other bytes (docs/decisions/0025-equal-bytes.md). The promise for
that case is an equal verdict: all rules give the same result, and the second model loses no more against the first than
the variant's rules allow, by the gate's paired comparison on the same test examples.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from slipway.core.config import Evaluate
from slipway.core.errors import ModelError
from slipway.gate import comparison
from slipway.gate.contributions import aligned
from slipway.gate.rules import Gate
from slipway.records.verdict import Judgement
from slipway.registry import audit
from slipway.registry.releases import Release


def lost(
    first: Release, first_shipped: bytes, second: Release, second_shipped: bytes, params: Mapping[str, Any]
) -> tuple[Judgement, ...]:
    """What the second build loses against the first: one judgement for each of the variant's rules on scores.

    Args:
        first, second: the two builds.
        first_shipped, second_shipped: their shipped.parquet, the predictions of each model that ships on the test
            examples.
        params: the parameters of the variant; `gate.baseline` has the rules.

    Raises:
        ModelError: the predictions cannot be read, or are for different examples.
    """
    assert first.record is not None and second.record is not None  # both were judged
    gate, settings = Gate(**params["gate"]), Evaluate(**params["evaluate"])
    new = audit.scored(second.record, second_shipped)
    old = aligned(audit.scored(first.record, first_shipped), new.examples["example"].tolist())
    if old is None:
        raise ModelError(f"{first.variant}: the two builds were not tested on the same examples")
    return comparison.compare(
        gate.baseline,
        old,
        new,
        gate.decide_on,
        **settings.model_dump(),
        seed=int(params["seed"]),
    ).rules


def same_verdict(first: Release, second: Release, losses: Iterable[Judgement]) -> bool:
    """Whether two builds have equal verdicts and no rule on what the second may lose is broken (see `lost`)."""
    return first.verdict == second.verdict and all(rule.verdict != "fail" for rule in losses)
