"""What a line of a log says."""

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AwareDatetime, Field

PREDICTIONS = "predictions"
"""The kind of `Prediction`; logs and tables of a kind are in a folder of this name."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """A request for predictions.

    `model` and `model_version` are None where the request names none that there is, `unit` where it names no unit, and
    `problem` (a title) where there was none. `examples` is their number, `seconds` the time from the request to its
    answer, `inference_time` that of the model with pre- and postprocessing, and `predictions` are those of the answer;
    these are None where they are not known.
    """

    time: AwareDatetime
    request_id: str
    model: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")] | None
    model_version: str | None
    unit: str | None
    status: Annotated[int, Field(ge=0, le=599)]
    problem: str | None
    examples: Annotated[int, Field(ge=0, lt=2**31)] | None
    seconds: float
    inference_time: float | None
    predictions: list[Any] | None
