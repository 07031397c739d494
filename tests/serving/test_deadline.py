"""Slow and broken senders, on a real server: refused in time, and others are served meanwhile."""

import pickle
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from http.client import BadStatusLine
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.guarded import LIMITS, Answer, Server, answer_on, request, serving
from slipway.serving.audit import AuditLog
from slipway.serving.deadline import Protocol, options
from slipway.serving.limits import Limits

PREDICT = "/api/v1/predict/a"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server")) as running:
        yield running


def drip(connection: socket.socket, content: bytes, stop: threading.Event) -> None:
    """Send a byte, wait, and so on."""
    try:
        for at in range(len(content)):
            connection.sendall(content[at : at + 1])
            if stop.wait(0.05):
                return
    except OSError:
        pass


def dripped(server: Server, first: bytes, slowly: bytes) -> Answer:
    """The answer to a request whose second part comes byte by byte."""
    stop = threading.Event()
    with server.connect() as connection:
        connection.sendall(first)
        sender = threading.Thread(target=drip, args=(connection, slowly, stop))
        sender.start()
        try:
            return answer_on(connection)
        finally:
            stop.set()
            sender.join()


def test_headers_that_come_byte_by_byte_are_refused(server: Server) -> None:
    answer = dripped(server, b"", b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\nx-padding: " + b"a" * 500 + b"\r\n\r\n")
    assert answer.status == 408
    assert "bytes of headers arrived in 0.6 s" in answer.problem["detail"]


@pytest.mark.parametrize("kind", ["application/json", "image/png"])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_comes_byte_by_byte_is_refused(server: Server, kind: str, chunked: bool) -> None:
    head, *rest = request("POST", PREDICT, b" " * 500, server.secrets["predict"], chunked, content_type=kind)
    answer = dripped(server, head, b"".join(rest))
    assert answer.status == 408
    assert answer.headers["connection"] == "close"
    assert "bytes of the body arrived in time, and no end of it" in answer.problem["detail"]


def test_a_body_that_never_comes_is_refused_on_a_route_of_the_framework_too(server: Server) -> None:
    head, _ = request("POST", "/api/v1/outcomes", b"[]", server.secrets["outcome"])
    assert server.send(head).status == 408


def test_a_large_body_has_more_time_than_a_small_one(tmp_path: Path) -> None:
    with serving(tmp_path, limits=Limits(body_seconds=0.3, slowest=2**16)) as server:
        head, body = request("POST", PREDICT, bytes(5 * 2**16), server.secrets["predict"], content_type="image/png")
        pieces = [body[at : at + 2**16] for at in range(0, len(body), 2**16)]
        assert server.send(head, *pieces, pause=0.2).status == 200, "a second for each of 64 KiB"


def test_a_hundred_slow_senders_hinder_nobody(server: Server) -> None:
    with ExitStack() as connections:
        slow = [connections.enter_context(server.connect()) for _ in range(100)]
        for number, connection in enumerate(slow):
            head, _ = request("POST", PREDICT, b" " * 99, server.secrets["predict"])
            connection.sendall(head[: len(head) if number % 2 else 20])
        for _ in range(20):
            assert server.ask("POST", PREDICT, b"[]", server.secrets["predict"]).status == 200
        assert {answer_on(connection).status for connection in slow} == {408}


def test_a_connection_on_which_nothing_is_sent_is_closed_without_an_answer(server: Server) -> None:
    with server.connect() as connection:
        assert connection.recv(1) == b""


def test_the_time_begins_again_with_each_request_of_a_connection(server: Server) -> None:
    ask = b"".join(request("POST", PREDICT, b"[]", server.secrets["predict"]))
    with server.connect() as connection:
        for _ in range(4):
            connection.sendall(ask)
            assert answer_on(connection).status == 200
            time.sleep(0.25)
        connection.sendall(ask[:30])
        assert answer_on(connection).status == 408


@pytest.mark.parametrize("half", [False, True])
def test_a_client_that_goes_away_in_the_middle_of_a_body_hinders_nobody(server: Server, half: bool) -> None:
    for path in (PREDICT, "/api/v1/outcomes"):
        head, _ = request("POST", path, b"[]", server.secrets["admin"])
        with server.connect() as connection:
            connection.sendall(head + b"[")
            if half:
                connection.shutdown(socket.SHUT_WR)
                assert connection.recv(10) in (b"", b"HTTP/1.1 4")
    assert server.ask("POST", PREDICT, b"[]", server.secrets["predict"]).status == 200


@pytest.mark.parametrize("piece", [16, 100_000])
def test_more_headers_than_are_allowed_are_refused(server: Server, piece: int) -> None:
    head = b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n" + b"x-padding: " + b"a" * LIMITS.head
    answer = server.send(*(head[at : at + piece] for at in range(0, len(head), piece)))
    assert answer.status == 431
    assert "16,384 bytes of headers" in answer.problem["detail"]


@given(st.binary(min_size=1, max_size=40))
def test_what_is_not_http_is_answered_by_a_problem_or_runs_out_of_time(server: Server, content: bytes) -> None:
    answer = server.send(content + b"\r\n\r\n", b"\r\n")
    assert (answer.status, answer.problem["title"]) in ((400, "Not HTTP"), (408, "Too slow"))


@pytest.mark.parametrize("size", [2, 5000])
def test_requests_that_are_sent_ahead_are_all_answered(server: Server, size: int) -> None:
    ask = b"".join(request("POST", PREDICT, bytes(size), server.secrets["predict"], content_type="image/png"))
    with server.connect() as connection:
        connection.sendall(ask * 8)
        file = connection.makefile("rb")
        found = b""
        while found.count(b"HTTP/1.1 200") < 8 or not found.endswith(b"}"):
            more = file.read1(65536)
            assert more, found
            found += more
    assert found.count(b'{"bytes":%d}' % size) == 8


@pytest.mark.parametrize("ahead", [b"POST /api", b"POST /" + b"a" * LIMITS.head, b"nonsense\r\n\r\n"])
def test_what_is_sent_ahead_is_not_refused_before_the_request_before_it_is_answered(
    server: Server, ahead: bytes
) -> None:
    slow = b"".join(request("POST", PREDICT, b"slow", server.secrets["predict"], content_type="image/png"))
    with server.connect() as connection:
        connection.sendall(slow + ahead)
        with suppress(BadStatusLine, OSError):  # or the connection ends
            assert answer_on(connection).status == 200


def test_the_settings_of_uvicorn_reach_a_worker(tmp_path: Path) -> None:
    audit = AuditLog(tmp_path / "audit.jsonl")
    audit.write(None, "GET", "/", 401, None, "1")
    settings, log = pickle.loads(pickle.dumps((options(LIMITS, audit), audit)))  # noqa: S301
    assert settings["http"].func is Protocol
    assert settings["http"].args == (LIMITS, log), "one log in each worker"
    log.write(None, "GET", "/", 401, None, "2")
    assert len(audit.path.read_text().splitlines()) == 2
