"""At most one holder at a time, and a number that grows with each."""

import threading
from itertools import count

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slipway.state.leases import Lease, release, take
from slipway.state.store import Store


def test_a_lease_is_renewed_by_its_holder_and_taken_over_after_its_end(store: Store) -> None:
    first = take(store, "rollouts", "one", now=100, seconds=5)
    assert first == Lease("rollouts", "one", 1, 105)
    assert take(store, "rollouts", "two", now=104, seconds=5) is None
    assert take(store, "rollouts", "one", now=104, seconds=5) == Lease("rollouts", "one", 1, 109)
    assert take(store, "rollouts", "two", now=109, seconds=5) == Lease("rollouts", "two", 2, 114)
    assert take(store, "rollouts", "one", now=110, seconds=5) is None
    assert take(store, "others", "one", now=110, seconds=5) == Lease("others", "one", 1, 115)


def test_a_holder_that_slept_has_a_new_number(store: Store) -> None:
    take(store, "rollouts", "one", now=100, seconds=5)
    assert take(store, "rollouts", "one", now=200, seconds=5) == Lease("rollouts", "one", 2, 205)


def test_a_lease_that_was_given_back_is_free(store: Store) -> None:
    first = take(store, "rollouts", "one", now=100, seconds=5)
    assert first is not None
    release(store, first)
    second = take(store, "rollouts", "two", now=101, seconds=5)
    assert second == Lease("rollouts", "two", 2, 106)
    release(store, first)  # late: it belongs to another
    assert take(store, "rollouts", "three", now=102, seconds=5) is None


def test_of_many_who_ask_at_once_one_gets_it(store: Store, address: str) -> None:
    got: list[Lease] = []
    stores = [Store(address) for _ in range(6)]

    def ask(number: int) -> None:
        lease = take(stores[number], "rollouts", f"holder-{number}", now=100, seconds=5)
        if lease is not None:
            got.append(lease)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(got) == 1
    for made in stores:
        made.close()


_numbers = count()
STEPS = st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 4), st.booleans()), max_size=30)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_no_two_hold_it_and_numbers_never_fall(store: Store, steps: list[tuple[str, float, bool]]) -> None:
    name = f"lease {next(_numbers)}"
    now, held, fences = 0.0, None, [0]
    for holder, wait, gives_back in steps:
        now += wait
        lease = take(store, name, holder, now=now, seconds=3)
        if held is not None and held.until > now and held.holder != holder:
            assert lease is None
        else:
            assert lease is not None
            assert lease.fence >= fences[-1]
            assert (lease.fence == fences[-1]) == (held is not None and held.until > now)
            fences.append(lease.fence)
            held = lease
            if gives_back:
                release(store, lease)
                held = None


def test_a_clock_that_is_put_back_does_not_hold_it_for_an_hour(store: Store) -> None:
    assert take(store, "rollouts", "first", now=10_000, seconds=8)
    assert take(store, "rollouts", "second", now=10_001, seconds=8) is None
    late = take(store, "rollouts", "second", now=6_400, seconds=8)
    assert late is not None and late.fence == 2
