"""Metrics that must not get worse by more than a margin."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.statistics.effects import Effect
from slipway.statistics.guardrail import harm


def effect_of(value: float, error: float = 0.01, enough: bool = True) -> Effect:
    return Effect(value, error**2, error**2, 5_000.0, 5_000, enough)


def judged(value: float, worse: str = "higher", margin: float = 0.0, enough: bool = True) -> tuple[bool, bool]:
    """Return whether harm is shown, and whether harmlessness is."""
    found = harm(effect_of(value, enough=enough), worse=worse, margin=margin, alpha=0.05, planned=10_000)  # type: ignore[arg-type]
    assert (found.low > margin) == (found.p_harmful < 0.05)
    assert (found.high < margin) == (found.p_harmless < 0.05)
    return bool(found.low > margin), bool(found.high < margin)


@pytest.mark.parametrize(
    ("value", "worse", "margin", "harmful", "harmless"),
    [
        (0.05, "higher", 0.0, True, False),
        (0.05, "lower", 0.0, False, True),
        (-0.05, "lower", 0.0, True, False),
        (0.05, "higher", 0.05, False, False),
        (0.05, "higher", 0.10, False, True),
        (0.05, "higher", 0.01, True, False),
        (0.02, "higher", 0.0, False, False),
    ],
)
def test_harm_is_shown_harmlessness_is_shown_or_nothing_is(
    value: float, worse: str, margin: float, harmful: bool, harmless: bool
) -> None:
    assert judged(value, worse, margin) == (harmful, harmless)


def test_too_few_units_show_nothing() -> None:
    assert judged(0.9, enough=False) == (False, False)
    found = harm(effect_of(0.9, enough=False), worse="lower", margin=0, alpha=0.05, planned=100)
    assert (found.low, found.high, found.p_harmful, found.p_harmless) == (-math.inf, math.inf, 1, 1)


@given(st.floats(-0.2, 0.2), st.floats(0, 0.1), st.sampled_from(["higher", "lower"]))
def test_it_is_never_harmful_and_harmless_at_once(value: float, margin: float, worse: str) -> None:
    assert judged(value, worse, margin) != (True, True)


@given(st.floats(-0.2, 0.2), st.floats(0, 0.1), st.floats(0.001, 0.1))
def test_a_wider_margin_makes_less_harm(value: float, margin: float, wider: float) -> None:
    narrow, wide = (
        harm(effect_of(value), worse="higher", margin=one, alpha=0.05, planned=10_000)
        for one in (margin, margin + wider)
    )
    assert wide.p_harmful >= narrow.p_harmful
    assert wide.p_harmless <= narrow.p_harmless
    assert (wide.low, wide.high) == (narrow.low, narrow.high)


def test_a_margin_below_zero_is_refused() -> None:
    with pytest.raises(ValueError, match=r"the margin is -0\.1"):
        harm(effect_of(0.0), worse="higher", margin=-0.1, alpha=0.05, planned=100)
