"""Shares that are held down: they only fall, and the first reason for a share stays."""

import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slipway.state.restraints import Restraint, lift, read, restrain
from slipway.state.store import Store

NIGHT = "experiments/night-games"


def test_a_restraint_is_kept_until_it_is_lifted(store: Store) -> None:
    assert read(store) == {}
    restrain(store, NIGHT, 0, "errors harm", '{"units": 5}', 100.5)
    restrain(store, "rollouts/ball/7", 5, "slow", "{}", 101)
    assert read(store) == {
        NIGHT: Restraint(NIGHT, 0, "errors harm", '{"units": 5}', 100.5),
        "rollouts/ball/7": Restraint("rollouts/ball/7", 5, "slow", "{}", 101),
    }
    lift(store, NIGHT)
    lift(store, NIGHT)
    assert list(read(store)) == ["rollouts/ball/7"]


def test_a_share_never_rises_and_the_first_reason_for_it_stays(store: Store) -> None:
    restrain(store, NIGHT, 20, "first", "1", 1)
    restrain(store, NIGHT, 20, "second", "2", 2)
    restrain(store, NIGHT, 50, "third", "3", 3)
    assert read(store)[NIGHT] == Restraint(NIGHT, 20, "first", "1", 1)
    restrain(store, NIGHT, 5, "fourth", "4", 4)
    assert read(store)[NIGHT] == Restraint(NIGHT, 5, "fourth", "4", 4)


@pytest.mark.parametrize("share", [-1.0, 100.1, float("nan")])
def test_a_share_is_a_percentage(store: Store, share: float) -> None:
    with pytest.raises(ValueError, match="from 0 to 100"):
        restrain(store, NIGHT, share, "", "", 0)
    assert read(store) == {}


def test_of_many_at_once_the_lowest_counts(store: Store, address: str) -> None:
    stores = [Store(address) for _ in range(5)]
    threads = [
        threading.Thread(target=restrain, args=(one, NIGHT, 10 * number, f"from {number}", "", number))
        for number, one in enumerate(stores)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert read(store)[NIGHT] == Restraint(NIGHT, 0, "from 0", "", 0)
    for made in stores:
        made.close()


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shares=st.lists(st.integers(0, 100), min_size=1, max_size=8))
def test_in_any_order_the_first_of_the_lowest_counts(store: Store, shares: list[int]) -> None:
    lift(store, NIGHT)
    for number, share in enumerate(shares):
        restrain(store, NIGHT, share, str(number), "", number)
    assert read(store)[NIGHT].share == min(shares)
    assert read(store)[NIGHT].why == str(shares.index(min(shares)))
