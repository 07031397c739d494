"""The JSON Schemas in docs/ match the code, and the committed files are valid."""

import json
import sys

import pytest
from jsonschema import Draft202012Validator

from conftest import ROOT

sys.path.insert(0, str(ROOT / "docs"))
import schemas

WRITTEN = {"release": "models/*/release.json", "benchmark": "reports/*/benchmark.json"}


@pytest.mark.parametrize("name", schemas.FORMS)
def test_the_schema_in_docs_is_that_of_the_code(name: str) -> None:
    committed = (schemas.FOLDER / f"{name}.schema.json").read_text()
    assert committed == schemas.written(name), "run `python docs/schemas.py` and commit what it wrote"


@pytest.mark.parametrize("name", schemas.FORMS)
def test_the_committed_files_match_the_schema(name: str) -> None:
    validator = Draft202012Validator(json.loads(schemas.written(name)))
    paths = sorted(ROOT.glob(WRITTEN[name]))
    assert paths
    for path in paths:
        assert not list(validator.iter_errors(json.loads(path.read_text()))), path
