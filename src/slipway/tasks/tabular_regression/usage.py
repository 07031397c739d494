"""How a forecast is called, for its card: with a table of history and of steps to forecast."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from slipway.core.protocol import Column, Usage
from slipway.core.spec import Spec
from slipway.data.usage import Code, dictionary, made_up, may_lack, shortest
from slipway_edge.tasks import tabular_regression as edge
from slipway_edge.tasks.tabular_regression import HOURLY
from slipway_edge.tasks.tabular_regression.steps import Step

SEASONS = 8
"""The length of the made-up history, in seasons."""


def usage(data: Any, task: edge.Task, spec: Spec, golden: np.ndarray | None) -> Usage:
    """Return how a model with this spec is called; `data` is the section of that name.

    The known columns of the example are those of the features `golden`; its history is made up.
    """
    step = task.step
    ahead = [
        *(Column(name, "number", may_lack(name, spec), note="known in advance") for name in data.numeric),
        *(
            Column(
                name, "category", may_lack(name, spec), tuple(sorted(spec["categories"][name])), note="known in advance"
            )
            for name in data.categorical
        ),
    ]
    place, level, known = spec["places"][0], spec["levels"][0], made_up(ahead)
    origin = f"The history is made up, with the same value in every {step.words}."
    if golden is not None:
        features: dict[str, Any] = dict(zip(spec["input"]["names"], golden, strict=True))
        place, level = _of_code(features.get("place", np.nan), spec["places"]) or place, features["level"]
        given = {name: features.get(f"{name} (column)", features[name]) for name in known}
        known = {name: shortest(given[name]) for name in data.numeric}
        known |= {name: _of_code(given[name], spec["categories"][name]) for name in data.categorical}
        origin += " The other columns are those of a row of the test split, from golden.npz."
    row = {
        data.time: Code("time"),
        **({} if data.place is None else {data.place: place}),
        data.target: Code(f"{level:.4g} if time < times[-{task.horizon}] else None"),
        **known,
    }
    past = "days, weeks and years, of the place and of all places" if task.encoding is HOURLY else "steps and seasons"
    holidays = "" if data.country is None else f", with the public holidays of {data.country}"
    return Usage(
        example=(
            f"a table: a list of dictionaries by column, or a DataFrame. It holds the history and the steps (each one "
            f"{step.words}) to forecast, in which {data.target} is missing; the prediction is a list with one forecast "
            "for each of them"
        ),
        imports="import numpy as np\n",
        code=(
            f"times = {_times(step, SEASONS * task.season + task.horizon)}\n"
            f"example = [\n    {dictionary(row, 4)}\n    for time in times\n]"
        ),
        origin=f"{origin} Give the history of a year and two months, if there is one.",
        file="rows.csv",
        steps=(f"From the history come values and means of past {past}. The calendar is added{holidays}.",),
        columns=(
            Column(data.time, "time", False, note=f"local; one every {step.words}"),
            *(
                ()
                if data.place is None
                else (Column(data.place, "category", False, tuple(sorted(spec["places"])), others=True),)
            ),
            Column(data.target, "number", True, note="at least 0; missing in the rows to forecast"),
            *ahead,
        ),
    )


def _times(step: Step, count: int) -> str:
    """Python code for so many times, one step apart."""
    if step.minutes is None:
        return f'(np.datetime64("2016-01") + np.arange({count})).astype("datetime64[s]")'
    return f'np.datetime64("2024-06-03T00:00") + np.arange({count}) * np.timedelta64({step.minutes}, "m")'


def _of_code(code: float, vocabulary: Sequence[str]) -> str | None:
    """The value with a code, None without one."""
    return None if np.isnan(code) else vocabulary[int(code)]
