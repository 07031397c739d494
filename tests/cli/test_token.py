"""`slipway token`: a token is printed once, and the file can do without it."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from slipway.cli.app import app
from slipway.serving import tokens
from slipway.serving.tokens import FORM, SCOPES, Tokens


@pytest.fixture(autouse=True)
def _empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["token", *arguments])


def test_a_token_is_printed_once_and_let_in() -> None:
    result = run("create", "ci", "--scope", "predict", "--scope", "read", "--expires", "90d", "--rate", "600/min")
    assert result.exit_code == 0
    secret = result.stdout.strip()
    assert FORM.fullmatch(secret)
    assert "shown this once" in result.stderr
    found = Tokens(tokens.FILE).find(secret.encode())
    assert found is not None and found.scopes == ("predict", "read") and found.rate == "600/min"
    assert found.expires is not None
    assert timedelta(days=89) < found.expires - datetime.now(UTC) <= timedelta(days=90)
    for path in Path.cwd().rglob("*"):
        assert not path.is_file() or secret not in path.read_text()
    assert secret not in run("list").output + run("list", "--json").output


def test_the_list_has_everything_but_hashes() -> None:
    run("create", "ci", "--scope", "predict", "--rate", "5/s")
    run("create", "team", "--scope", "admin", "--expires", "2040-01-31")
    lines = run("list").stdout.splitlines()
    assert re.fullmatch(r"ci +predict +\d{4}-\d\d-\d\d \d\d:\d\d UTC +never +5/s", lines[1])
    assert "2040-01-31 00:00 UTC" in lines[2]
    rows = json.loads(run("list", "--json").stdout)
    assert [row["name"] for row in rows] == ["ci", "team"]
    assert all("sha256" not in row for row in rows)


def test_rotate_and_revoke() -> None:
    first = run("create", "ci", "--scope", "read").stdout.strip()
    second = json.loads(run("rotate", "ci", "--overlap", "12h", "--json").stdout)["token"]
    known = Tokens(tokens.FILE)
    assert known.find(first.encode()) is not None and known.find(second.encode()) is not None
    assert run("rotate", "ci").exit_code == 0
    assert Tokens(tokens.FILE).find(first.encode()) is None
    assert run("revoke", "ci").stdout == "revoked: ci\n"
    assert tokens.read(tokens.FILE) == ()


def test_another_file_can_be_named() -> None:
    run("create", "ci", "--scope", "read", "--tokens", "mine.json")
    assert [one.name for one in tokens.read(Path("mine.json"))] == ["ci"]
    assert not tokens.FILE.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("create", "ci", "--scope", "write"), "'write' is not a scope; choose from predict, read, outcome"),
        (("create", "c i", "--scope", "read"), "'c i' is not a name"),
        (("create", "ci", "--scope", "read", "--rate", "fast"), "'fast' is not a rate"),
        (("create", "ci", "--scope", "read", "--expires", "soon"), "--expires 'soon' is neither a length of time"),
        (("create", "ci", "--scope", "read", "--expires", "2020-01-01"), "--expires 2020-01-01 has passed"),
        (("rotate", "ci"), "ci is not a token of .slipway/tokens.json; there are: none"),
        (("revoke", "ci"), "ci is not a token"),
    ],
)
def test_a_mistake_is_one_line(arguments: tuple[str, ...], message: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")
    assert message in result.stderr
    assert not tokens.FILE.exists()


def test_the_help_names_every_scope() -> None:
    shown = run("create", "--help").stdout
    assert all(scope in shown for scope in SCOPES)
