"""Workers have numbers of their own, and a worker that replaces one takes its number over."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from slipway.serving import worker_number

WORKER = """\
import pathlib, sys
from slipway.serving import worker_number
print(worker_number.claim(pathlib.Path(sys.argv[1])), flush=True)
sys.stdin.read()
"""


@contextmanager
def worker(folder: Path) -> Iterator[int]:
    """A process that has a number until it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


def test_numbers_differ_and_are_taken_over(tmp_path: Path) -> None:
    with worker(tmp_path) as first:
        with worker(tmp_path) as second:
            assert [first, second] == [0, 1]
            assert worker_number.free(tmp_path) == []
        assert worker_number.free(tmp_path) == [1]
        with worker(tmp_path) as third:
            assert third == 1
    assert worker_number.free(tmp_path) == [0, 1]
