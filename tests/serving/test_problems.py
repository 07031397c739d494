"""Every error is a problem document with the id of its request, and nothing secret is in it or in a log."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from serving.guarded import LIMITS, SECRET_INPUT, Server, request, serving
from slipway.serving import openapi
from slipway.serving.problems import Problem, document

PREDICT = "/api/v1/predict/a"
PROMOTE = "/api/v1/models/a/versions/v1/promote"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    """A server all of whose logs, of every level and library, go to `log` in the folder."""
    handler = logging.FileHandler(folder / "log")
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        with serving(folder) as running:
            yield running
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        handler.close()


def test_a_request_keeps_its_id_or_gets_one(server: Server) -> None:
    kept = server.ask("GET", "/api/v1/models", token=server.secrets["read"], x_request_id="shop-2027.01:31")
    assert kept.headers["x-request-id"] == "shop-2027.01:31"
    made = {server.ask("GET", "/healthz").headers["x-request-id"] for _ in range(20)}
    assert len(made) == 20


@given(st.text(st.characters(min_codepoint=33, max_codepoint=255, exclude_characters="\x7f"), max_size=140))
def test_an_id_that_could_harm_a_log_is_replaced(server: Server, given_id: str) -> None:
    head, _ = request("GET", "/healthz")
    answer = server.send(head.removesuffix(b"\r\n") + b"x-request-id: " + given_id.encode("latin-1") + b"\r\n\r\n")
    shown = answer.headers["x-request-id"]
    assert shown.isascii() and 1 <= len(shown) <= 128
    assert set(shown) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:=-")


def test_each_kind_of_error_is_a_problem_document_of_the_schema(server: Server) -> None:
    admin = server.secrets["admin"]
    answers = [
        server.ask("GET", "/api/v1/models"),
        server.ask("GET", "/api/v1/models", token=server.secrets["predict"]),
        server.ask("GET", "/api/v1/models/b", token=admin),
        server.ask("GET", "/nothing/here", token=admin),
        server.ask("PUT", "/api/v1/models", token=admin),
        server.ask("GET", "/broken", token=admin),
        server.ask("POST", PREDICT, b"burst", admin, content_type="image/png"),
        server.ask("POST", PREDICT, b"x", admin, content_type="text/html"),
        server.ask("POST", PREDICT, bytes(LIMITS.body + 1), admin),
        server.ask("POST", PROMOTE, b'{"rollout_percentage": 101}', admin),
        server.ask("POST", "/api/v1/outcomes", b'[{"unit": 1}]', admin),
        server.ask("POST", "/api/v1/outcomes", b"[{", admin),
        server.send(b"nonsense\r\n\r\n"),
    ]
    assert [one.status for one in answers] == [401, 403, 404, 404, 405, 500, 500, 415, 413, 422, 422, 422, 400]
    for answer in answers:
        Draft202012Validator(openapi.SCHEMA).validate(answer.problem)
    assert all(one.problem["instance"].startswith("/") for one in answers[:-1])


def test_what_a_framework_says_of_an_error_is_kept(server: Server) -> None:
    missing = server.ask("GET", "/api/v1/models/b", token=server.secrets["read"])
    assert missing.problem["detail"] == "b is not a model; there is a"
    assert missing.problem["type"] == "about:blank"
    assert missing.headers["x-there"] == "a"
    assert server.ask("PUT", "/api/v1/models", token=server.secrets["admin"]).headers["allow"] == "GET"


def test_a_problem_of_the_application_has_its_own_members(server: Server) -> None:
    problem = server.ask("POST", PROMOTE, b'{"rollout_percentage": 101}', server.secrets["promote"]).problem
    assert problem["type"] == "urn:problem-type:slipway:share-out-of-range"
    assert problem["share"] == 101


def test_an_invalid_request_says_where_and_does_not_repeat_the_input(server: Server) -> None:
    body = json.dumps([{"unit": "u", "value": 1}, {"unit": "u", "value": SECRET_INPUT}]).encode()
    answer = server.ask("POST", "/api/v1/outcomes", body, server.secrets["outcome"])
    assert answer.problem["detail"].startswith("body.1.value: ")
    assert SECRET_INPUT.encode() not in answer.content
    many = server.ask("POST", "/api/v1/outcomes", json.dumps([{}] * 500).encode(), server.secrets["outcome"]).problem
    assert (len(many["errors"]), many["error_count"]) == (20, 1000)


@pytest.mark.parametrize("where", ["framework", "plain"])
def test_an_unexpected_error_shows_nothing_and_is_logged_by_its_id(server: Server, folder: Path, where: str) -> None:
    if where == "framework":
        answer = server.ask("GET", "/broken", token=server.secrets["read"])
    else:
        answer = server.ask("POST", PREDICT, b"burst", server.secrets["predict"], content_type="image/png")
    assert answer.status == 500
    problem = answer.problem
    assert problem["detail"] == "The server met an error that it did not expect; its log has it under this request_id"
    assert problem.keys() == {"type", "title", "status", "detail", "instance", "request_id"}
    server.ask("GET", "/healthz")
    log = (folder / "log").read_text()
    assert log.count(f"request {problem['request_id']} failed: builtins.") == 1
    assert "guarded.py" in log.split(problem["request_id"])[1]
    assert SECRET_INPUT not in log


def test_no_log_holds_a_token_or_an_input(server: Server, folder: Path) -> None:
    secret, wrong = server.secrets["read"], server.secrets["admin"][:-2] + "zz"
    unit = "unit-0815"
    for token in (secret, wrong):
        server.ask("GET", f"/api/v1/models?token={token}&unit={unit}", token=token, x_unit=unit)
        server.ask("GET", f"/api/v1/{token}", token=token)
        server.ask("PUT", f"/api/v1/{token}", token=token)
        server.ask("GET", "/api/v1/models", authorization=token)
        server.ask("GET", "/api/v1/models", authorization=f"Basic {token}")
        server.ask("GET", "/api/v1/models", token=token, x_request_id=token)
        server.ask("POST", "/api/v1/outcomes", f'[{{"unit": "{unit}", "value": "{token}"}}]'.encode(), token)
        server.ask("POST", "/api/v1/outcomes", token.encode(), token, content_type=token)
        server.send(f"{token}\r\n\r\n".encode())
        server.send(f"GET /{token} HTTP/1.1\r\nhost 1: {unit}\r\n\r\n".encode())
    server.ask("POST", PREDICT, b"burst", server.secrets["predict"], content_type="image/png")
    server.ask("GET", "/healthz")
    written = [path for path in folder.rglob("*") if path.is_file()]
    assert {path.name for path in written} >= {"log", "audit.jsonl", "tokens.json"}
    assert "failed: builtins.KeyError" in (folder / "log").read_text()
    assert len(server.records()) >= 10
    for path in written:
        content = path.read_bytes()
        for hidden in (*server.secrets.values(), wrong, unit, SECRET_INPUT):
            assert hidden.encode() not in content, path


def test_a_document_is_json_whatever_is_in_it() -> None:
    problem = Problem(404, "Unknown model", "caf\u00e9 \x00 is not there", models=["a"], instance="another")
    found = json.loads(document(problem, "id", "/caf\u00e9/\udce9"))
    assert (found["status"], found["models"]) == (404, ["a"])
    assert found["instance"] == "/caf%C3%A9/%3F"
