"""An ensemble that is ready: its members are in memory, and answer together.

Each member predicts the raw examples of a request as it would alone, so members may encode them differently. A member
fails if its model does; an example that a member cannot use is the mistake of the request.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from slipway.ensembles.members import Ensemble
from slipway.serving.inference import Predicted
from slipway.serving.problems import Problem
from slipway.serving.release import Loaded

FAILED = 500
"""The status of the problem of a model that fails."""


@dataclass(eq=False)
class Together:
    """The members of an ensemble, loaded, in the order of its definition."""

    ensemble: Ensemble
    members: tuple[Loaded, ...]

    @property
    def model(self) -> str:
        """The name of the ensemble, as answers and logs have it."""
        return self.ensemble.name

    @property
    def model_version(self) -> str:
        """What names the definition and the versions that the verdict is about, as answers and logs have it."""
        return self.ensemble.version

    @property
    def takes_rows(self) -> bool:
        """Whether examples are rows of a table; otherwise each is a file, such as a picture or a sound."""
        return self.members[0].takes_rows

    @cached_property
    def output(self) -> tuple[tuple[int, ...], np.dtype[Any]]:
        """The shape and the type of the prediction of one example."""
        return self.members[0].output[0], np.dtype(np.float64)

    def combine(self, found: Sequence[Predicted | BaseException], examples: Any) -> Predicted:
        """Return the predictions of the ensemble.

        Args:
            found: the predictions of each member for the examples, or what it raised.
            examples: the raw examples.

        Raises:
            Problem: 500 if a member failed, unless the rest may answer; whatever else a member raised.
        """
        failed = {at: one for at, one in enumerate(found) if isinstance(one, BaseException)}
        for at, error in failed.items():
            if not isinstance(error, Problem):
                raise error
            if error.status != FAILED:
                raise self._of_member(at, error)
        answered = [one for one in found if isinstance(one, Predicted)]
        if failed and (self.ensemble.definition.on_member_failure == "error" or not answered):
            at, error = next(iter(failed.items()))
            assert isinstance(error, Problem)  # others were raised
            raise self._of_member(at, error)
        combination = self.ensemble.combination.without(failed) if failed else self.ensemble.combination
        array = combination.combine([one.array for one in answered])
        return Predicted(
            array,
            self.members[0].predictor.task.present(array, examples, combination.spec),
            sum(one.seconds for one in answered),
            tuple(self.members[at].version.name for at in failed),
        )

    def _of_member(self, at: int, problem: Problem) -> Problem:
        """The problem with the name of the member that has it."""
        detail = f"{self.members[at].version.name}, of the ensemble {self.ensemble.name}: {problem.detail}"
        return Problem(problem.status, problem.title, detail, problem.headers, **problem.members)
