"""Two builds of the same data and parameters: do they come to one verdict?

Networks train to other bytes on another kind of processor (docs/decisions/0025-equal-bytes.md). What is promised there
is the verdict: that of all rules, and the second model beside the first on the same test examples, by the gate's paired
comparison and the variant's own rules on what may be lost.
"""

from collections.abc import Mapping
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
    """What the second build loses against the first, a judgement for each rule on scores of the variant.

    Args:
        first, second: the two builds.
        first_shipped, second_shipped: their shipped.parquet, what each model that ships says of the test examples.
        params: the variant's, whose `gate.baseline` has the rules.

    Raises:
        ModelError: the predictions cannot be read, or are not of the same examples.
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
        resamples=settings.resamples,
        confidence=settings.confidence,
        seed=int(params["seed"]),
    ).rules
