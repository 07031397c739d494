"""The `slipway` command before anything is built; test_pipeline.py tests it on a build."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from slipway.cli.app import app


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "params.yaml").write_text("all:\n  mine: {task: image_classification, framework: keras}\n")
    monkeypatch.chdir(tmp_path)


def test_a_variant_that_is_not_built_says_how_to_build_it(empty: None) -> None:
    result = CliRunner().invoke(app, ["releases"])
    assert result.exit_code == 0
    assert "not built" in result.output
    assert "dvc repro register@mine" in result.output


def test_json_has_the_same_content(empty: None) -> None:
    result = CliRunner().invoke(app, ["releases", "--json"])
    assert json.loads(result.output) == [{"variant": "mine", "verdict": None}]


def test_outside_a_repository_the_error_names_the_missing_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["releases"])
    assert result.exit_code == 2
    assert "params.yaml: no such file" in result.output


def test_releases_shows_the_named_variants_and_refuses_unknown_ones(empty: None) -> None:
    assert json.loads(CliRunner().invoke(app, ["releases", "mine", "--json"]).output) == [
        {"variant": "mine", "verdict": None}
    ]
    result = CliRunner().invoke(app, ["releases", "yours"])
    assert result.exit_code == 2
    assert "yours: no such variant in params.yaml; it has mine" in result.output
