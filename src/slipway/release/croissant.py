"""The data set of a variant in Croissant, a JSON-LD vocabulary with which other tools find and read data sets.

The vocabulary is version 1.0 of https://docs.mlcommons.org/croissant/docs/croissant-spec.html. The description covers
the raw folder, with its DVC hash, and the examples that prepare made from it: each with its name, label, group and
split. Readers get the examples from the prepared splits and check their SHA-256. The description contains no times and
nothing about the machine.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from slipway.records import release
from slipway.records.release import Record, Split

VERSION = "http://mlcommons.org/croissant/1.0"
SPLITS = {"train": "cr:TrainingSplit", "val": "cr:ValidationSplit", "test": "cr:TestSplit"}
ROOT = "../.."
"""The path from reports/<variant>, where the description is, to the folder that paths are relative to."""
COLUMNS = {
    "example": "The name of the example: a file of the raw folder, or a row or a place in such a file.",
    "label": "The class, or the value to predict.",
    "group": "The group of the example. Examples of one group are not independent, such as the frames of a video.",
    "time": "The time of the example.",
}
"""The columns that the prepared splits of every task have, except `time`, which only time series have."""

_OWN = (
    "citeAs column equivalentProperty extract field fileObject fileProperty fileSet format includes isLiveDataset "
    "jsonPath key md5 parentField path recordSet references regex repeated replace samplingRate separator source "
    "subField transform"
)
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{name: f"cr:{name}" for name in _OWN.split()},
}


def describe(record: Record, prepared: Path, license: str | None) -> dict[str, Any]:
    """Return a description of the data set that a release was built on, in JSON values.

    Args:
        record: the release record.
        prepared: data/prepared/<variant>, relative to the repository's root.
        license: the licence of the data, None where it is not stated.
    """
    sides = {side: split for side, split in record.dataset.splits.items() if side in SPLITS}
    kind = "Simulated data" if record.dataset.simulated else "Data"
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": VERSION,
        "name": record.variant,
        "description": f"{kind} for a model, split for training and testing. The model: {record.description}",
        "version": f"0.0.0+{record.lineage.raw}",  # the data has no version numbers, only a hash
        "keywords": [record.task.replace("_", "-")],
        **({} if license is None else {"license": _address(license)}),
        "distribution": [_raw(record), *(_examples(prepared / side) for side in sides)],
        "recordSet": [_splits(sides), *_classes(sides), *(_records(prepared / side, sides[side]) for side in sides)],
    }


def _address(license: str) -> str:
    """Return the address of a licence in the SPDX list, or the id itself where the list does not have it."""
    try:
        return f"https://spdx.org/licenses/{canonicalize_license_expression(license)}"
    except InvalidLicenseExpression:
        return license


def _raw(record: Record) -> dict[str, Any]:
    folder = f"data/raw/{record.variant}"
    return {
        "@type": "cr:FileObject",
        "@id": "raw",
        "name": folder,
        "description": "The folder of raw data. `dvc pull` downloads it; the hash is DVC's.",
        "contentUrl": f"{ROOT}/{folder}",
        "encodingFormat": "inode/directory",
        "md5": record.lineage.raw,
    }


def _examples(side: Path) -> dict[str, Any]:
    path = side / "examples.parquet"
    return {
        "@type": "cr:FileObject",
        "@id": f"{side.name}.parquet",
        "name": path.as_posix(),
        "contentUrl": f"{ROOT}/{path.as_posix()}",
        "encodingFormat": "application/x-parquet",
        "sha256": release.digest(path),
    }


def _splits(sides: Mapping[str, Split]) -> dict[str, Any]:
    rows = [{"name": name, "url": SPLITS[name], "examples": split.total} for name, split in sides.items()]
    return _listed("splits", "cr:Split", {"name": "sc:Text", "url": "sc:URL", "examples": "sc:Integer"}, rows)


def _classes(sides: Mapping[str, Split]) -> list[dict[str, Any]]:
    """Return the number of examples of each class in each split; empty where there are no classes."""
    rows = [
        {"name": name, **{side: split.classes.get(name, 0) for side, split in sides.items()}}
        for name in dict.fromkeys(name for split in sides.values() for name in split.classes)
    ]
    fields = {"name": "sc:Text", **dict.fromkeys(sides, "sc:Integer")}
    return [_listed("classes", "sc:Enumeration", fields, rows)] if rows else []


def _listed(name: str, kind: str, fields: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a record set of a few named records, which are part of the description itself."""
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "dataType": kind,
        "key": {"@id": f"{name}/name"},
        "field": [_field(name, field, dtype) for field, dtype in fields.items()],
        "data": [{f"{name}/{field}": value for field, value in row.items()} for row in rows],
    }


def _records(side: Path, split: Split) -> dict[str, Any]:
    """Return the record set of a split: one record for each input that a model gets from an example.

    The split of a record does not refer to the records of `_splits`: mlcroissant 1.1 joins such records in memory, and
    returns none on a second read.
    """
    of, schema = {"fileObject": {"@id": f"{side.name}.parquet"}}, pq.read_schema(side / "examples.parquet")
    columns = [name for name in COLUMNS if name in schema.names]
    types = {name: _type(schema.field(name).type) for name in columns}
    place = {
        "extract": {"fileProperty": "fullpath"},
        "transform": {"regex": f".*/({side.name})/examples\\.parquet$"},
    }
    return {
        "@type": "cr:RecordSet",
        "@id": side.name,
        "name": side.name,
        "description": f"{split.total:,} examples. An example that gives a model several inputs has several records.",
        "field": [
            *(
                _field(
                    side.name,
                    name,
                    ["cr:Label", types[name]] if name == "label" else types[name],
                    description=COLUMNS[name],
                    source={**of, "extract": {"column": name}},
                )
                for name in columns
            ),
            _field(side.name, "split", ["cr:Split", "sc:Text"], source={**of, **place}),
        ],
    }


def _field(of: str, name: str, dtype: str | Sequence[str], **more: Any) -> dict[str, Any]:
    return {"@type": "cr:Field", "@id": f"{of}/{name}", "name": name, "dataType": dtype, **more}


def _type(column: pa.DataType) -> str:
    if pa.types.is_timestamp(column):
        return "sc:DateTime"
    return "sc:Float" if pa.types.is_floating(column) else "sc:Integer" if pa.types.is_integer(column) else "sc:Text"
