"""A model beside its plain baseline: what is said for better, worse and uncertain differences."""

import numpy as np
import pandas as pd
import pytest

from slipway import tasks
from slipway.core.metric import Metric
from slipway.gate.contributions import Scored
from slipway.gate.plain_baseline import Beside, of_predictions, of_scores, said
from slipway.metrics.regression import METRICS

ACCURACY = tasks.metrics("image_classification")["accuracy"]
MAE = METRICS["mae"]
TASK = tasks.load("image_classification", {"height": 8, "width": 8})


def model(right: np.ndarray) -> Scored:
    """A model of two classes that is right for the examples [n], each its own group, where `right` [n] is true."""
    targets = np.arange(len(right)) % 2
    names = [f"e{number}" for number in range(len(right))]
    examples = pd.DataFrame({"example": names, "group": names, "label": np.array(["a", "b"])[targets]})
    predictions = np.eye(2)[np.where(right, targets, 1 - targets)] * 0.8 + 0.1
    return Scored(TASK, {"outputs": ["a", "b"], "classes": ["a", "b"]}, examples, targets, predictions)


@pytest.mark.parametrize(
    ("metric", "scores", "ends", "outcome", "figures"),
    [
        (
            ACCURACY,
            (0.71, 0.64),
            (0.03, 0.11),
            "beats the plain baseline",
            "accuracy 0.7100, plain baseline 0.6400: 0.0700 better (0.0300 to 0.1100 better)",
        ),
        (
            ACCURACY,
            (0.71, 0.68),
            (-0.01, 0.07),
            "is better than the plain baseline, perhaps by chance",
            "accuracy 0.7100, plain baseline 0.6800: 0.0300 better (0.0100 worse to 0.0700 better)",
        ),
        (
            ACCURACY,
            (0.65, 0.68),
            (-0.06, -0.01),
            "does not beat the plain baseline",
            "accuracy 0.6500, plain baseline 0.6800: 0.0300 worse (0.0600 to 0.0100 worse)",
        ),
        (ACCURACY, (0.7, 0.7), None, "does not beat the plain baseline", None),
        (MAE, (90.0, 120.0), None, "is better than the plain baseline", "mae 90, plain baseline 120: 30 better"),
        (MAE, (120.0, 90.0), None, "does not beat the plain baseline", "mae 120, plain baseline 90: 30 worse"),
    ],
)
def test_the_outcome_is_said_in_words_with_both_scores(
    metric: Metric, scores: tuple[float, float], ends: tuple[float, float] | None, outcome: str, figures: str | None
) -> None:
    found = of_scores(metric, *scores)
    assert found is not None
    if ends is not None:
        found = Beside(found.metric, found.model, found.plain, found.better, *ends)
    assert said(found) == (outcome, figures or found.figures)


def test_the_interval_of_the_difference_is_paired() -> None:
    """Both models are wrong for the same hard examples, so few of them decide a small difference."""
    easy = np.random.default_rng(1).random(300) < 0.6
    better = easy.copy()
    better[np.flatnonzero(~easy)[:15]] = True
    draws = {"resamples": 100, "confidence": 0.95, "seed": 1}
    found, back, same = (
        of_predictions(model(one), model(other), **draws)
        for one, other in ((better, easy), (easy, better), (easy, easy))
    )
    assert found is not None and back is not None and same is not None
    assert found.better == pytest.approx(0.05) and found.low is not None and found.low > 0
    assert back.better == pytest.approx(-0.05) and back.high == pytest.approx(-found.low)
    assert (found.outcome, back.outcome) == ("beats the plain baseline", "does not beat the plain baseline")
    assert (same.better, same.low, same.high, same.beats) == (0, 0, 0, False)


@pytest.mark.parametrize("scores", [(None, 0.5), (0.5, None), (float("nan"), 0.5)])
def test_a_score_that_is_not_defined_is_not_compared(scores: tuple[float | None, float | None]) -> None:
    assert of_scores(ACCURACY, *scores) is None
    assert said("why not") == ("not compared", "why not")
