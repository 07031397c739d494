"""Which experiments run, as Git says: annotated tags that start and stop them.

    experiments/night-games/start-1    the experiment of this id begins, as experiments/night-games.yaml at its commit
    experiments/night-games/start-2    it goes on with more units, as the file at this commit
    experiments/night-games/stop       it has ended; the message has its counts, sums and verdict

None of these names is one of GTO's, so `gto show` and the registry do not see them. A tag is written once: Git refuses
a second one of its name, here and at the remote, so of two people who start or stop at the same time one is told.
"""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from slipway.core.errors import ConfigError, RegistryError, SlipwayError
from slipway.ensembles import standing
from slipway.ensembles.standing import Standing
from slipway.experiments import definition
from slipway.experiments.definition import FOLDER, Experiment
from slipway.registry import git, objects, releases, sharing, state
from slipway.registry.messages import message
from slipway.registry.state import Variant

REFS = "refs/tags/experiments/*"
_NAME = re.compile(
    r"experiments/(?P<id>[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)/(?:start-(?P<number>[1-9][0-9]{0,3})|stop)"
)
_FIELDS = (
    *("%(objecttype)", "%(*objecttype)", "%(refname:strip=2)", "%(*objectname)"),
    *("%(taggername)", "%(taggeremail)", "%(taggerdate:unix)", "%(contents)"),
)


@dataclass(frozen=True)
class Event:
    """A tag that starts (`number` from 1 on) or stops (0) an experiment: its commit, author, date and message.

    `when` is in seconds since 1970; `who` and `email` are as the tag claims, not verified.
    """

    tag: str
    id: str
    number: int
    commit: str
    who: str
    email: str
    when: int
    why: str

    @property
    def time(self) -> datetime:
        """The date."""
        return datetime.fromtimestamp(self.when, UTC)


@dataclass(frozen=True)
class Run:
    """The tags of an experiment, its starts in the order of their numbers."""

    id: str
    starts: tuple[Event, ...]
    stop: Event | None

    @property
    def is_running(self) -> bool:
        """Whether it was started and not stopped."""
        return bool(self.starts) and self.stop is None


def read() -> dict[str, Run]:
    """Return the experiments that have tags, by id; a tag of another form has no effect.

    Raises:
        RegistryError: Git cannot be read.
    """
    listed = git.run("for-each-ref", f"--format={'%00'.join(_FIELDS)}%00%01", "refs/tags/experiments")
    events: dict[str, list[Event]] = {}
    for entry in listed.split("\0\1\n")[:-1]:
        kind, target, name, commit, who, email, when, why = entry.split("\0")
        found = _NAME.fullmatch(name)
        if found is None or (kind, target) != ("tag", "commit") or not when.isdigit():
            continue
        event = Event(
            name, found["id"], int(found["number"] or 0), commit, who, email.strip("<>"), int(when), why.strip()
        )
        events.setdefault(event.id, []).append(event)
    runs = {}
    for name in sorted(events):
        ordered = sorted(events[name], key=lambda event: event.number)
        stop = next((event for event in ordered if not event.number), None)
        runs[name] = Run(name, tuple(event for event in ordered if event.number), stop)
    return runs


def defined(run: Run) -> tuple[Experiment, list[str]]:
    """Return an experiment as its last valid start says, and what is wrong with the others.

    Raises:
        ConfigError: the first start has no valid definition.
    """
    contents = git.contents([f"{one.commit}:{FOLDER.as_posix()}/{run.id}.yaml" for one in run.starts])
    current: Experiment | None = None
    wrong = []
    for event, content in zip(run.starts, contents, strict=True):
        try:
            if content is None:
                raise ConfigError(f"its commit has no {FOLDER.as_posix()}/{run.id}.yaml")
            experiment = definition.parse(content, run.id, f"{FOLDER.as_posix()}/{run.id}.yaml")
            if current is not None:
                definition.check_successor(current, experiment)
            current = experiment
        except ConfigError as error:
            wrong.append(f"{event.tag} is not followed: {'; '.join(str(error).splitlines())}")
    if current is None:
        raise ConfigError("; ".join(wrong) or f"{run.id} was never started")
    return current, wrong


def running(
    runs: Mapping[str, Run], variants: Mapping[str, Variant], ensembles: Standing
) -> tuple[list[Experiment], list[str]]:
    """Return the experiments that run, and what is wrong with those that cannot.

    Args:
        runs: the experiments that have tags.
        variants: the variants in the registry.
        ensembles: the ensembles that may answer.
    """
    found: list[Experiment] = []
    problems = []
    for run in sorted((one for one in runs.values() if one.is_running), key=lambda one: (one.starts[0].when, one.id)):
        try:
            experiment, wrong = defined(run)
            check_versions(experiment, variants, ensembles)
            definition.check_together([*found, experiment])
        except SlipwayError as error:
            problems.append(f"the experiment {run.id} does not run: {'; '.join(str(error).splitlines())}")
            continue
        problems += wrong
        found.append(experiment)
    return found, problems


def check_versions(experiment: Experiment, variants: Mapping[str, Variant], ensembles: Standing) -> None:
    """Check that the versions of an experiment may answer requests: the gate passed them, and none is archived.

    An ensemble must have the version of the arm, and a member of the model, so that it answers in the same form.

    Raises:
        RegistryError: a version is not there, or may not.
    """
    model = experiment.definition.model
    for arm, name in experiment.definition.arms.items():
        if (of := definition.ensemble_of(name)) is not None:
            try:
                ensemble = ensembles.find(of[0])
            except RegistryError as error:
                raise RegistryError(f"{arm}: {error}")
            if ensemble.version != of[1]:
                raise RegistryError(f"{arm}: the ensemble {of[0]} is now {ensemble.version}, not {of[1]}")
            if all(one.version.variant != model for one in ensemble.members):
                raise RegistryError(f"{arm}: the ensemble {of[0]} has no member of {model}, which it would answer for")
            continue
        version = state.find(variants, f"{model}@{name}")
        verdict = releases.of(version).verdict
        if "archived" in version.roles:
            raise RegistryError(f"{arm}: {version.name} is archived")
        if verdict != "pass":
            raise RegistryError(f"{arm}: the gate says {verdict or 'nothing'} about {version.name}")


def start(name: str, reason: str | None = None, *, push: bool = False) -> Event:
    """Start an experiment, or let a running one go on with a wider share.

    Args:
        name: its id; its file is committed.
        reason: the reason, for the tag's message.
        push: whether to push the tag to the remote too.

    Raises:
        ConfigError: the file has mistakes, or does not go with what runs.
        RegistryError: the file is not committed, a version may not answer, it has ended, or somebody was quicker.
    """
    if push:
        fetch()
    path = FOLDER / f"{name}.yaml"
    experiment = definition.read(path)
    (committed,) = git.contents([f"HEAD:{path.as_posix()}"])
    if committed != path.read_bytes():
        raise RegistryError(f"{path} is not committed: git add {path} && git commit")
    runs, variants = read(), state.read()
    run = runs.get(name, Run(name, (), None))
    if run.stop is not None:
        raise RegistryError(f"{name} was stopped on {run.stop.time:%Y-%m-%d}; a new experiment needs a new id")
    if run.starts:
        now, _ = defined(run)
        if now == experiment:
            raise RegistryError(f"{name} runs already, as {path} says")
        definition.check_successor(now, experiment)
    ensembles = standing.here(variants)
    check_versions(experiment, variants, ensembles)
    others = [one for one in running(runs, variants, ensembles)[0] if one.id != name]
    definition.check_together([*others, experiment])
    number = run.starts[-1].number + 1 if run.starts else 1
    arms = [f"{arm}: {version}" for arm, version in experiment.definition.arms.items()]
    facts = {"Arms": ", ".join(arms), "Share": f"{experiment.definition.share:g} %"}
    text = message(f"{'Widen' if run.starts else 'Start'} the experiment {name}", reason, facts)
    return _write(f"experiments/{name}/start-{number}", git.commit("HEAD"), text, push)


def stop(name: str, reason: str, evidence: str, *, push: bool = False) -> Event:
    """Stop an experiment.

    Args:
        name: its id.
        reason: the reason, for the tag's message.
        evidence: what was counted and the verdict, for the tag's message.
        push: whether to push the tag to the remote too.

    Raises:
        RegistryError: it does not run, or somebody was quicker.
    """
    if push:
        fetch()
    run = known(name)
    if run.stop is not None:
        raise RegistryError(f"{name} was stopped on {run.stop.time:%Y-%m-%d} by {run.stop.who}")
    text = message(f"Stop the experiment {name}", reason, {}) + f"\n\n{evidence}"
    return _write(f"experiments/{name}/stop", run.starts[-1].commit, text, push)


def known(name: str) -> Run:
    """Return the run of an experiment that was started.

    Raises:
        RegistryError: it was not.
    """
    run = read().get(name)
    if run is None or not run.starts:
        raise RegistryError(f"{name} was not started; `slipway experiment list` shows the experiments")
    return run


def fetch() -> None:
    """Fetch the tags of experiments that this clone lacks; nothing is changed or deleted.

    Raises:
        RegistryError: there is no remote, or it cannot be reached.
    """
    git.run("fetch", "--quiet", "--no-tags", sharing.destination(), f"{REFS}:{REFS}")


def _write(tag: str, commit: str, text: str, push: bool) -> Event:
    """Write an annotated tag, signed if Git is set to sign.

    With `push` the remote gets it first. So a process that is killed in between leaves a tag that the next fetch
    brings, and never one that is only here.
    """
    remote = sharing.destination() if push else None
    made = objects.tag(tag, commit, text, int(time.time()))
    if remote is not None:
        try:
            git.run("push", "--quiet", remote, f"{made}:refs/tags/{tag}")
        except RegistryError as error:
            raise RegistryError(f"{remote} did not accept {tag}, so nothing was written: {error}")
    try:
        git.run("update-ref", f"refs/tags/{tag}", made, "0" * len(made))
    except RegistryError:
        if git.run("for-each-ref", "--format=%(objectname)", f"refs/tags/{tag}").strip() != made:  # no fetch brought it
            raise RegistryError(f"somebody was quicker: {tag} is there already")
    run = known(Path(tag).parts[1])
    return next(one for one in (*run.starts, run.stop) if one is not None and one.tag == tag)
