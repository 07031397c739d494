"""Judge an ensemble on the test examples that all of its members were tested on.

The members' own predictions on them are combined, so no model runs. Members that were tested on other examples, or on
other raw data, are refused: some of the examples of one may have been training examples of another.

The rules are those of the first member's variant, or those of the definition. The rules on scores are judged on the
ensemble. The rules on losses against the version in production are judged against each member, so an ensemble that is
worse than one of its members by more than they allow does not pass. The members run one after the other, so sizes and
times are the sums of theirs. Rules on the loss in conversion were judged on each member.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from slipway.core import documents
from slipway.core.errors import ConfigError, ModelError, RegistryError
from slipway.core.metric import LATENCY
from slipway.ensembles.definition import path_of
from slipway.ensembles.members import Ensemble, Member
from slipway.ensembles.verdict import Compared, Evaluation, Judged
from slipway.gate import comparison, floors, verdict
from slipway.gate.contributions import Scored, aligned
from slipway.gate.recomputed import GateParams
from slipway.gate.rules import Gate, refusals
from slipway.metrics import losses
from slipway.records.release import Record
from slipway.records.verdict import Figures, Judgement, worst
from slipway.records.verdict import Verdict as Judgements
from slipway.registry import artifacts, audit, git
from slipway.statistics.intervals import Interval

MOST_NAMED = 3


def evaluate(ensemble: Ensemble) -> Evaluation:
    """Score an ensemble on the shared test examples, compare it with each member, and judge it.

    Raises:
        ConfigError: a rule of the definition is on something that the task does not have.
        ModelError: the predictions of a member cannot be fetched or read.
        RegistryError: the members were not tested on the same examples.
    """
    params = _params(ensemble.members[0])
    tested = _tested(ensemble.members)
    scored = _combined(ensemble, tested)
    gate = _gate(ensemble, params, scored)
    draws: dict[str, Any] = {**params.statistics.model_dump(), "seed": params.seed}
    measured = [_measure(scored, member, draws) for member in tested]
    metrics = measured[0].shipped
    figures: dict[str, Figures] = {**metrics, **_sums(ensemble.members)}
    counts = {"examples": len(scored.examples), "groups": int(scored.groups.nunique())}
    own = verdict.judge(gate, figures, counts=counts)
    judged = Judgements.of([*map(_known, own.rules), *floors.judge(gate, scored, **draws)])
    compared = tuple(
        _compared(member, one.lost, comparison.compare(gate.baseline, before, scored, gate.decide_on, **draws))
        for member, one, before in zip(ensemble.members, measured, tested, strict=True)
    )
    return Evaluation(
        schema=1,
        ensemble=ensemble.name,
        version=ensemble.version,
        definition=ensemble.definition.sha256,
        members=tuple(
            Judged(address=one.address, version=one.version.name, record=one.sha256) for one in ensemble.members
        ),
        **counts,
        confidence=params.statistics.confidence,
        metrics=metrics,
        gate=judged,
        compared=compared,
        verdict=worst([judged.verdict, *(rule.verdict for one in compared for rule in one.rules)]),
    )


def _params(member: Member) -> GateParams:
    """The parameters of the variant of a member, at its commit."""
    path = f"params/{member.version.variant}.yaml"
    (content,) = git.contents([f"{member.version.commit}:{path}"])
    return GateParams.of(documents.strict_yaml(content, path), f"{member.version.name}: {path}")


def _gate(ensemble: Ensemble, params: GateParams, scored: Scored) -> Gate:
    """The rules that can be judged on an ensemble: those on scores, size and times, and on losses."""
    gate = params.gate
    if (own := ensemble.definition.gate) is not None:
        gate, task = own, scored.task
        if wrong := list(refusals(own, task.metrics, task.kinds, scored.classes)):
            path = path_of(ensemble.name)
            told = [f"{path}: gate.{'.'.join(one.path)}: {one.what}; {one.instead}" for one in wrong]
            raise ConfigError("\n".join(told))
    known = {*scored.task.metrics, *LATENCY, "size_bytes"}
    rules = {metric: rule for metric, rule in gate.rules.items() if metric in known}
    return gate.model_copy(update={"rules": rules, "conversion": {}})


def _tested(members: Sequence[Member]) -> list[Scored]:
    """The members' own predictions on the test examples, all in the order of the first member's.

    Raises:
        ModelError: predictions cannot be fetched or read.
        RegistryError: the members were not tested on the same examples.
    """
    found = []
    for one in members:
        path = f"reports/{one.version.variant}/shipped.parquet"
        try:
            found.append(audit.scored(one.record, artifacts.read(path, one.version.commit)))
        except ModelError as error:
            raise ModelError(f"{one.version.name}: {error}")
    wrong = [
        f"{members[0].version.name} and {other.version.name} were tested on other data: {why}"
        for other, scored in zip(members[1:], found[1:], strict=True)
        if (why := _other_data(members[0].record, other.record, found[0], scored)) is not None
    ]
    if wrong:
        raise RegistryError("; ".join(wrong))
    names = found[0].examples["example"].tolist()
    return [same for scored in found if (same := aligned(scored, names)) is not None]


def _other_data(record: Record, other_record: Record, one: Scored, other: Scored) -> str | None:
    """Why two models were not tested on the same examples; None if they were."""
    raws = [each.lineage.raw for each in (record, other_record)]
    if None in raws or raws[0] != raws[1]:
        return f"raw data {' and '.join('unknown' if raw is None else raw[:12] for raw in raws)}"
    names, others = (set(scored.examples["example"].astype(str)) for scored in (one, other))
    if names != others:
        only = [f"{len(few):,} only the {which} ({_few(few)})" for which, few in _only(names, others)]
        return f"of {len(names | others):,} test examples, {' and '.join(only)}"
    lined_up = aligned(other, one.examples["example"].tolist())
    assert lined_up is not None  # they have the same names
    if one.targets.shape != lined_up.targets.shape or not np.array_equal(one.targets, lined_up.targets):
        return "the test examples have the same names and other labels"
    if (one.groups.to_numpy(str) != lined_up.groups.to_numpy(str)).any():
        return "the test examples have the same names and other groups"
    return None


def _only(names: set[str], others: set[str]) -> Iterator[tuple[str, set[str]]]:
    for which, few in (("first has", names - others), ("second has", others - names)):
        if few:
            yield which, few


def _few(names: set[str]) -> str:
    return ", ".join(sorted(names)[:MOST_NAMED]) + (", …" if len(names) > MOST_NAMED else "")


def _combined(ensemble: Ensemble, tested: Sequence[Scored]) -> Scored:
    """The ensemble on the test examples: scored as the first member is."""
    first, combination = tested[0], ensemble.combination
    predictions = combination.combine([one.predictions for one in tested])
    return Scored(first.task, combination.spec, first.examples, first.targets, predictions)


def _measure(scored: Scored, member: Scored, draws: Mapping[str, Any]) -> losses.Measured:
    """The scores of the ensemble, of a member, and how much lower those of the ensemble are, on the same draws."""
    classes = scored.contributions.members
    same = losses.alike(member.predictions, scored.predictions)
    return losses.measure(member.score, scored.score, scored.groups, classes, scored.task.metrics, same=same, **draws)


def _compared(member: Member, lost: Mapping[str, Interval], found: comparison.Comparison) -> Compared:
    return Compared(
        member=member.version.name,
        difference={metric: _negative(one) for metric, one in lost.items()},
        worse=found.worse,
        better=found.better,
        p=_rounded(found.p),
        rules=tuple(
            replace(one, value=_rounded(one.value), low=_rounded(one.low), high=_rounded(one.high))
            for one in found.rules
        ),
    )


def _rounded(number: float | None) -> float | None:
    """A number as in a record: another processor, which adds in another order, gives the same bytes."""
    return None if number is None else round(number, 6)


def _negative(lost: Interval) -> Interval:
    """The difference ensemble minus member, from member minus ensemble."""
    value, low, high = (None if (one := lost[end]) is None else -one + 0.0 for end in ("value", "high", "low"))
    return {"value": value, "low": low, "high": high}


def _sums(members: Sequence[Member]) -> dict[str, Figures]:
    """The sizes and, where all were measured on one machine, the times of the members together."""
    sums: dict[str, Figures] = {"size_bytes": {"value": float(sum(one.record.model.bytes for one in members))}}
    benchmarks = [one.benchmark for one in members]
    if all(one.machine == benchmarks[0].machine for one in benchmarks):
        for metric in LATENCY.keys() & set.intersection(*(set(one.metrics) for one in benchmarks)):
            times = [one.metrics[metric]["value"] for one in benchmarks]
            sums[metric] = {"value": None if None in times else sum(time or 0 for time in times)}
    return sums


def _known(rule: Judgement) -> Judgement:
    """A rule on times, changed to hold where they are not known: the members were measured on several machines."""
    if rule.metric not in LATENCY or rule.value is not None:
        return rule
    return replace(rule, verdict="hold", reason="the members were measured on different machines, or not at all")
