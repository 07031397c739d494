"""The data set in Croissant: mlcroissant reads each example with its label, group and split, without a network."""

import json
import socket
from pathlib import Path
from typing import Any

import mlcroissant
import numpy as np
import pandas as pd
import pytest
from PIL import Image

import hostile
from slipway import tasks
from slipway.core import atomic
from slipway.core.config import Checks, Split
from slipway.data import preparation
from slipway.records.release import Record
from slipway.release import croissant

RAW = "0123456789abcdef0123456789abcdef.dir"
SPLIT = Split(train=0.6, val=0.2, test=0.2, calibration=8)
pytestmark = [  # warnings of mlcroissant about its own libraries
    pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame.reset_index"),
]


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every connection to a network."""

    def refuse(*_: object) -> None:
        raise AssertionError("a network connection was attempted")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def record(variant: str, task: str, found: dict[str, Any]) -> Record:
    """A release record of the prepared data, with an invented model."""
    values = {
        "schema": 3,
        "variant": variant,
        "task": task,
        "framework": "keras",
        "profile": "demo",
        "description": "Tells *ad* from content.",
        "data": {},
        "spec": {"objective": "binary", "input": {"shape": [1], "dtype": "float32"}, "outputs": ["ad"]},
        "dataset": {**found["splits"], "simulated": False},
        "precision": "float32",
        "metrics": {},
        "examples": 1,
        "groups": 1,
        "parity": {"agreement": 1.0},
        "gate": {"verdict": "pass", "rules": []},
        "artifacts": {"model.tflite": {"sha256": "a" * 64, "bytes": 1}},
        "lineage": {"raw": RAW, "prepared": RAW, "params": "b" * 64},
    }
    return Record.model_validate_json(json.dumps(values))


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Record:
    """Prepared pictures in a repository that is the working folder; the frames of a video are a group."""
    monkeypatch.chdir(tmp_path)
    random, raw = np.random.default_rng(0), Path("data/raw/pictures")
    for name in ("ad", "content"):
        (raw / name).mkdir(parents=True)
        for number in range(40):
            pixels = random.integers(0, 255, (16, 16, 3), np.uint8)
            Image.fromarray(pixels).save(raw / name / f"{name}{number % 10}_{number:02d}.png")
    data = {"height": 8, "width": 8, "group": r"^([a-z]+\d)_"}
    return prepared("pictures", "image_classification", data, SPLIT)


@pytest.fixture
def hours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Record:
    """A prepared series of two places, split by time."""
    monkeypatch.chdir(tmp_path)
    Path("data/raw/hours").mkdir(parents=True)
    times = pd.date_range("2024-01-01", periods=24 * 40, freq="h")
    rows = pd.DataFrame([(time, place, time.hour + 1) for place in ("here", "there") for time in times])
    rows.set_axis(["time", "place", "visitors"], axis=1).to_csv("data/raw/hours/rows.csv", index=False)
    data = {"target": "visitors", "time": "time", "place": "place", "country": "GB"}
    return prepared("hours", "tabular_regression", data, SPLIT.model_copy(update={"by": "time"}))


def prepared(variant: str, task: str, data: dict[str, Any], split: Split) -> Record:
    report = Path("reports") / variant / "dataset.json"
    raw, out = Path("data/raw") / variant, Path("data/prepared") / variant
    preparation.prepare(tasks.load(task, data), raw, out, report, split, Checks(), 7)
    return record(variant, task, json.loads(report.read_text()))


def describe(record: Record, license: str | None = "apache-2.0") -> dict[str, Any]:
    return croissant.describe(record, Path("data/prepared") / record.variant, license)


def written(record: Record) -> mlcroissant.Dataset:
    """Write the description where the register stage writes it, and read it with mlcroissant."""
    path = Path("reports") / record.variant / "croissant.json"
    atomic.write_json(path, describe(record))
    return mlcroissant.Dataset(str(path.resolve()))


def records(dataset: mlcroissant.Dataset, name: str) -> list[dict[str, Any]]:
    """The records of a set, by field name; mlcroissant returns text as bytes."""
    return [
        {key.partition("/")[2]: one.decode() if isinstance(one, bytes) else one for key, one in row.items()}
        for row in dataset.records(name)
    ]


@pytest.mark.parametrize("kind", ["pictures", "hours"])
def test_every_example_is_read_with_its_label_group_and_split(kind: str, request: pytest.FixtureRequest) -> None:
    made = request.getfixturevalue(kind)
    dataset = written(made)
    for side in ("train", "val", "test"):
        examples = pd.read_parquet(f"data/prepared/{kind}/{side}/examples.parquet")
        columns = [name for name in ("example", "label", "group", "time") if name in examples]
        assert records(dataset, side) == examples[columns].assign(split=side).to_dict("records")
        assert records(dataset, side)  # again
    assert ("time" in columns) == (kind == "hours")


def test_splits_and_classes_are_counted(pictures: Record) -> None:
    dataset = written(pictures)
    assert records(dataset, "splits") == [
        {"name": "train", "url": "cr:TrainingSplit", "examples": 48},
        {"name": "val", "url": "cr:ValidationSplit", "examples": 16},
        {"name": "test", "url": "cr:TestSplit", "examples": 16},
    ]
    assert records(dataset, "classes") == [
        {"name": "ad", "train": 24, "val": 8, "test": 8},
        {"name": "content", "train": 24, "val": 8, "test": 8},
    ]


def test_a_number_as_label_has_no_classes(hours: Record) -> None:
    assert [one.id for one in written(hours).metadata.record_sets] == ["splits", "train", "val", "test"]


def test_examples_that_changed_afterwards_are_not_read(pictures: Record) -> None:
    dataset, path = written(pictures), Path("data/prepared/pictures/test/examples.parquet")
    pd.read_parquet(path).iloc[1:].to_parquet(path)
    with pytest.raises(mlcroissant.GenerationError):
        records(dataset, "test")


def test_the_description_has_the_name_licence_version_and_address(pictures: Record) -> None:
    metadata = written(pictures).metadata
    assert (metadata.name, metadata.license) == ("pictures", ["https://spdx.org/licenses/Apache-2.0"])
    assert metadata.version == f"0.0.0+{RAW}"
    assert (
        metadata.description == "Data for a model, split for training and testing. The model: Tells *ad* from content."
    )
    raw = metadata.distribution[0]
    assert (raw.content_url, raw.md5) == ("../../data/raw/pictures", RAW)
    assert Path("reports/pictures", raw.content_url).resolve() == Path("data/raw/pictures").resolve()
    # Only the publisher knows these.
    assert {issue.rpartition("/")[2].partition('"')[0] for issue in metadata.ctx.issues.warnings} == {
        "citeAs", "datePublished",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("license", "address"),
    [("cc-by-4.0", "https://spdx.org/licenses/CC-BY-4.0"), ("openrail", "openrail"), (None, None)],
)
def test_a_licence_of_spdx_is_given_by_its_address(pictures: Record, license: str | None, address: str) -> None:
    described = describe(pictures, license)
    assert described.get("license") == address
    mlcroissant.Dataset(jsonld=described)


def test_a_hostile_text_in_every_field_stays_text(pictures: Record) -> None:
    dataset = hostile.everywhere(pictures.dataset, "pictures")
    described = describe(pictures.model_copy(update={"description": hostile.TEXT, "dataset": dataset}))
    read = mlcroissant.Dataset(jsonld=json.loads(json.dumps(described)))
    assert read.metadata.description.endswith(hostile.TEXT)


def test_equal_data_gives_equal_bytes(pictures: Record) -> None:
    path = Path("reports/pictures/croissant.json")
    written(pictures)
    before = path.read_bytes()
    written(pictures)
    assert path.read_bytes() == before
    assert str(Path.cwd()).encode() not in before
