"""The loss through conversion, and its interval."""

import pytest

from slipway.metrics.losses import loss_interval

NOTHING = {"value": 0.0, "low": None, "high": None}


def test_the_interval_of_models_that_predict_the_same_is_zero() -> None:
    for share in (True, False):
        assert loss_interval(NOTHING, share=share, same=True, examples=3, confidence=0.95) == {
            "value": 0,
            "low": 0,
            "high": 0,
        }


@pytest.mark.parametrize(("examples", "most"), [(2, 0.841886), (120, 0.030273)])
def test_the_interval_of_a_share_that_no_example_changed_depends_on_the_number_of_examples(
    examples: int, most: float
) -> None:
    lost = loss_interval(NOTHING, share=True, same=False, examples=examples, confidence=0.95)
    assert (lost["low"], lost["high"]) == (pytest.approx(-most, abs=1e-6), pytest.approx(most, abs=1e-6))


@pytest.mark.parametrize(("share", "value"), [(False, 0.0), (True, 0.1)])
def test_any_other_loss_that_is_the_same_in_every_draw_has_no_interval(share: bool, value: float) -> None:
    lost = loss_interval(NOTHING | {"value": value}, share=share, same=False, examples=500, confidence=0.95)
    assert (lost["value"], lost["low"], lost["high"]) == (value, None, None)
