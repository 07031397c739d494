"""POST /invocations as MLflow's model server has it, so that who comes from there changes an address only.

The input is that of the version in MLflow (`slipway.registry.pyfunc`): encoded examples, for tables one column for each
feature. The output is what the model predicts [n, *p], in the order of the record's outputs.
"""

import math
from typing import Any

import numpy as np

from slipway.serving import examples
from slipway.serving.examples import unusable
from slipway.serving.limits import Limits, check_rows
from slipway.serving.release import Loaded

FORMATS = ("dataframe_split", "dataframe_records", "instances", "inputs")


def read(model: Loaded, body: bytes, limits: Limits) -> np.ndarray:
    """Return the encoded examples [n, *shape] of a request, in the dtype of the record.

    Raises:
        Problem: 422 if it does not have one of the `FORMATS`, or other columns or another shape than the model takes;
            413 if there are too many examples.
    """
    given = examples.parse(body)
    keys = [key for key in FORMATS if isinstance(given, dict) and key in given]
    if len(keys) != 1:
        raise unusable(f"give exactly one of {', '.join(FORMATS)}")
    (key,) = keys
    spec = model.predictor.spec["input"]
    values = given[key]
    if key == "dataframe_split":
        values = _split(values)
    names = spec.get("names")
    if names and _is_table(values):
        values = _columns(values, names)
    try:
        found = np.array(values, spec["dtype"])
    except (TypeError, ValueError, OverflowError) as error:
        raise unusable(f"{key} is not an array of numbers of type {spec['dtype']}: {error}")
    if found.shape[1:] != tuple(spec["shape"]) or not found.ndim:
        shape = ", ".join(map(str, ["n", *spec["shape"]]))
        raise unusable(f"{key} has shape {list(found.shape)}, but the model takes [{shape}]")
    if not len(found):
        raise unusable("there are no examples; send at least one")
    check_rows(len(found), limits)
    return found


def _split(values: Any) -> Any:
    """Records from columns and data, or the data alone if there are no columns."""
    data = values.get("data") if isinstance(values, dict) else None
    if not isinstance(data, list):
        raise unusable("dataframe_split must have columns and data")
    columns = values.get("columns")
    if columns is None:
        return data
    if not isinstance(columns, list) or len(set(map(str, columns))) < len(columns):
        raise unusable("dataframe_split: columns must be a list of different names")
    if any(not isinstance(row, list) or len(row) != len(columns) for row in data):
        raise unusable(f"dataframe_split: each row of data must have {len(columns)} values, as columns has names")
    return {str(name): [row[at] for row in data] for at, name in enumerate(columns)}


def _is_table(values: Any) -> bool:
    """Whether values are columns by name, or rows by column."""
    return isinstance(values, dict) or (isinstance(values, list) and any(isinstance(row, dict) for row in values))


def _columns(values: Any, names: list[str]) -> list[list[Any]]:
    """The values [n][columns] of a table in the order of the model's features; other columns are ignored."""
    if isinstance(values, list):
        for number, row in enumerate(values, start=1):
            if not isinstance(row, dict):
                raise unusable(f"row {number} is not an object by column")
        values = {name: [row.get(name) for row in values] for name in {key: None for row in values for key in row}}
    if missing := [name for name in names if name not in values]:
        raise unusable(f"no column {', '.join(missing[:5])}; the model takes {', '.join(names[:10])}")
    columns = [one if isinstance(one, list) else [one] for one in (values[name] for name in names)]
    if len({len(column) for column in columns}) > 1:
        raise unusable("the columns have different lengths")
    return [[math.nan if one is None else one for one in row] for row in zip(*columns, strict=True)]
