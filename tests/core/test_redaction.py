"""No secret and no control sequence is printed, whatever its source."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from rich.markup import escape
from rich.table import Table
from typer.testing import CliRunner

import hostile
import released
from conftest import ROOT
from slipway.cli.app import app
from slipway.core.errors import ConfigError
from slipway.core.terminal import Console
from slipway_edge.redaction import plain, redacted

SOURCES = [str(ROOT / "src"), str(ROOT / "edge" / "src")]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://user:PASSWORD@host/x is down", "http://host/x is down"),
        ("http://user:P@SS/W?RD#@host:80/x", "http://host:80/x"),
        ("https://ghp_0123456789@github.com/team/models.git", "https://github.com/team/models.git"),
        ("postgresql+psycopg://user:PASSWORD@host/db", "postgresql+psycopg://host/db"),
        ("http://user:p]w'd@[::1]:5000", "http://[::1]:5000"),
        ("GET /x?token=abc&page=2", "GET /x?token=***&page=2"),
        ("https://b.s3/x?X-Amz-Credential=AKIA&X-Amz-Signature=abc&a=1", None),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ("s3://models/slipway, base-ad-detector@v1.0.0", "s3://models/slipway, base-ad-detector@v1.0.0"),
        ("https://host/path, by a@b.example", "https://host/path, by a@b.example"),
    ],
)
def test_an_address_is_shown_without_its_secrets(text: str, shown: str | None) -> None:
    shown = "https://b.s3/x?X-Amz-Credential=***&X-Amz-Signature=***&a=1" if shown is None else shown
    assert redacted(text) == shown


@pytest.mark.parametrize(
    "name",
    ["AWS_SECRET_ACCESS_KEY", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN", "GITHUB_TOKEN", "DAGSHUB_TOKEN",
     "GH_TOKEN", "AWS_SESSION_TOKEN", "SOME_API_KEY"],
)  # fmt: skip
@pytest.mark.parametrize("value", ["hunter2", "correct horse", 'a/b+c"d=='])
def test_the_value_of_a_secret_variable_is_not_shown(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    assert redacted(f"refused: {value}.") == "refused: ***."
    assert value not in json.loads(redacted(json.dumps(f"refused: {value}.")))


@pytest.mark.parametrize(
    "address",
    ["http//user:PASSW0RD@host", "user:PASSW0RD@host:5000", "http:/user:PASSW0RD@host", "htp://PASSW0RD@host"],
)
def test_an_invalid_address_from_the_environment_is_not_shown_either(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    assert "PASSW0RD" not in redacted(f"cannot parse {address}, that is PASSW0RD")


def test_words_that_are_also_the_value_of_a_variable_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "disabled-here")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/var/run/file")
    assert redacted("testing disabled-here /var/run/file") == "testing disabled-here /var/run/file"


@given(st.text())
def test_no_control_sequence_is_left(text: str) -> None:
    shown = plain(text)
    assert not {*map(chr, (*range(9), *range(11, 32), *range(127, 160), 0x202E, 0x2028))} & {*shown}
    assert plain(shown) == shown


def test_the_message_of_an_error_is_plain() -> None:
    assert str(ConfigError("http://user:PASSWORD@host\x1b[2J")) == "http://host�[2J"


@given(st.one_of(st.text(), st.just(hostile.TEXT)))
def test_a_table_shows_markup_as_plain_text(text: str) -> None:
    console = Console(width=4000, force_terminal=True, color_system="truecolor", legacy_windows=False)
    table = Table(title=escape(text))
    table.add_column("x", overflow="fold")
    table.add_row(escape(text))
    with console.capture() as printed:
        console.print(table)
        console.print(f"[red]wrong[/]: {escape(text)}", soft_wrap=True, highlight=False)
    said = printed.get()
    assert "\x1b]8" not in said  # a link
    rest = said
    for ours in ("\x1b[0m", "\x1b[1m", "\x1b[3m", "\x1b[31m"):
        rest = rest.replace(ours, "")
    assert "\x1b" not in rest and "\x9b" not in rest and "\x07" not in rest


def test_all_output_goes_through_one_console() -> None:
    for path in (ROOT / "src").rglob("*.py"):
        assert path.name == "terminal.py" or "rich.console" not in path.read_text(), path


def test_the_output_of_libraries_and_tracebacks_is_redacted(tmp_path: Path) -> None:
    program = """
import logging, sys, warnings
from slipway.stages import run
def stage(variant):
    print("http://user:PASSWORD@host")
    logging.getLogger("library").warning("http://user:PASSWORD@host")
    warnings.warn("http://user:PASSWORD@host")
    raise ValueError("http://user:PASSWORD@host, " + "hunter" + "2")
run(stage)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, "x"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PYTHONPATH": os.pathsep.join(SOURCES), "GITHUB_TOKEN": "hunter2"},
    )
    assert done.returncode == 1
    assert (done.stdout + done.stderr).count("http://host") == 4
    assert "PASSWORD" not in done.stdout + done.stderr and "hunter2" not in done.stderr


def test_an_unexpected_error_of_a_command_is_redacted_too(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"all": {"x": None}}))
    (tmp_path / "models" / "x").mkdir(parents=True)
    (tmp_path / "reports" / "x").mkdir(parents=True)
    (tmp_path / "models" / "x" / "release.json").mkdir()  # a folder instead of a file
    (tmp_path / "reports" / "x" / "benchmark.json").write_text("{}")
    (tmp_path / "sitecustomize.py").write_text(
        "import pathlib\n"
        "def read(self):\n"
        "    raise RuntimeError('hunter2 http://user:PASSWORD@host')\n"
        "pathlib.Path.read_bytes = read\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "slipway.cli.app", "releases"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={
            "PYTHONPATH": os.pathsep.join([str(tmp_path), *SOURCES]),
            "GITHUB_TOKEN": "hunter2",
        },
    )
    assert done.returncode == 1
    assert "***" in done.stderr
    assert "hunter2" not in done.stderr and "PASSWORD" not in done.stderr


def test_markup_in_a_commit_is_plain_text_in_the_tables_of_the_registry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "[red]:x:r[/]x"
    monkeypatch.chdir(tmp_path)
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", said)
    released.begin("worse")
    released.build("worse", gate={"rules": {"accuracy": {"min": 0.999}}})
    path = Path("models/worse/release.json")
    record = json.loads(path.read_text())
    for rule in record["gate"]["rules"]:
        rule["reason"] = f"{said}\x1b[31m"
    record["metrics"][said] = record["metrics"]["accuracy"]
    path.write_text(json.dumps(record))
    released.commit("first")
    released.git("tag", "-a", "worse@v1.0.0", "-m", f"{said}\x1b[31m")
    refused = CliRunner().invoke(app, ["releases"])
    assert refused.exit_code == 4 and "has characters that cannot be shown" in refused.output
    assert "\x1b" not in refused.output
    for command in (
        "registry list",
        "registry show worse@v1.0.0",
        "registry history",
        "registry changelog worse",
    ):
        done = CliRunner().invoke(app, command.split(), env={"COLUMNS": "1000"})
        assert done.exit_code == 0, done.output
        cells = re.sub(r"[\s│┃]", "", done.output)
        assert said in cells, command
        assert "\x1b" not in done.output
