"""The plain baseline of a variant, `reports/<variant>/baseline.json`: its scores on the test split, and its seconds.

Its predictions are next to it, in `baseline.parquet`. Anyone who can push can write the files, so they are read
strictly.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from slipway.core import documents
from slipway.records.release import Part, validated

SCHEMA = 1
FILE, PREDICTIONS = "baseline.json", "baseline.parquet"


class PlainBaseline(Part):
    """A plain baseline: its task, its main metric with the value, all metrics, and what it took.

    `point` is its own operating point, chosen on the validation split: what `choose_threshold` of the task returns.
    `seconds` is the time of the training on one machine, with the reading of the data.
    """

    schema_version: Literal[1] = Field(alias="schema")
    task: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    metric: str
    value: float | None
    metrics: dict[str, float | None]
    point: dict[str, Any]
    seconds: Annotated[float, Field(ge=0)]
    seed: Annotated[int, Field(ge=0, lt=2**32)]


def read(content: bytes, path: str) -> PlainBaseline:
    """Read a plain baseline.

    Raises:
        MalformedError: the content is not a plain baseline.
    """
    documents.strict_json(content, path)
    return validated(PlainBaseline, content, path)
