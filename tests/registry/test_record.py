"""The release record's hashes and lineage."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
import yaml

from slipway.errors import RegistryError
from slipway.registry import record


def test_artifacts_have_their_sha256_and_size(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(b"model")
    described = record.artifacts({"model.tflite": tmp_path / "m"})
    assert described == {"model.tflite": {"sha256": hashlib.sha256(b"model").hexdigest(), "bytes": 5}}


@pytest.fixture
def built(tmp_path: Path) -> dict[str, Any]:
    """What dvc.lock has of a built variant."""
    (tmp_path / "params.yaml").write_text("a: 1\n")
    (tmp_path / "requirements.lock").write_text("x==1\n")
    code = {"path": "src/slipway/config.py", "md5": "c0"}
    deps = {
        "prepare": [{"path": "data/raw/mine", "md5": "r.dir"}, code],
        "train": [{"path": "data/prepared/mine", "md5": "p.dir"}, {"path": "src/slipway/tracking.py", "md5": "c1"}],
        "evaluate": [code],
        "convert-tflite": [code],
        "benchmark": [code],
    }
    return {"stages": {f"{stage}@mine": {"deps": entries} for stage, entries in deps.items()}}


def lineage(tmp_path: Path, lock: dict[str, Any]) -> dict[str, str]:
    (tmp_path / "dvc.lock").write_text(yaml.safe_dump(lock))
    return record.lineage(tmp_path / "dvc.lock", "mine", tmp_path / "params.yaml", tmp_path / "requirements.lock")


def test_lineage_has_the_hashes_by_which_dvc_finds_the_data(tmp_path: Path, built: dict[str, Any]) -> None:
    found = lineage(tmp_path, built)
    assert (found["raw"], found["prepared"]) == ("r.dir", "p.dir")
    assert found["params"] == hashlib.sha256(b"a: 1\n").hexdigest()


def test_a_change_of_any_module_that_was_run_changes_the_code_hash(tmp_path: Path, built: dict[str, Any]) -> None:
    before = lineage(tmp_path, built)["code"]
    built["stages"]["train@mine"]["deps"][1]["md5"] = "c2"
    assert lineage(tmp_path, built)["code"] != before


def test_a_variant_with_a_stage_missing_is_refused(tmp_path: Path, built: dict[str, Any]) -> None:
    del built["stages"]["benchmark@mine"]
    with pytest.raises(RegistryError, match="no benchmark@mine; run `dvc repro register@mine`"):
        lineage(tmp_path, built)
