"""Public holidays from the package `holidays`, which the extra `demand` installs."""

import numpy as np

from slipway_edge.errors import ModelError


def public_holidays(country: str, subdivision: str | None, first: int, last: int) -> dict[np.datetime64, str]:
    """Return the names of the public holidays of the years `first` to `last` by day (datetime64[D]).

    Raises:
        ModelError: the package is not installed, or does not know the country or the subdivision.
    """
    try:
        import holidays
    except ModuleNotFoundError:
        raise ModelError("data.country: public holidays need the package holidays; install slipway-edge[demand]")
    try:
        found = holidays.country_holidays(country, subdiv=subdivision, years=range(first, last + 1))
    except NotImplementedError as error:
        raise ModelError(f"data.country, data.subdivision: {error}; see the package holidays for the known ones")
    return {np.datetime64(day, "D"): found[day] for day in sorted(found)}
