"""Workers have numbers of their own, and a worker that replaces one takes its number over."""

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

from slipway.serving import worker_number


def work(folder: Path, connection: Connection) -> None:
    connection.send(worker_number.claim(folder))
    connection.recv()


@contextmanager
def worker(folder: Path) -> Iterator[int]:
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=work, args=(folder, there))
    process.start()
    try:
        yield here.recv()
    finally:
        process.kill()
        process.join()


def test_numbers_differ_and_are_taken_over(tmp_path: Path) -> None:
    with worker(tmp_path) as first:
        with worker(tmp_path) as second:
            assert [first, second] == [0, 1]
            assert worker_number.free(tmp_path) == []
        assert worker_number.free(tmp_path) == [1]
        with worker(tmp_path) as third:
            assert third == 1
    assert worker_number.free(tmp_path) == [0, 1]
