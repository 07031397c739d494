"""What a line of a log says."""

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AwareDatetime, Field

PREDICTIONS = "predictions"
"""The kind of `Prediction`; logs and tables of a kind are in a folder of this name."""
OUTCOMES = "outcomes"
"""The kind of `Outcome`."""
Number = Annotated[float, Field(allow_inf_nan=False)]


@dataclass(frozen=True, slots=True)
class Prediction:
    """A request for predictions.

    `model` and `model_version` are None where the request names none that there is, `unit` where it names no unit, and
    `problem` (a title) where there was none. `examples` is their number, `seconds` the time from the request to its
    answer, `inference_time` that of the model with pre- and postprocessing, and `predictions` are those of the answer;
    these are None where they are not known. In an experiment, `experiment` and `arm` say which, and `share` is the
    probability with which a unit of the experiment gets this arm: such a record is an exposure.
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
    experiment: str | None = None
    arm: str | None = None
    share: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a request, or of what a unit got: a metric and its value, such as whether a user was satisfied.

    It has either the id of the request or the name of the unit. Of several outcomes with the same metric and the same
    `key`, the last one counts; without a key an outcome of a request replaces the one before, and outcomes of a unit
    add up.
    """

    time: AwareDatetime
    metric: str
    value: Number
    request_id: str | None
    unit: str | None
    key: str | None
