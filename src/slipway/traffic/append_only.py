"""A file that several processes append to, one `write` a record, so that their records do not mix.

POSIX appends each `write` to a file that is opened with O_APPEND at its end, whoever else writes. A record is in the
page cache of the kernel when `append` returns: it outlives the process, however that ends, but not a power failure.
"""

import os
from pathlib import Path


class AppendOnly:
    """A file of lines. Programs such as logrotate may move it: the next line goes into a new one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = -1
        self._unfinished = False

    def append(self, line: bytes) -> None:
        """Append a line, which ends with a newline and has no other. The file can be read only by its owner.

        After a full disk a part of a line may stand at the end; the next line begins on a line of its own.

        Raises:
            OSError: the line is not in the file, or only in part.
        """
        self._open()
        content = b"\n" + line if self._unfinished else line
        count = os.write(self._file, content)
        self._unfinished = count < len(content)
        if self._unfinished:
            raise OSError(f"{count} of {len(content)} bytes written")

    def sync(self) -> None:
        """Wait until what was appended outlives a power failure too; it takes milliseconds.

        Raises:
            OSError: the disk does not answer.
        """
        if self._file >= 0:
            os.fsync(self._file)

    def close(self) -> None:
        """Close the file; the next line opens it again."""
        if self._file >= 0:
            os.close(self._file)
        self._file = -1

    def _open(self) -> None:
        """Open the file if it is not open, or not where it was: someone moved it."""
        if self._file >= 0:
            try:
                there = self.path.stat()
            except FileNotFoundError:
                there = None
            here = os.fstat(self._file)
            if there is not None and (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino):
                return
            self.close()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        size = os.fstat(self._file).st_size
        self._unfinished = size > 0 and os.pread(self._file, 1, size - 1) != b"\n"
