"""The file of tokens: what is in it, who may write it, and what becomes of each mistake."""

import hashlib
import json
import stat
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.core.errors import ConfigError
from slipway.serving import tokens
from slipway.serving.tokens import FORM, SCOPES, Token, Tokens

SETS = st.sets(st.sampled_from(SCOPES), min_size=1)
NAMES = st.from_regex(tokens.NAME, fullmatch=True).map(str.strip)
RATES = st.from_regex(tokens.RATE, fullmatch=True).map(str.strip)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "tokens.json"


@given(NAMES, SETS, st.none() | st.integers(1, 10**6), st.none() | RATES)
def test_a_token_that_is_created_is_found_with_all_that_it_may(
    tmp_path_factory: pytest.TempPathFactory, name: str, scopes: set[tokens.Scope], hours: int | None, rate: str | None
) -> None:
    path = tmp_path_factory.mktemp("tokens") / "tokens.json"
    ends = None if hours is None else datetime.now(UTC) + timedelta(hours=hours)
    secret = tokens.create(path, name, sorted(scopes), ends, rate)
    found = Tokens(path).find(secret.encode())
    assert found is not None
    assert (found.name, set(found.scopes), found.expires, found.rate) == (name, scopes, ends, rate)
    assert {one for one in SCOPES if found.may(one)} == (set(SCOPES) if "admin" in scopes else scopes)
    assert tokens.read(path) == (found,)


@given(st.binary(max_size=100))
def test_nothing_else_is_a_token(tmp_path_factory: pytest.TempPathFactory, secret: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "one" / "tokens.json"
    if not path.exists():
        tokens.create(path, "ci", ["admin"])
    assert Tokens(path).find(secret) is None


def test_the_file_holds_the_hash_and_not_the_token(path: Path) -> None:
    secret = tokens.create(path, "ci", ["predict"])
    assert FORM.fullmatch(secret)
    content = path.read_text()
    assert secret.removeprefix("slipway_") not in content
    assert hashlib.sha256(secret.encode()).hexdigest() in content
    assert Tokens(path).find(hashlib.sha256(secret.encode()).hexdigest().encode()) is None, "the hash is no token"


def test_only_its_owner_reads_the_file_however_it_was_before(path: Path) -> None:
    tokens.create(path, "ci", ["predict"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    tokens.create(path, "other", ["predict"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_may_write_is_refused(path: Path, mode: int) -> None:
    tokens.create(path, "ci", ["predict"])
    path.chmod(mode)
    for use in (
        tokens.read,
        Tokens,
        lambda one: tokens.create(one, "x", ["read"]),
        lambda one: tokens.revoke(one, "ci"),
    ):
        with pytest.raises(ConfigError, match=f"can be written by other users .* chmod 600 {path}"):
            use(path)


def test_a_file_that_a_push_can_change_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    tokens.create(path, "ci", ["admin"])
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    assert len(tokens.read(path)) == 1
    subprocess.run(["git", "-C", str(tmp_path), "add", path.name], check=True)
    with pytest.raises(ConfigError, match="tracked by Git, so whoever can push"):
        tokens.read(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "not JSON"),
        ("[]", "not a JSON object"),
        ("{}", "tokens: Field required"),
        ('{"tokens": [{"name": "ci"}]}', "tokens.0.sha256: Field required"),
        ('{"tokens": [], "tokens": []}', "a key is there twice"),
        ('{"tokens": [], "more": 1}', "more: Extra inputs"),
    ],
)
def test_a_file_of_another_form_is_refused_with_its_place(path: Path, content: str, message: str) -> None:
    path.parent.mkdir()
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match=rf"{path}.*{message}.*slipway token create"):
        Tokens(path)


@given(st.data())
def test_no_edit_of_the_file_is_an_error_of_another_kind(tmp_path_factory: pytest.TempPathFactory, data: Any) -> None:
    path = tmp_path_factory.mktemp("tokens") / "tokens.json"
    tokens.create(path, "ci", ["predict"], datetime(2040, 1, 1, tzinfo=UTC), "5/s")
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 5))] = data.draw(st.binary(max_size=3))
    path.write_bytes(content)
    try:
        assert all(isinstance(one, Token) for one in tokens.read(path))
    except ConfigError as error:
        assert "tokens.json" in str(error)


def test_a_path_that_cannot_be_used_is_a_mistake_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    with pytest.raises(ConfigError, match="folder cannot be read: Is a directory"):
        tokens.read(tmp_path / "folder")
    with pytest.raises(ConfigError, match="cannot be written"):
        tokens.create(tmp_path / "file" / "tokens.json", "ci", ["read"])


def test_a_token_that_is_there_twice_is_refused(path: Path) -> None:
    tokens.create(path, "ci", ["predict"])
    (one,) = json.loads(path.read_text())["tokens"]
    path.write_text(json.dumps({"tokens": [one, one | {"name": "other"}]}))
    with pytest.raises(ConfigError, match="a token is there twice"):
        tokens.read(path)


@pytest.mark.parametrize(
    ("name", "scopes", "rate", "message"),
    [
        ("", ["read"], None, "'' is not a name"),
        ("a b", ["read"], None, "'a b' is not a name"),
        ("../x", ["read"], None, "is not a name"),
        ("ci\n", ["read"], None, "is not a name"),
        ("x" * 65, ["read"], None, "is not a name"),
        ("ci", [], None, "needs a scope"),
        ("ci", ["read"], "0/s", "'0/s' is not a rate"),
        ("ci", ["read"], "5/day", "'5/day' is not a rate"),
        ("ci", ["read"], "5/s\n", "is not a rate"),
    ],
)
def test_a_mistake_is_named_and_nothing_is_written(
    path: Path, name: str, scopes: list[tokens.Scope], rate: str | None, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        tokens.create(path, name, scopes, rate=rate)
    assert not path.exists()


def test_a_name_is_taken_once(path: Path) -> None:
    tokens.create(path, "ci", ["predict"])
    with pytest.raises(ConfigError, match="ci is there already; `slipway token rotate ci` replaces it"):
        tokens.create(path, "ci", ["read"])


def test_a_rotation_keeps_all_but_the_secret(path: Path) -> None:
    ends = datetime(2040, 1, 1, tzinfo=UTC)
    first = tokens.create(path, "ci", ["predict", "read"], ends, "5/s")
    second = tokens.rotate(path, "ci")
    (found,) = tokens.read(path)
    assert (found.scopes, found.expires, found.rate) == (("predict", "read"), ends, "5/s")
    assert Tokens(path).find(first.encode()) is None
    assert Tokens(path).find(second.encode()) == found


def test_an_overlap_ends_the_old_token_then_and_no_later_than_its_own_end(path: Path) -> None:
    soon, late = datetime(2040, 1, 1, tzinfo=UTC), datetime(2050, 1, 1, tzinfo=UTC)
    tokens.create(path, "ci", ["predict"], soon)
    tokens.rotate(path, "ci", late)
    assert [one.expires for one in tokens.read(path)] == [soon, soon]
    tokens.revoke(path, "ci")
    tokens.create(path, "ci", ["predict"])
    tokens.rotate(path, "ci", soon)
    assert [one.expires for one in tokens.read(path)] == [soon, None]
    tokens.revoke(path, "ci")
    assert tokens.read(path) == ()


@pytest.mark.parametrize("change", [tokens.rotate, tokens.revoke])
def test_a_name_that_is_not_there_is_answered_with_those_that_are(path: Path, change: Any) -> None:
    tokens.create(path, "ci", ["predict"])
    with pytest.raises(ConfigError, match=r"shop is not a token of .*; there are: ci"):
        change(path, "shop")


def test_changes_at_the_same_time_are_all_kept(path: Path) -> None:
    names = [f"token-{number}" for number in range(12)]
    threads = [threading.Thread(target=tokens.create, args=(path, name, ["read"])) for name in names]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert {one.name for one in tokens.read(path)} == set(names)


def test_a_token_expires_at_its_end() -> None:
    ends = datetime(2027, 1, 1, tzinfo=UTC)
    token = Token(name="ci", sha256="0" * 64, scopes=("read",), created=ends, expires=ends)
    assert not token.has_expired(ends.timestamp() - 1)
    assert token.has_expired(ends.timestamp())
    assert not token.model_copy(update={"expires": None}).has_expired(1e12)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.0.0.53"])
def test_without_a_token_a_server_may_listen_on_loopback(path: Path, host: str) -> None:
    tokens.check_address(host, path)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "example.org", "", "127.0.0.1.example.org"])
def test_on_any_other_address_it_needs_a_token(path: Path, host: str) -> None:
    with pytest.raises(ConfigError, match="slipway token create NAME"):
        tokens.check_address(host, path)
    tokens.create(path, "ci", ["predict"])
    tokens.check_address(host, path)
