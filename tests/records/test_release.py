"""The release record: its form, its lineage, and the identity of a version."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

import released
from slipway.core.errors import RegistryError
from slipway.gate.verdict import judge_bound
from slipway.records import release as record
from slipway.records.verdict import Verdict

ACCURACY = {"value": 0.9, "low": 0.8, "high": 0.95}
RAW, PREPARED = f"{'a' * 32}.dir", f"{'b' * 32}.dir"


def test_artifacts_have_their_sha256_and_size(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(b"model")
    described = record.artifacts({"model.tflite": tmp_path / "m"})
    assert described == {"model.tflite": {"sha256": hashlib.sha256(b"model").hexdigest(), "bytes": 5}}


@pytest.fixture
def built(tmp_path: Path) -> dict[str, Any]:
    """The content of dvc.lock for a built variant."""
    (tmp_path / "params.yaml").write_text("a: 1\n")
    deps = {
        "prepare": [{"path": "data/raw/mine", "md5": RAW}],
        "train": [{"path": "data/prepared/mine", "md5": PREPARED}],
    }
    return {"stages": {f"{stage}@mine": {"deps": entries} for stage, entries in deps.items()}}


def lineage(tmp_path: Path, lock: dict[str, Any]) -> dict[str, str]:
    (tmp_path / "dvc.lock").write_text(yaml.safe_dump(lock))
    return record.lineage(tmp_path / "dvc.lock", "mine", tmp_path / "params.yaml")


def test_lineage_has_the_hashes_by_which_dvc_finds_the_data(tmp_path: Path, built: dict[str, Any]) -> None:
    found = lineage(tmp_path, built)
    assert (found["raw"], found["prepared"]) == (RAW, PREPARED)
    assert found["params"] == hashlib.sha256(b"a: 1\n").hexdigest()


def test_a_variant_with_a_stage_missing_is_refused(tmp_path: Path, built: dict[str, Any]) -> None:
    del built["stages"]["train@mine"]
    with pytest.raises(RegistryError, match="no train@mine; run `dvc repro register@mine`"):
        lineage(tmp_path, built)


@pytest.fixture
def values() -> dict[str, Any]:
    """The values of a record, as the stages write it."""
    return {
        "schema": record.SCHEMA,
        "variant": "mine",
        "task": "image_classification",
        "framework": "keras",
        "profile": "demo",
        "description": "Made up.",
        "data": {"height": 8, "width": 8},
        "spec": {
            "objective": "multiclass",
            "input": {"shape": [8, 8, 3], "dtype": "uint8"},
            "outputs": ["a", "b"],
            "classes": ["a", "b"],
        },
        "dataset": {"test": {"total": 40, "groups": 20, "classes": {"a": 20, "b": 20}}, "warnings": ["few examples"]},
        "precision": "int8",
        "confidence": 0.95,
        "metrics": {"accuracy": dict(ACCURACY)},
        "examples": 40,
        "groups": 20,
        "parity": {"agreement": 1.0, "native_minus_shipped": {"accuracy": 0.0}},
        "gate": Verdict.of([judge_bound("accuracy", 0.7, None, ACCURACY, "interval")]).to_json(),
        "artifacts": {"model.tflite": {"sha256": "a" * 64, "bytes": 100}},
        "lineage": {"raw": RAW, "prepared": PREPARED, "params": "b" * 64, "started_from": "c.dir"},
    }


def read(values: Mapping[str, Any]) -> record.Record:
    return record.read(json.dumps(values).encode(), "release.json", "mine")


@pytest.mark.parametrize("schema", [1, 2])
def test_a_record_of_an_older_schema_is_read_as_the_newest(values: dict[str, Any], schema: int) -> None:
    old = read(released.older(values, schema))
    assert old.schema_version == schema
    assert old.identity() == read(values).identity()


def test_a_licence_may_be_missing_and_is_not_part_of_the_identity(values: dict[str, Any]) -> None:
    before = read(values)
    assert before.license is None
    stated = read(values | {"license": "apache-2.0"})
    assert (stated.license, stated.identity()) == ("apache-2.0", before.identity())


def test_wording_is_not_part_of_the_identity(values: dict[str, Any]) -> None:
    before = read(values).identity()
    values["gate"]["rules"][0]["reason"] = "said in other words"
    values["dataset"]["warnings"] = ["a clearer warning"]
    assert read(values).identity() == before


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("artifacts.model.tflite.sha256", "d" * 64),
        ("spec.outputs", ["b", "a"]),
        ("lineage.raw", "other.dir"),
        ("lineage.prepared", "other.dir"),
        ("lineage.params", "e" * 64),
        ("lineage.started_from", None),
        ("metrics.accuracy.value", 0.91),
        ("gate.rules.0.min", 0.71),
        ("gate.rules.0.verdict", "hold"),
    ],
)
def test_any_difference_that_a_user_can_see_makes_another_version(
    values: dict[str, Any], place: str, value: Any
) -> None:
    before = read(values).identity()
    *above, last = place.replace("model.tflite", "model-tflite").split(".")
    part: Any = values
    for key in above:
        part = part[int(key)] if key.isdigit() else part[key.replace("model-tflite", "model.tflite")]
    part[last] = value
    assert read(values).identity() != before


def test_reading_returns_what_was_written(values: dict[str, Any]) -> None:
    written = read(values).to_json()
    assert read(written).to_json() == written
    assert written["lineage"] == values["lineage"] and written["metrics"] == values["metrics"]
