"""Stop experiments that have their verdict: first the state store holds them down, and then a tag says why.

A failed guardrail or split stops an experiment at once, every other verdict from the minimum sample on, and its maximum
duration in any case. The restraint has the evidence of the decision, and the tag states the same: who completes a stop
that another began, after a kill or a push that was refused, writes what the first one decided.

1. The restraint is in the state store: no server gives the experiment a unit any more.
2. The tag is at the remote, if there is one, and then here.

Each of both is written once. A stop that has only its restraint is completed by the next look.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from slipway.core.errors import DataError, RegistryError
from slipway.ensembles import standing
from slipway.experiments import analysis, bandit, ending, evidence, history
from slipway.experiments.analysis import Analysis
from slipway.experiments.definition import Definition, Experiment
from slipway.experiments.evidence import Evidence
from slipway.experiments.history import Run
from slipway.experiments.observations import observe
from slipway.experiments.verdict import CROSSED, SAMPLE
from slipway.registry import git, state
from slipway.state import restraints
from slipway.state.restraints import Restraint
from slipway.state.store import Store
from slipway.traffic import reading

LEASE = "experiments"
"""The lease of the server that looks at experiments."""


@dataclass(frozen=True)
class Looked:
    """What a look at a running experiment found.

    Attributes:
        id: the experiment.
        evidence: what was counted; of one that is held down, what it was held down for.
        analysis: the verdict that follows.
        why: why it is stopped; None if it goes on.
        tag: the tag of its stop; None if it goes on, or if the tag could not be written yet.
        problem: why it could not be compared, or the tag not be written.
    """

    id: str
    evidence: Evidence | None = None
    analysis: Analysis | None = None
    why: str | None = None
    tag: str | None = None
    problem: str | None = None


def reason(definition: Definition, counted: Evidence, found: Analysis) -> str | None:
    """Return why an experiment is to be stopped; None if it goes on."""
    findings = {one.subject: one for one in found.verdict.findings}
    reached = findings[SAMPLE].outcome == "pass"
    failed = [one for one in findings.values() if one.outcome == "fail" and (reached or one.subject != CROSSED)]
    if failed:
        return "; ".join(f"{one.subject}: {one.reason}" for one in failed)
    if found.verdict.outcome == "pass":
        goals = [name for name, metric in definition.metrics.items() if metric.role == "goal"]
        return "; ".join(
            f"{one.subject}: {one.reason}" for one in findings.values() if one.subject.partition(" of ")[0] in goals
        )
    if counted.days >= definition.maximum_days:
        return f"it has run for {counted.days:.1f} days, and its maximum is {definition.maximum_days:g}"
    return None


def look(store: Store, logs: Path, now: datetime, may_act: Callable[[], bool] = lambda: True) -> Iterator[Looked]:
    """Look at each running experiment, and stop those that are to be stopped; yield what was found.

    Args:
        store: the state store, whose tables are there.
        logs: the folder of the logs.
        now: the time of the look.
        may_act: whether nobody else acts by now; asked before each write.

    Raises:
        RegistryError: Git cannot be read.
        StateError: the store is locked, full or away; nothing more is stopped then.
    """
    held, runs, variants = restraints.read(store), history.read(), state.read()
    sound = {one.id for one in history.running(runs, variants, standing.here(variants))[0]}
    outcomes = None
    for run in runs.values():
        subject = f"experiments/{run.id}"
        if not run.is_running or (run.id not in sound and subject not in held):
            continue
        experiment, _ = history.defined(run)
        if subject not in held:
            outcomes = reading.outcomes(logs) if outcomes is None else outcomes
            observed = observe(experiment.definition, reading.exposures(logs, run.id), outcomes, now)
            try:
                updates = bandit.read(logs, experiment)
                counted = evidence.count(experiment.definition, observed, run.starts[0].time, now, updates)
            except DataError as error:  # the log of weights is damaged
                yield Looked(run.id, problem=str(error))
                continue
            found = analysis.analyse(experiment.definition, counted)
            why = reason(experiment.definition, counted, found)
            if why is None or experiment.definition.stop == "manual" or not may_act():
                yield Looked(run.id, counted, found)
                continue
            restraints.restrain(store, subject, 0, why, counted.to_json(), now.timestamp())
            held = restraints.read(store)
        yield _complete(experiment, held[subject], may_act)


def _complete(experiment: Experiment, restraint: Restraint, may_act: Callable[[], bool]) -> Looked:
    """Write the tag of a stop that the state store holds down."""
    try:
        counted = evidence.parse(restraint.evidence)
        found = analysis.analyse(experiment.definition, counted)
    except (ValueError, KeyError) as error:  # written by another version of slipway
        what = " ".join(str(error).split())[:200]
        why = f"{restraint.subject} is held down with evidence from which no verdict follows: {what}"
        return Looked(experiment.id, why=restraint.why, problem=why)
    tag, problem = None, None
    if may_act():
        text = ending.text(found.verdict.outcome, counted)
        try:
            tag = history.stop(experiment.id, restraint.why, text, push=git.remote() is not None).tag
        except RegistryError as error:
            stop = history.known(experiment.id).stop  # somebody was quicker
            tag, problem = (None, str(error)) if stop is None else (stop.tag, None)
    return Looked(experiment.id, counted, found, restraint.why, tag, problem)


def without_tag(store: Store, runs: Mapping[str, Run], before: float) -> list[Restraint]:
    """Return the experiments that were held down before a time, and still have no tag of a stop.

    Args:
        store: the state store, whose tables are there.
        runs: the experiments that have tags.
        before: the time, in seconds since 1970.

    Raises:
        StateError: the store is locked, full or away.
    """
    found = []
    for subject, restraint in restraints.read(store).items():
        run = runs.get(subject.removeprefix("experiments/")) if subject.startswith("experiments/") else None
        if run is not None and run.is_running and restraint.at < before:
            found.append(restraint)
    return found
