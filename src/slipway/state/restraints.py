"""Shares that are held down at once, before a tag says so: a stop must not wait for a push.

A restraint only lowers. Of two for the same subject the lower share counts, and of two with the same share the first
one, so whoever completes a stop that another began finds the reason and the evidence for which it was begun.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite

from slipway.state.schema import RESTRAINTS
from slipway.state.store import Store


@dataclass(frozen=True)
class Restraint:
    """The most that a subject may have.

    Attributes:
        subject: what is held down, such as `experiments/night-games` or `rollouts/base-ad-detector/7`.
        share: percent of the units; 0 for a stop.
        why: the reason, in a sentence.
        evidence: what it follows from, as JSON.
        at: when it was decided, in seconds since 1970.
    """

    subject: str
    share: float
    why: str
    evidence: str
    at: float


def restrain(store: Store, subject: str, share: float, why: str, evidence: str, now: float) -> None:
    """Hold the share of a subject down; a restraint that is as low already stays as it is.

    Args:
        store: the state store.
        subject: what is held down.
        share: the most that it may have, in percent of the units.
        why: the reason, in a sentence.
        evidence: what it follows from, as JSON.
        now: the time, in seconds since 1970.

    Raises:
        ValueError: the share is not from 0 to 100.
        StateError: the store is locked, full or away.
    """
    if not 0 <= share <= 100:
        raise ValueError(f"{subject}: a share is from 0 to 100 %, not {share}")
    with store.transaction() as connection:
        insert: Any = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        new = insert(RESTRAINTS).values(subject=subject, share=share, why=why, evidence=evidence, at=now)
        given = new.excluded
        connection.execute(
            new.on_conflict_do_update(
                index_elements=["subject"],
                set_={"share": given.share, "why": given.why, "evidence": given.evidence, "at": given.at},
                where=given.share < RESTRAINTS.c.share,
            )
        )


def read(store: Store) -> dict[str, Restraint]:
    """Return all restraints by their subject, sorted.

    Raises:
        StateError: the store is locked, full or away.
    """
    with store.transaction() as connection:
        rows = connection.execute(select(RESTRAINTS).order_by(RESTRAINTS.c.subject)).all()
    return {row.subject: Restraint(row.subject, row.share, row.why, row.evidence, row.at) for row in rows}


def lift(store: Store, subject: str) -> None:
    """Remove a restraint, once a tag says what it said; it need not be there.

    Raises:
        StateError: the store is locked, full or away.
    """
    with store.transaction() as connection:
        connection.execute(delete(RESTRAINTS).where(RESTRAINTS.c.subject == subject))
