"""Who is let in, on a real server: tokens, scopes, rates, and a server without tokens."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.guarded import Answer, Server, answer_on, request, serving
from slipway.serving import tokens
from slipway.serving.tokens import SCOPES

PROMOTE = "/api/v1/models/a/versions/v1/promote"
NEEDS = [
    ("GET", "/api/v1/models", b"", "read"),
    ("GET", "/metrics", b"", "read"),
    ("GET", "/never/heard/of", b"", "read"),
    ("POST", "/api/v1/predict/a@v1.0.0", b"[]", "predict"),
    ("POST", "/api/v1/outcomes", b"[]", "outcome"),
    ("POST", PROMOTE, b"{}", "promote"),
    ("POST", "/api/v1/never/heard/of", b"{}", "admin"),
    ("DELETE", "/api/v1/models/a", b"", "admin"),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server")) as running:
        yield running


def until(ask: Callable[[], Answer], status: int) -> Answer:
    """Ask again until the status is this one: the file of tokens is looked at every second."""
    for _ in range(100):
        answer = ask()
        if answer.status == status:
            return answer
        time.sleep(0.1)
    raise AssertionError(f"{answer.status} and never {status}")


@pytest.mark.parametrize(("method", "path", "body", "scope"), NEEDS)
def test_a_path_is_open_to_its_scope_and_to_admin_alone(
    server: Server, method: str, path: str, body: bytes, scope: str
) -> None:
    for other in SCOPES:
        answer = server.ask(method, path, body, server.secrets[other])
        if other in (scope, "admin"):
            assert answer.status not in (401, 403)
        else:
            assert answer.status == 403
            assert scope in answer.problem["detail"]
            assert answer.problem["needed"] == [scope]
            assert f'scope="{scope}"' in answer.headers["www-authenticate"]


@pytest.mark.parametrize(("method", "path", "body", "scope"), NEEDS)
def test_without_a_token_each_path_asks_for_one(
    server: Server, method: str, path: str, body: bytes, scope: str
) -> None:
    answer = server.ask(method, path, body)
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="slipway"'
    assert answer.problem["type"] == "urn:problem-type:slipway:token-missing"
    assert "Authorization: Bearer TOKEN" in answer.problem["detail"]


def test_a_wrong_token_is_refused(server: Server) -> None:
    wrong = server.secrets["read"][:-1] + ("A" if server.secrets["read"][-1] != "A" else "B")
    answer = server.ask("GET", "/api/v1/models", token=wrong)
    assert answer.status == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    assert answer.problem["title"] == "Token invalid"


def test_healthz_is_open_whatever_token_is_sent(server: Server) -> None:
    assert server.ask("GET", "/healthz").status == 200
    assert server.ask("GET", "/healthz", token="wrong").status == 200


@given(st.binary(max_size=80).filter(lambda value: not set(value) & {0x0A, 0x0D}))
def test_no_value_of_the_header_is_an_error_of_the_server_or_lets_in(server: Server, value: bytes) -> None:
    head, _ = request("GET", "/api/v1/models")
    answer = server.send(head.removesuffix(b"\r\n") + b"Authorization: " + value + b"\r\n\r\n")
    assert answer.status in (400, 401)  # 400: bytes that HTTP does not allow in a header
    assert answer.problem["request_id"]


@given(st.sampled_from(["bearer", "BEARER", "Bearer"]), st.integers(1, 3))
def test_the_scheme_is_case_insensitive_and_spaces_do_not_matter(server: Server, scheme: str, spaces: int) -> None:
    value = scheme + " " * spaces + server.secrets["read"] + " "
    assert server.ask("GET", "/api/v1/models", authorization=value).status == 200


def test_two_tokens_in_one_request_are_refused(server: Server) -> None:
    head, _ = request("GET", "/api/v1/models", token=server.secrets["read"])
    answer = server.send(
        head.removesuffix(b"\r\n") + f"authorization: Bearer {server.secrets['admin']}\r\n\r\n".encode()
    )
    assert answer.status == 401
    assert "one header" in answer.problem["detail"]


def test_a_path_of_another_spelling_is_open_to_no_smaller_scope(server: Server) -> None:
    for path in (PROMOTE + "/", PROMOTE.replace("/promote", "//promote"), PROMOTE.upper(), "/x/../" + PROMOTE[1:]):
        answer = server.ask("POST", path, b"{}", server.secrets["predict"])
        assert answer.status == 403
        assert answer.problem["needed"] == ["admin"]
    assert server.ask("POST", PROMOTE.replace("promote", "%70romote"), b"{}", server.secrets["promote"]).status == 200


def test_an_expired_token_is_refused_by_its_name(server: Server) -> None:
    ends = datetime.now(UTC) + timedelta(seconds=2)
    secret = tokens.create(server.tokens, "visitor", ["read"], ends)
    until(lambda: server.ask("GET", "/api/v1/models", token=secret), 200)
    answer = until(lambda: server.ask("GET", "/api/v1/models", token=secret), 401)
    assert answer.problem["title"] == "Token expired"
    assert "visitor expired at 2" in answer.problem["detail"]


def test_a_token_is_rotated_and_revoked_while_the_server_runs(server: Server) -> None:
    first = tokens.create(server.tokens, "device", ["read"])
    until(lambda: server.ask("GET", "/api/v1/models", token=first), 200)
    second = tokens.rotate(server.tokens, "device", datetime.now(UTC) + timedelta(hours=1))
    until(lambda: server.ask("GET", "/api/v1/models", token=second), 200)
    assert server.ask("GET", "/api/v1/models", token=first).status == 200, "both are valid in the overlap"
    third = tokens.rotate(server.tokens, "device")
    until(lambda: server.ask("GET", "/api/v1/models", token=third), 200)
    assert server.ask("GET", "/api/v1/models", token=first).status == 401
    assert server.ask("GET", "/api/v1/models", token=second).status == 401
    tokens.revoke(server.tokens, "device")
    until(lambda: server.ask("GET", "/api/v1/models", token=third), 401)


def test_a_connection_that_is_open_is_refused_too_after_its_token_is_revoked(server: Server) -> None:
    secret = tokens.create(server.tokens, "kept-alive", ["read"])
    until(lambda: server.ask("GET", "/api/v1/models", token=secret), 200)
    with server.connect() as connection:

        def ask() -> Answer:
            connection.sendall(b"".join(request("GET", "/api/v1/models", token=secret)))
            return answer_on(connection)

        assert ask().status == 200
        tokens.revoke(server.tokens, "kept-alive")
        until(ask, 401)


def test_a_file_that_is_damaged_changes_nothing_until_it_is_mended(server: Server) -> None:
    good = server.tokens.read_bytes()
    try:
        server.tokens.write_text("{")
        time.sleep(1.2)
        assert server.ask("GET", "/api/v1/models", token=server.secrets["read"]).status == 200
        assert server.ask("GET", "/api/v1/models").status == 401
        server.tokens.unlink()
        until(lambda: server.ask("GET", "/api/v1/models", token=server.secrets["read"]), 401)
    finally:
        server.tokens.write_bytes(good)
        server.tokens.chmod(0o600)
    until(lambda: server.ask("GET", "/api/v1/models", token=server.secrets["read"]), 200)


def test_above_its_rate_a_token_is_told_when_to_come_back(server: Server) -> None:
    secret = tokens.create(server.tokens, "busy", ["read"], rate="3/h")
    until(lambda: server.ask("GET", "/healthz", token=secret), 200)
    until(lambda: server.ask("GET", "/api/v1/models", token=secret), 200)
    assert [server.ask("GET", "/api/v1/models", token=secret).status for _ in range(3)] == [200, 200, 429]
    answer = server.ask("GET", "/api/v1/models", token=secret)
    assert 1100 < int(answer.headers["retry-after"]) <= 1200
    assert "busy may send 3/h" in answer.problem["detail"]
    assert server.ask("GET", "/api/v1/models", token=server.secrets["read"]).status == 200, "only this token waits"


def test_a_server_without_tokens_serves_this_machine_and_no_page_of_another_site(tmp_path: Path) -> None:
    with serving(tmp_path, loopback=True, with_tokens=False) as server:
        assert server.ask("GET", "/api/v1/models").status == 200
        assert server.ask("POST", PROMOTE, b"{}").status == 200
        assert server.ask("POST", PROMOTE, b"{}", origin="http://localhost:8000", host="localhost:8000").status == 200
        for headers in (
            {"host": "rebound.example.org"},
            {"origin": "https://shop.example.org"},
            {"origin": "null"},
            {"origin": "https://127.0.0.1.example.org"},
            {"host": "["},
        ):
            answer = server.ask("POST", PROMOTE, b"{}", **headers)
            assert answer.status == 403, headers
            assert "slipway token create" in answer.problem["detail"]
        secret = tokens.create(server.tokens, "first", ["read"])
        until(lambda: server.ask("GET", "/api/v1/models"), 401)
        assert server.ask("GET", "/api/v1/models", token=secret).status == 200
        tokens.revoke(server.tokens, "first")
        time.sleep(1.2)
        assert server.ask("GET", "/api/v1/models").status == 401, "a server that asked for tokens goes on to ask"


def test_a_server_that_others_can_reach_lets_nobody_in_without_tokens(tmp_path: Path) -> None:
    with serving(tmp_path, loopback=False, with_tokens=False) as server:
        assert server.ask("GET", "/api/v1/models").status == 401
        assert server.ask("GET", "/healthz").status == 200


def test_the_openapi_document_needs_read_and_names_scopes_and_refusals(server: Server) -> None:
    assert server.ask("GET", "/openapi.json", token=server.secrets["predict"]).status == 403
    document = json.loads(server.ask("GET", "/openapi.json", token=server.secrets["read"]).content)
    promote = document["paths"]["/api/v1/models/{name}/versions/{version}/promote"]["post"]
    assert promote["security"] == [{"token": ["promote"]}]
    assert {"401", "403", "408", "413", "415", "422", "429", "500"} <= promote["responses"].keys()
    assert "404" in document["paths"]["/api/v1/models"]["get"]["responses"]
    health = document["paths"]["/healthz"]["get"]
    assert "security" not in health and "401" not in health["responses"]
    errors = {
        reference["schema"]["$ref"]
        for path in document["paths"].values()
        for operation in path.values()
        for status, response in operation["responses"].items()
        if status >= "4"
        for reference in response["content"].values()
    }
    assert errors == {"#/components/schemas/Problem"}
    assert "HTTPValidationError" not in json.dumps(document)
