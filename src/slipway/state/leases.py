"""A lease: of several processes that could act, one may, until it stops renewing.

Each new holder gets a higher fencing number (Kleppmann, "How to do distributed locking", 2016): what a holder that was
asleep does late can be told from what the current one does.
"""

from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite

from slipway.state.schema import LEASES
from slipway.state.store import Store


@dataclass(frozen=True)
class Lease:
    """A lease that is held: its name, who holds it, its fencing number, and its end in seconds since 1970."""

    name: str
    holder: str
    fence: int
    until: float


def take(store: Store, name: str, holder: str, *, now: float, seconds: float) -> Lease | None:
    """Take a lease that is free or has ended, or renew one's own; None if another holder has it.

    All holders of a lease ask for equally many seconds.

    Args:
        store: the state store.
        name: the name of the lease.
        holder: who asks.
        now: the time, in seconds since 1970; the clocks of all holders must agree to within a part of `seconds`.
        seconds: how long it lasts.

    Raises:
        StateError: the store is locked, full or away; then nobody may act.
    """
    until = now + seconds
    with store.transaction() as connection:
        insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        connection.execute(
            insert(LEASES)
            .values(name=name, holder="", fence=0, until=0.0)
            .on_conflict_do_nothing(index_elements=["name"])
        )
        row = connection.execute(select(LEASES).where(LEASES.c.name == name).with_for_update()).one()
        held = now < row.until <= until  # one that ends later is of a clock that was put back since
        if row.holder != holder and held:
            return None
        fence = row.fence if row.holder == holder and held else row.fence + 1
        connection.execute(update(LEASES).where(LEASES.c.name == name).values(holder=holder, fence=fence, until=until))
    return Lease(name, holder, fence, until)


def release(store: Store, lease: Lease) -> None:
    """Give a lease back, unless another holder has it already.

    Raises:
        StateError: the store is locked, full or away; the lease ends by itself.
    """
    mine = (LEASES.c.name == lease.name) & (LEASES.c.holder == lease.holder) & (LEASES.c.fence == lease.fence)
    with store.transaction() as connection:
        connection.execute(update(LEASES).where(mine).values(until=0.0))


def is_current(store: Store, name: str, fence: int) -> bool:
    """Whether nobody took a lease since its holder got a fencing number.

    Raises:
        StateError: the store is locked, full or away; then nobody may act.
    """
    with store.transaction() as connection:
        return connection.execute(select(LEASES.c.fence).where(LEASES.c.name == name)).scalar() == fence
