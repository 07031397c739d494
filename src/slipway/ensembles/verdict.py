"""The verdict on an ensemble, `ensembles/<name>.json`: what was judged, its scores, and the outcome of each rule.

It is written by `slipway ensemble evaluate` and committed beside the definition. It has no time and no machine, so
equal inputs give equal bytes. It holds for exactly the versions that it names, by the SHA-256 of their records.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from slipway.core import atomic, documents
from slipway.ensembles.definition import path_of
from slipway.ensembles.members import Ensemble
from slipway.records.release import SHA256, Count, Figures, Part, validated
from slipway.records.verdict import Judgement, Outcome, Verdict, worst


class Judged(Part):
    """A member: its address in the definition, the version that this meant, and the SHA-256 of its release record."""

    address: str
    version: str
    record: SHA256


class Compared(Part):
    """The ensemble beside one of its members, on the same test examples and the same draws.

    `difference` is the ensemble's score minus the member's, by metric. `worse` and `better` count the examples that
    only one of them gets right (for numbers: where one is nearer), `p` is McNemar's exact p-value, None where nothing
    is decided. `rules` are those of the gate on losses, with this member as the baseline.
    """

    member: str
    difference: dict[str, Figures]
    worse: Count
    better: Count
    p: float | None
    rules: tuple[Judgement, ...]


class Evaluation(Part):
    """The verdict on an ensemble; `gate` are the rules on its own scores, `verdict` is over those of `compared` too."""

    schema_version: Literal[1] = Field(1, alias="schema")
    ensemble: str
    version: Annotated[str, Field(pattern="^[0-9a-f]{12}$")]
    definition: SHA256
    members: tuple[Judged, ...]
    examples: Count
    groups: Count
    confidence: float
    metrics: dict[str, Figures]
    gate: Verdict
    compared: tuple[Compared, ...]
    verdict: Outcome

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values, as in the file."""
        return self.model_dump(mode="json", by_alias=True)


def file_of(name: str) -> Path:
    """Return the path of the verdict on an ensemble. Raises as `path_of`."""
    return path_of(name).with_suffix(".json")


def write(evaluation: Evaluation) -> Path:
    """Write a verdict, and return its path."""
    path = file_of(evaluation.ensemble)
    atomic.write_json(path, evaluation.to_json())
    return path


def read(content: bytes, path: str) -> Evaluation:
    """Read a verdict.

    Raises:
        MalformedError: the content is not a verdict.
    """
    documents.strict_json(content, path)
    return validated(Evaluation, content, path)


def objection(evaluation: Evaluation | None, ensemble: Ensemble) -> str | None:
    """Return why an ensemble may not answer by a verdict, None for no verdict; None if it may."""
    again = f"`slipway ensemble evaluate {ensemble.name}`, and commit {file_of(ensemble.name)}"
    if evaluation is None:
        return f"it was not evaluated: {again}"
    now = [Judged(address=one.address, version=one.version.name, record=one.sha256) for one in ensemble.members]
    for was, member in zip(evaluation.members, now, strict=False):
        if was != member and was.address == member.address:
            named = f"{was.version}, and {was.address} is now {member.version}"
            what = named if was.version != member.version else f"another record of {was.version}"
            return f"its verdict is about {what}; evaluate it again: {again}"
    if (evaluation.definition, evaluation.members) != (ensemble.definition.sha256, tuple(now)):
        return f"its verdict is about another definition; evaluate it again: {again}"
    rules = [*evaluation.gate.rules, *(rule for one in evaluation.compared for rule in one.rules)]
    outcome = worst([evaluation.verdict, *(rule.verdict for rule in rules)])
    return None if outcome == "pass" else f"the gate says {outcome}"
