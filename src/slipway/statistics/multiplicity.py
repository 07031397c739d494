"""Several goals or arms: p-values adjusted so that any false alarm among them keeps the stated probability."""

from collections.abc import Mapping

from statsmodels.stats.multitest import multipletests


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Return each p-value adjusted by the method of Holm (Scandinavian Journal of Statistics 6, 1979).

    It holds whatever the dependence between the tests, and for p-values that are valid at any number of looks it does
    too.

    Args:
        p_values: the p-value of each goal, arm, or goal and arm.
    """
    if not p_values:
        return {}
    adjusted = multipletests(list(p_values.values()), method="holm")[1]
    return dict(zip(p_values, adjusted.tolist(), strict=True))
