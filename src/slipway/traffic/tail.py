"""Follow the logs of a kind as they grow: what was appended since the last look, by all workers and on all days."""

from pathlib import Path

MOST = 8 * 2**20
"""The most bytes of one log that are read at once."""


class Tail:
    """What a folder of logs gets from now on.

    Args:
        folder: the folder of a kind, with a folder for each day.
        mark: bytes that a wanted line has; empty for all lines.
    """

    def __init__(self, folder: Path, mark: bytes = b"") -> None:
        self._folder = folder
        self._mark = mark
        self._read = {log: log.stat().st_size for log in self._logs()}

    def lines(self) -> list[bytes]:
        """Return the new whole lines with the mark, log by log.

        Raises:
            OSError: a log cannot be read.
        """
        found: list[bytes] = []
        for log in self._logs():
            try:
                size = log.stat().st_size
                at = self._read.get(log, 0)
                if size < at:
                    at = 0  # another log under the same name
                if size > at:
                    found += self._part(log, at)
            except FileNotFoundError:
                continue  # it became a table
        return found

    def _part(self, log: Path, at: int) -> list[bytes]:
        with log.open("rb") as file:
            file.seek(at)
            content = file.read(MOST)
        end = content.rfind(b"\n") + 1
        self._read[log] = at + end
        return [line for line in content[:end].split(b"\n") if line and self._mark in line]

    def _logs(self) -> list[Path]:
        return sorted(self._folder.glob("*/*.jsonl"))
