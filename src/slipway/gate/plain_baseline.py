"""A model beside the plain baseline of its task: is it better on the test examples, and how certain is that?

This informs, and is no rule: no verdict depends on it. The difference and its interval are those of a rule against the
version in production (`slipway.gate.comparison`): both models are scored on the same draws.
"""

import math
from dataclasses import dataclass

from slipway.core.metric import Metric
from slipway.gate import comparison
from slipway.gate.contributions import Scored
from slipway.gate.rules import Baseline, BaselineLoss


@dataclass(frozen=True)
class Beside:
    """The main score of a model and that of its plain baseline.

    `better`: by how much the model is better, negative if it is worse, with the interval `low` to `high`; both ends are
    None where there is no interval.
    """

    metric: Metric
    model: float
    plain: float
    better: float
    low: float | None = None
    high: float | None = None

    @property
    def beats(self) -> bool:
        """Whether the model has the better score."""
        return self.better > 0

    @property
    def outcome(self) -> str:
        """Return in words whether the model is better."""
        if not self.beats:
            return "does not beat the plain baseline"
        if self.low is None:
            return "is better than the plain baseline"
        return "beats the plain baseline" if self.low > 0 else "is better than the plain baseline, perhaps by chance"

    @property
    def figures(self) -> str:
        """Return both scores and their difference with its interval, as text."""
        name, model, plain = self.metric.name, self._number(self.model), self._number(self.plain)
        said = f"{name} {model}, plain baseline {plain}: {self._change(self.better)}"
        if self.low is None or self.high is None:
            return said
        low, high = self._change(self.low), self._change(self.high)
        if low.split()[1] == high.split()[1]:
            low = low.split()[0]
        return f"{said} ({low} to {high})"

    def _change(self, better: float) -> str:
        return f"{self._number(abs(better))} {'worse' if better < 0 else 'better'}"

    def _number(self, value: float) -> str:
        decimals = self.metric.decimals
        return f"{value:,.4g}" if decimals is None else f"{value:,.{decimals}f}"


def said(beside: Beside | str) -> tuple[str, str]:
    """Return the outcome and its figures, as text, for a comparison or for the reason why there is none."""
    return ("not compared", beside) if isinstance(beside, str) else (beside.outcome, beside.figures)


def of_scores(metric: Metric, model: float | None, plain: float | None) -> Beside | None:
    """Compare two scores, without an interval; None where one of them is not defined."""
    if model is None or plain is None or not math.isfinite(model) or not math.isfinite(plain):
        return None
    return Beside(metric, model, plain, plain - model if metric.lower_is_better else model - plain)


def of_predictions(model: Scored, plain: Scored, *, resamples: int, confidence: float, seed: int) -> Beside | None:
    """Compare the main score of a model with that of a plain baseline; None where one of them is not defined.

    Args:
        model: the model that ships, on the test examples.
        plain: the baseline, on the same examples in the same order.
        resamples: number of draws for scores that are not ratios of sums.
        confidence: confidence level of the interval, e.g. 0.95.
        seed: seed of the draws.
    """
    name = model.task.headline[0]
    found = of_scores(model.task.metrics[name], model.score()[name], plain.score()[name])
    if found is None:
        return None
    (lost,) = comparison.compare(
        Baseline(overall={name: BaselineLoss(most=0)}),
        plain,
        model,
        "point",
        resamples=resamples,
        confidence=confidence,
        seed=seed,
    ).rules
    if lost.low is None or lost.high is None:
        return found
    return Beside(found.metric, found.model, found.plain, found.better, -lost.high, -lost.low)
