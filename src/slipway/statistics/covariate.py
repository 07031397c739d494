"""Less variance by what was known of the units before (CUPED).

A value that a unit had before its first exposure cannot depend on its arm. What it explains of the metric is
subtracted. The expected difference of the arms stays, and its variance falls by the square of the correlation (Deng,
Xu, Kohavi and Walker, "Improving the Sensitivity of Online Controlled Experiments by Utilizing Pre-Experiment Data",
WSDM 2013, equation 4 for theta).
"""

import numpy as np

from slipway.statistics.moments import Moments, PairedSums, Values


def slope(control: PairedSums, treatment: PairedSums) -> Values:
    """Return theta, the covariance of metric and covariate over the variance of the covariate, of both arms together.

    It is 0, which adjusts nothing, where the covariate is the same for all units or there are fewer than two units.

    Args:
        control, treatment: the sums of the metric (`first`) and of its covariate from before the exposure (`second`).
    """
    both = control + treatment
    variance = np.asarray(both.second.moments().variance)
    with np.errstate(divide="ignore", invalid="ignore"):
        theta: Values = np.where(variance > 0, both.covariance() / variance, 0.0)[()]
    return theta


def adjusted(control: PairedSums, treatment: PairedSums) -> tuple[Moments, Moments]:
    """Return the moments of both arms without what the covariate explains; arguments as for `slope`.

    The covariate is measured from its mean over both arms, so each mean is an estimate of the metric's own, and of a
    yes-or-no metric still nearly its rate.
    """
    theta, centre = slope(control, treatment), (control + treatment).second.moments().mean
    return _adjusted(control, theta, centre), _adjusted(treatment, theta, centre)


def _adjusted(arm: PairedSums, theta: Values, centre: Values) -> Moments:
    metric, covariate = arm.first.moments(), arm.second.moments()
    variance = metric.variance + np.square(theta) * covariate.variance - 2 * theta * arm.covariance()
    mean = metric.mean - theta * (covariate.mean - centre)
    return Moments(metric.units, mean, np.maximum(variance, 0.0), metric.events)
