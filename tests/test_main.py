"""The `slipway` program."""

import subprocess
import sys

import pytest

from slipway.__main__ import main


def test_the_program_has_the_commands() -> None:
    done = subprocess.run([sys.executable, "-m", "slipway", "registry", "--help"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "verify" in done.stdout


def test_with_only_the_predictor_installed_the_error_names_the_missing_package(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "typer", None)
    monkeypatch.delitem(sys.modules, "slipway.cli.app", raising=False)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code not in (0, 1, 2, 3), "these codes are verdicts"
    assert capsys.readouterr().err == "error: the slipway command needs typer; run pip install 'slipway[registry]'\n"


def test_a_missing_module_of_slipway_itself_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "slipway.cli.app", None)
    with pytest.raises(ModuleNotFoundError):
        main()
