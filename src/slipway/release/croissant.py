"""The data set of a variant in Croissant, the JSON-LD by which tools that know nothing of Slipway find and read it.

The vocabulary is that of https://docs.mlcommons.org/croissant/docs/croissant-spec.html, version 1.0. What is described
is the raw folder, by DVC's hash of it, and the examples that prepare made of it: each with its name, label, group and
split, read from the prepared splits, whose SHA-256 is checked by whoever reads them. It has no clock and no machine.
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
"""From reports/<variant>, where the description is, to the folder that paths are given in."""
COLUMNS = {
    "example": "What was counted: a file of the raw folder, or a row or a place in one.",
    "label": "The class, or the value to be predicted.",
    "group": "Examples of one group are not independent of one another: frames of a video, hours of a place.",
    "time": "When it was.",
}
"""The columns that the prepared splits of every task have, but `time`, which only a series has."""

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
    """The data set that a release was built on, in JSON values.

    Args:
        record: of the release.
        prepared: data/prepared/<variant>, from the repository's root.
        license: of the data, None where nothing is stated.
    """
    sides = {side: split for side, split in record.dataset.splits.items() if side in SPLITS}
    kind = "Simulated data" if record.dataset.simulated else "Data"
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": VERSION,
        "name": record.variant,
        "description": f"{kind} of a model, divided for training and testing it. The model: {record.description}",
        "version": f"0.0.0+{record.lineage.raw}",  # nobody numbers the data, so its hash alone tells versions apart
        "keywords": [record.task.replace("_", "-")],
        **({} if license is None else {"license": _address(license)}),
        "distribution": [_raw(record), *(_examples(prepared / side) for side in sides)],
        "recordSet": [_splits(sides), *_classes(sides), *(_records(prepared / side, sides[side]) for side in sides)],
    }


def _address(license: str) -> str:
    """That of a licence in the list of SPDX; the id itself where that does not have it."""
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
        "description": "The raw data, a folder. Its hash is DVC's, by which `dvc pull` gets it.",
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
    """How many examples of each class a split has; nothing where there are none to count."""
    rows = [
        {"name": name, **{side: split.classes.get(name, 0) for side, split in sides.items()}}
        for name in dict.fromkeys(name for split in sides.values() for name in split.classes)
    ]
    fields = {"name": "sc:Text", **dict.fromkeys(sides, "sc:Integer")}
    return [_listed("classes", "sc:Enumeration", fields, rows)] if rows else []


def _listed(name: str, kind: str, fields: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A few records with a name each, which stand in the description itself."""
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
    """The examples of a split, a record for each input that a model gets of them.

    The split of a record does not refer to those of `_splits`: mlcroissant 1.1 joins such records in memory, and gives
    none when it is asked a second time.
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
        "description": f"{split.total:,} examples; one of which a model gets several inputs is there several times.",
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
