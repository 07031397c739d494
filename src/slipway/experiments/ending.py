"""What the tag of a stop says: the verdict and the evidence, from which anyone derives the verdict again."""

from pydantic import ValidationError

from slipway.core.errors import RegistryError
from slipway.experiments import analysis, evidence
from slipway.experiments.analysis import Analysis
from slipway.experiments.definition import Experiment
from slipway.experiments.evidence import Evidence
from slipway.experiments.history import Run
from slipway.records.verdict import Outcome

_VERDICT, _EVIDENCE = "Verdict: ", "Evidence: "


def text(outcome: Outcome, found: Evidence) -> str:
    """Return the lines of the tag's message that say what was counted, and the verdict."""
    return f"{_VERDICT}{outcome}\n{_EVIDENCE}{found.to_json()}"


def replay(run: Run, experiment: Experiment) -> tuple[str, Evidence, Analysis]:
    """Return the verdict that the tag of a stop states, its evidence, and the analysis that follows from it.

    Raises:
        RegistryError: the experiment runs still, or its tag has no such lines.
    """
    if run.stop is None:
        raise RegistryError(
            f"{run.id} was not stopped, so no tag has its counts; `slipway experiment analyze {run.id}`"
        )
    stated, found = (
        next((line.removeprefix(mark) for line in reversed(run.stop.why.splitlines()) if line.startswith(mark)), "")
        for mark in (_VERDICT, _EVIDENCE)
    )
    try:
        read = evidence.parse(found)
        return stated, read, analysis.analyse(experiment.definition, read)
    except (ValidationError, ValueError, KeyError) as error:
        what = " ".join(str(error).split())[:200]
        raise RegistryError(f"{run.stop.tag}: its message has no evidence from which a verdict follows: {what}")
