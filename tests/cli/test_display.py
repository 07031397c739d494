"""Lists in a terminal."""

import pytest
from rich.text import Text

from slipway.cli.display import print_columns


def test_columns_are_as_wide_as_their_widest_cell(capsys: pytest.CaptureFixture[str]) -> None:
    print_columns(("name", "by"), [("a", Text("pass", "green")), ("模型", "Ann"), ("longer", "")])
    assert capsys.readouterr().out == "name    by\na       pass\n模型    Ann\nlonger\n"


def test_an_empty_list_has_its_headings(capsys: pytest.CaptureFixture[str]) -> None:
    print_columns(("name", "by"), [])
    assert capsys.readouterr().out == "name  by\n"


def test_cells_are_plain_text_without_secrets(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2hunter2")
    print_columns(("name",), [("[red]\x1b[31mhunter2hunter2",)])
    out = capsys.readouterr().out
    assert "hunter2" not in out and "\x1b" not in out
    assert "[red]" in out
