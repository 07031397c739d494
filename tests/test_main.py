"""The `slipway` program."""

import subprocess
import sys

import pytest

from slipway.__main__ import main


def test_it_has_the_commands() -> None:
    done = subprocess.run([sys.executable, "-m", "slipway", "registry", "--help"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "verify" in done.stdout


def test_where_only_the_predictor_is_installed_it_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "typer", None)
    monkeypatch.delitem(sys.modules, "slipway.cli.app", raising=False)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code not in (0, 1, 2, 3), "those are of a verdict"
    assert capsys.readouterr().err == "error: the slipway command needs typer; run pip install 'slipway[registry]'\n"


def test_a_mistake_of_its_own_is_not_taken_for_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "slipway.cli.app", None)
    with pytest.raises(ModuleNotFoundError):
        main()
