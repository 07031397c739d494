"""What a page shows of an example: its picture with marks, its sound, or its row of a table.

A task may have a module `gallery`, with a function `shown` that yields these values for test examples, and a function
`confidence` where its predictions are not probabilities of classes (docs/add-a-task.md). For features that are computed
from the columns of a table, `columns` names the column of each, and `added` says what they add to an answer. No stage
imports the module, so a change of how examples are shown runs no stage.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from slipway.core.errors import ExampleError


@dataclass(frozen=True)
class Box:
    """A box on a picture: left, top, width and height as shares of the picture.

    `text`: what is written beside it, may be empty. `actual`: a label, not a prediction.
    """

    left: float
    top: float
    width: float
    height: float
    text: str
    actual: bool


@dataclass(frozen=True)
class Pose:
    """Points on a picture [n, 2], x and y as shares of it, NaN where there is none.

    `bones` are the pairs of points that a line joins. `actual`: a label, not a prediction.
    """

    points: np.ndarray
    bones: Sequence[Sequence[int]]
    actual: bool


@dataclass(frozen=True)
class Shown:
    """An example for a page.

    `picture`: uint8 RGB [height, width, 3] or grey [height, width]. `sound`: samples [n] from -1 to 1, and their rate
    in Hz. `boxes` and `poses` are drawn on the picture. `row`: values by column. `problem`: why nothing can be shown.
    """

    picture: np.ndarray | None = None
    sound: tuple[np.ndarray, int] | None = None
    boxes: Sequence[Box] = ()
    poses: Sequence[Pose] = ()
    row: Mapping[str, object] = field(default_factory=dict)
    problem: str | None = None

    @property
    def marked(self) -> bool:
        """Whether something is drawn on the picture."""
        return bool(self.boxes or self.poses)


@dataclass(frozen=True)
class Added:
    """What the features of examples add to the answers of a model.

    `of`: what the answer is, in words, for each example [n]. `start` [n]: the answer without any feature, and
    `by` says whose answer that is. `features` [n, f]: what each feature adds; with `start` they add up to the answer.
    """

    of: Sequence[str]
    start: np.ndarray
    by: str
    features: np.ndarray


def readable(show: Callable[..., Shown], *given: Any) -> Shown:
    """Return what `show` returns for the given arguments; for an example that cannot be read, the reason."""
    try:
        return show(*given)
    except ExampleError as error:
        return Shown(problem=str(error))
