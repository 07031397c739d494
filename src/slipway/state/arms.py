"""Which arms the units of an experiment have: from the index once, and from then on from the logs as they grow.

The place in each log up to which the index has it is read before the index is, so together they miss nothing. What
both have is given twice.
"""

from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import select

from slipway.state.index import MARK, Exposure, Stamp, exposures, read_on, stamp
from slipway.state.schema import EXPOSURES, LOGS
from slipway.state.store import Store
from slipway.traffic.records import PREDICTIONS

ROWS = 10_000
"""The rows that are in memory at once."""


class Arms:
    """The units of an experiment and their arms.

    Args:
        store: the state store.
        folder: the folder of the logs.
        experiment: the id of the experiment.
    """

    def __init__(self, store: Store, folder: Path, experiment: str) -> None:
        self._store = store
        self._folder = folder
        self._experiment = experiment
        self._mark = MARK + experiment.encode() + b'"'
        self._places: dict[str, tuple[str, int]] = {}
        self._seen: dict[str, Stamp] = {}

    def indexed(self) -> Iterator[tuple[str, str, float]]:
        """Yield each unit in the index: its name in the logs, its arm, and the time of its first exposure.

        Raises:
            StateError: the store is locked, full or away, or has no tables yet.
        """
        columns = EXPOSURES.c.unit, EXPOSURES.c.arm, EXPOSURES.c.at
        mine = select(*columns).where(EXPOSURES.c.experiment == self._experiment)
        with self._store.transaction() as connection:
            self._places = {row.file: (row.head, row.read) for row in connection.execute(select(LOGS))}
            for row in connection.execute(mine.execution_options(yield_per=ROWS)):
                yield row.unit, row.arm, row.at

    def logged(self) -> Iterator[Exposure]:
        """Yield the exposures that the logs have more than the index and what was yielded before.

        Raises:
            OSError: a log cannot be read.
        """
        for log in sorted((self._folder / PREDICTIONS).glob("*/*.jsonl")):
            name = log.relative_to(self._folder).as_posix()
            try:
                if stamp(log.stat()) == self._seen.get(name):
                    continue
                while True:
                    head, at = self._places.get(name, ("", 0))
                    part = read_on(log, head, at)
                    self._places[name], self._seen[name] = (part.head, part.end), part.stamp
                    for one in exposures(part.lines, self._mark):
                        if one.experiment == self._experiment:
                            yield one
                    if part.is_last or not part.lines:
                        break
            except FileNotFoundError:
                continue  # it became a table, and the index has had it for long
