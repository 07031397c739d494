"""`slipway ensemble ...`, from the definition to the verdict in Git."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import released
from ensembles import house
from slipway.cli.app import app


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository of `house`."""
    root = tmp_path_factory.mktemp("ensemble")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        house.built()
    return root


def slipway(command: str, code: int = 0) -> str:
    """Run `slipway ensemble COMMAND`, and return what it prints."""
    done = CliRunner().invoke(app, ["ensemble", *command.split()])
    assert done.exit_code == code, done.output
    return done.output


def read(command: str, code: int = 0) -> Any:
    return json.loads(slipway(f"{command} --json", code))


def test_from_the_definition_to_the_verdict_and_the_end_of_it(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    assert read("list") == []
    assert "docs/ensembles.md" in slipway("evaluate both", 3)
    house.define()
    assert "it was not evaluated" in slipway("show both")
    told = slipway("evaluate both")
    assert "minus mine@v1.0.0" in told
    assert "beside yours@v1.0.0" in told
    assert "written: ensembles/both.json; next: git add ensembles && git commit" in " ".join(told.split())
    shown = read("show both")
    assert shown["versions"] == {"mine@v1.0.0": "mine@v1.0.0", "yours@production": "yours@v1.0.0"}
    assert (shown["may_answer"], shown["why_not"]) == (True, None)
    assert shown["evaluation"] == json.loads(Path("ensembles/both.json").read_text()) == read("evaluate both")
    (row,) = read("list")
    assert (row["name"], row["strategy"], row["verdict"]) == ("both", "weighted_average", "pass")
    assert row["version"] == shown["version"] == shown["evaluation"]["version"]
    assert "both" in slipway("list")

    released.commit("ensemble")
    arms = "--arm control=production --arm both=ensembles/both --goal clicks --sample 100"
    done = CliRunner().invoke(app, ["experiment", "create", "together", "--model", "mine", *arms.split(), "--json"])
    assert json.loads(done.output)["definition"]["arms"]["both"] == f"ensembles/both@{shown['version']}"

    house.version("yours", "v1.1.0", 2.0)
    house.promote("yours", "v1.1.0", 2)
    (row,) = read("list")
    assert "yours@production is now yours@v1.1.0; evaluate it again" in row["verdict"]
    assert "does not answer: its verdict is about yours@v1.0.0" in " ".join(slipway("show both").split())
    (problem,) = json.loads(CliRunner().invoke(app, ["doctor", "ensembles", "--json"]).output)
    assert problem["wrong"].startswith("the ensemble both does not answer: its verdict is about yours@v1.0.0")


def test_the_exit_code_is_the_verdict(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    for least, code, verdict in ((0.99, 1, "fail"), (0.85, 2, "hold")):
        house.define(
            "strict", members={"mine@v1.0.0": 0.5, "yours@v1.0.0": 0.5}, gate={"rules": {"f1": {"min": least}}}
        )
        assert read("evaluate strict", code)["verdict"] == verdict
    house.define("strict", members={"mine@v1.0.0": 0.5, "yours@v9.0.0": 0.5})
    assert "yours@v9.0.0: no such version" in slipway("evaluate strict", 3)
    (broken,) = [row for row in read("list") if row["name"] == "strict"]
    assert broken["verdict"].startswith("unusable: yours@v9.0.0")
