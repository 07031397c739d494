"""Simulated rollouts: two versions, steps of the share, traffic and error rates that drift, users who are alike."""

from collections.abc import Iterator

import numpy as np

from slipway.statistics.rare_events import log_e_value, share_of_rest

STEPS = np.array([0.05, 0.2, 0.5, 0.8])
TEN_STEPS = np.linspace(0.05, 0.5, 10)
HOURS = 24
"""The looks at each step."""
ALARM = np.log(20)
"""A canary is taken back at e = 20, which equal versions reach with a probability of at most 0.05."""
BLOCK = 500


def expected(hours: int, errors_drift: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the expected requests and the error rate of each hour [hours].

    Requests have a daily rhythm. The error rate is 1 %, or has this rhythm too and doubles until the last hour.
    """
    hour = np.arange(hours)
    rhythm = 1.2 + np.sin(2 * np.pi * hour / 24)
    rate = 0.005 * rhythm * 2 ** (hour / hours) if errors_drift else np.full(hours, 0.01)
    return 600 * rhythm, rate


def cumulated(counts: np.ndarray) -> np.ndarray:
    """Return counts by hour [runs, hours] as counts so far by step [runs, hours, steps]."""
    by_step = counts.reshape(len(counts), len(STEPS), HOURS)
    spread = np.zeros((len(counts), len(STEPS), HOURS, len(STEPS)))
    for step in range(len(STEPS)):
        spread[:, step, :, step] = by_step[:, step]
    return spread.reshape(len(counts), -1, len(STEPS)).cumsum(axis=1)


def equal_versions(runs: int, seed: int, errors_drift: bool) -> dict[str, float]:
    """Return the share of rollouts of equal versions that are taken back, by test."""
    random = np.random.default_rng(seed)
    requests, rate = expected(len(STEPS) * HOURS, errors_drift)
    share = np.repeat(STEPS, HOURS)
    taken = {"e-value": 0, "z at every look": 0}
    for start in range(0, runs, BLOCK):
        size = (min(BLOCK, runs - start), len(share))
        units = [random.poisson(requests * part, size) for part in (share, 1 - share)]
        errors = [random.binomial(count, rate) for count in units]
        log_e = np.asarray(log_e_value(*map(cumulated, errors), STEPS))
        taken["e-value"] += int((log_e > ALARM).any(axis=1).sum())
        taken["z at every look"] += int((z_scores(errors, units) > 1.645).any(axis=1).sum())
    return {name: count / runs for name, count in taken.items()}


def z_scores(errors: list[np.ndarray], units: list[np.ndarray]) -> np.ndarray:
    """Return the z-score of the difference of the error rates so far, canary minus production, at each look."""
    errors, units = ([one.cumsum(axis=1) for one in pair] for pair in (errors, units))
    pooled = sum(errors) / sum(units)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.sqrt(pooled * (1 - pooled) * sum(1 / one for one in units))
        return np.nan_to_num((errors[0] / units[0] - errors[1] / units[1]) / error)


def requests_until_taken_back(rates: tuple[float, float], share: float, most: int, runs: int, seed: int) -> np.ndarray:
    """Return the canary's requests [runs] until it is taken back, looked at after each; 0 where `most` did not suffice.

    Args:
        rates: the error rates of canary and production.
        share: the canary's share, one over a whole number.
        most: the canary's requests at most.
        runs: the number of rollouts.
        seed: the seed of the draws.
    """
    others = round(1 / share) - 1
    needed = errors_needed(share, round(most * others * rates[1] * 2) + 50)
    random, found = np.random.default_rng(seed), []
    for start in range(0, runs, BLOCK):
        size = (min(BLOCK, runs - start), most)
        canary = (random.random(size) < rates[0]).cumsum(axis=1)
        production = random.binomial(others, rates[1], size).cumsum(axis=1)
        alarms = canary >= needed[production]
        found.append(np.where(alarms.any(axis=1), alarms.argmax(axis=1) + 1, 0))
    return np.concatenate(found)


def errors_needed(share: float, most: int) -> np.ndarray:
    """Return the canary's least number of errors that alarms, by the number of production's from 0 to `most`."""
    production = np.arange(most + 1)[:, None]
    low, high = np.zeros(most + 1), np.full(most + 1, 50.0 + most)
    while (high - low > 1).any():
        middle = np.floor((low + high) / 2)
        hit = np.asarray(log_e_value(middle[:, None], production, np.array([share]))) > ALARM
        low, high = np.where(hit, low, middle), np.where(hit, middle, high)
    return high


def windows_above(rate: float, limit: float, requests: int, runs: int, seed: int) -> float:
    """Return the share of canaries whose error rate is above `limit` in any window of 100 of their requests."""
    counts = np.random.default_rng(seed).binomial(100, rate, (runs, requests // 100))
    return float((counts > 100 * limit).any(axis=1).mean())


def of_users(
    runs: int, seed: int, *, correlation: float, steps: np.ndarray = STEPS, users: int = 400, looks: int = 6
) -> dict[str, float]:
    """Return the share of rollouts of equal versions that are taken back, by what is counted.

    Every user makes ten requests between two looks, at each step, and has his own error rate: 1 % on average, from a
    beta distribution with this correlation between two requests of a user. `requests` counts every error; `units once a
    step` each user at his first error of a step; `units, drawn again` does this with the share of the rest, and leaves
    out users that were in the canary when they counted.
    """
    random = np.random.default_rng(seed)
    weight = 1 / correlation - 1
    taken = dict.fromkeys(("requests", "units once a step", "units, drawn again"), 0)
    for start in range(0, runs, BLOCK):
        size = (min(BLOCK, runs - start), users)
        place = random.random(size)
        rate = random.beta(0.01 * weight, 0.99 * weight, size)
        errors = random.binomial(10, rate[..., None, None], (*size, len(steps), looks))
        for name, cells in (
            ("requests", _requests(errors, place, steps)),
            ("units once a step", _once_a_step(errors, place, steps)),
            ("units, drawn again", _drawn_again(errors, place, steps)),
        ):
            canary, production, shares = (np.stack(one, axis=-1) for one in zip(*cells, strict=True))
            log_e = np.asarray(log_e_value(canary, production, shares[0, 0]))
            taken[name] += int((log_e > ALARM).any(axis=1).sum())
    return {name: count / runs for name, count in taken.items()}


Cell = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Events of canary and production so far at each look of all steps [runs, looks], and the share, repeated."""


def _requests(errors: np.ndarray, place: np.ndarray, steps: np.ndarray) -> Iterator[Cell]:
    for step, share in enumerate(steps):
        yield _cell(errors, step, place < share, share)


def _once_a_step(errors: np.ndarray, place: np.ndarray, steps: np.ndarray) -> Iterator[Cell]:
    return _requests(_first(errors), place, steps)


def _drawn_again(errors: np.ndarray, place: np.ndarray, steps: np.ndarray) -> Iterator[Cell]:
    first = _first(errors)
    last = np.full(place.shape, -1)  # the step in which a user counted last
    for step, share in enumerate(steps):
        for before in range(-1, step):
            drawn = (last == before) & ((before < 0) | (place >= steps[before]))
            fresh = share if before < 0 else share_of_rest(share, steps[before])
            yield _cell(first * drawn[..., None, None], step, place < share, fresh)
        last = np.where(first[:, :, step].any(axis=-1), step, last)


def _first(errors: np.ndarray) -> np.ndarray:
    """Return whether it is the look of a user's first error in a step, of errors [runs, users, steps, looks]."""
    any_ = errors > 0
    return any_ & (any_.cumsum(axis=-1) == 1)


def _cell(events: np.ndarray, step: int, inside: np.ndarray, share: float) -> Cell:
    """Sum the events [runs, users, steps, looks] of one step by arm, so far, over the looks of all steps."""
    runs, _, steps, looks = events.shape

    def so_far(part: np.ndarray) -> np.ndarray:
        counts = np.zeros((runs, steps, looks))
        counts[:, step] = (events[:, :, step] * part[..., None]).sum(axis=1)
        return counts.reshape(runs, -1).cumsum(axis=1)

    return so_far(inside), so_far(~inside), np.full((runs, steps * looks), share)
