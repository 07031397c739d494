"""An experiment with a verdict is stopped once, whoever is killed, refused or quicker in between."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from experiments import cases
from experiments.cases import FILE, content
from serving import house
from slipway.experiments import analysis, ending, evidence, history, stopping
from slipway.experiments.evidence import Comparison, Evidence
from slipway.state import leases, restraints
from slipway.state.store import Store
from slipway.traffic.records import Outcome, Prediction
from state.conftest import address, postgresql, store  # noqa: F401

NIGHT, STOP = "experiments/night-games", "experiments/night-games/stop"
GUARDED = {**FILE["metrics"], "errors": {**FILE["metrics"]["errors"], "margin": 0.05}}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two versions of `ball`, the first in production."""
    root = tmp_path_factory.mktemp("stopping") / "repository"
    house.two_versions(root)
    return root


@pytest.fixture
def root(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    copy = Path(shutil.copytree(made, tmp_path / "repository"))
    monkeypatch.chdir(copy)
    return copy


def begin(root: Path, name: str = "night-games", **changes: object) -> None:
    """Commit an experiment, and start it."""
    path = root / "experiments" / f"{name}.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content(**{"metrics": GUARDED, "minimum_sample": 300, **changes}))
    house.git(root, "add", "--all")
    house.git(root, "commit", "-q", "-m", "experiment")
    history.start(name)


def records(units: int, rates: dict[str, float], failing: float = 0.0) -> list[Prediction | Outcome]:
    """Units in both arms, a part of which fails in the treatment."""
    assignment, numbers = cases.experiment(metrics=GUARDED).assignment, count()
    found = []
    for one in cases.traffic(units, rates, assignment.arm):
        if isinstance(one, Prediction) and one.arm == "night" and next(numbers) % 10 < 10 * failing:
            one = replace(one, status=500)
        found.append(one)
    return found


BETTER = records(900, {"control": 0.3, "night": 0.5})
HARMFUL = records(300, {"control": 0.3, "night": 0.3}, failing=0.5)
FEW = records(200, {"control": 0.3, "night": 0.3})


def look(store: Store, logs: Path, days: float = 0.0) -> list[stopping.Looked]:  # noqa: F811
    return list(stopping.look(store, logs, datetime.now(UTC) + timedelta(days=days)))


def stops(folder: Path) -> list[str]:
    return house.git(folder, "tag", "--list", "experiments/*/stop").split()


def test_a_verdict_stops_an_experiment_and_follows_from_its_tag(
    store: Store,  # noqa: F811
    root: Path,
    tmp_path: Path,
) -> None:
    begin(root)
    cases.write(tmp_path / "logs", *FEW)
    (found,) = look(store, tmp_path / "logs")
    assert (found.why, found.tag, restraints.read(store)) == (None, None, {})
    cases.write(tmp_path / "logs", *BETTER)
    (found,) = look(store, tmp_path / "logs")
    assert found.tag == STOP
    assert found.why is not None
    assert found.why.startswith("satisfaction: shown to be better than the control")
    run = history.known("night-games")
    stated, counted, again = ending.replay(run, history.defined(run)[0])
    assert stated == again.verdict.outcome == "pass"
    assert counted == evidence.parse(restraints.read(store)[NIGHT].evidence) == found.evidence
    assert look(store, tmp_path / "logs") == []
    assert stops(root) == [STOP]
    assert NIGHT in restraints.read(store)  # a server that has not seen the tag must not take units again


def test_a_failed_guardrail_stops_at_once_and_a_goal_only_from_the_minimum_sample_on(
    store: Store,  # noqa: F811
    root: Path,
    tmp_path: Path,
) -> None:
    begin(root, minimum_sample=10_000)
    cases.write(tmp_path / "a", *BETTER)
    assert look(store, tmp_path / "a")[0].tag is None
    cases.write(tmp_path / "b", *HARMFUL)
    (found,) = look(store, tmp_path / "b")
    assert found.tag == STOP
    assert found.why is not None
    assert "errors: harm beyond the margin is shown" in found.why
    assert "Verdict: fail" in house.git(root, "tag", "--list", "--format=%(contents)", STOP)


def test_the_maximum_duration_stops_with_a_hold(store: Store, root: Path, tmp_path: Path) -> None:  # noqa: F811
    begin(root)
    cases.write(tmp_path / "logs", *FEW)
    assert look(store, tmp_path / "logs", 13.9)[0].tag is None
    (found,) = look(store, tmp_path / "logs", 14.1)
    assert (found.tag, found.why) == (STOP, "it has run for 14.1 days, and its maximum is 14")
    assert "Verdict: hold" in house.git(root, "tag", "--list", "--format=%(contents)", STOP)


def test_an_experiment_that_is_stopped_by_hand_goes_on(store: Store, root: Path, tmp_path: Path) -> None:  # noqa: F811
    begin(root, stop="manual")
    cases.write(tmp_path / "logs", *HARMFUL)
    (found,) = look(store, tmp_path / "logs", 20)
    assert found.analysis is not None
    assert (found.analysis.verdict.outcome, found.tag) == ("fail", None)
    assert restraints.read(store) == {}


@pytest.mark.parametrize(
    ("units", "crossed", "stopped"),
    [
        ((300, 300), 2, False),
        ((300, 300), 30, False),
        ((3000, 3000), 2, False),
        ((3000, 3000), 90, True),
        ((400, 200), 0, True),
        ((3, 1), 0, False),
    ],
)
def test_few_units_in_two_arms_are_no_reason_before_the_minimum_sample(
    units: tuple[int, int], crossed: int, stopped: bool
) -> None:
    definition = cases.definition(metrics=GUARDED, minimum_sample=2000)
    one, other = units
    same = Comparison((one, 0.3 * one, 0.3 * one), (other, 0.3 * other, 0.3 * other), True, one >= 2000)
    none = replace(same, control=(units[0], 0, 0), treatment=(units[1], 0, 0))
    counted = Evidence(
        dict(zip(("control", "night"), units, strict=True)),
        crossed,
        1.0,
        100.0,
        {"satisfaction": {"night": same}, "errors": {"night": none}},
    )
    why = stopping.reason(definition, counted, analysis.analyse(definition, counted))
    assert (why is not None) == stopped


@pytest.fixture
def clones(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Two clones of a remote, and an experiment that runs in them; the folder is the first clone."""
    begin(root)
    remote = tmp_path / "remote.git"
    subprocess.run(["git", "clone", "-q", "--bare", str(root), str(remote)], check=True)
    for name in ("one", "two"):
        subprocess.run(["git", "clone", "-q", str(remote), str(tmp_path / name)], check=True)
    monkeypatch.chdir(tmp_path / "one")
    return tmp_path / "one", tmp_path / "two"


def refuse(remote: Path) -> Path:
    """Let the remote refuse every push; return the hook to remove."""
    hook = remote / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho protected >&2\nexit 1\n")
    hook.chmod(0o755)
    return hook


def test_a_push_that_is_refused_is_tried_again_with_the_same_evidence(
    store: Store,  # noqa: F811
    clones: tuple[Path, Path],
    tmp_path: Path,
) -> None:
    hook = refuse(tmp_path / "remote.git")
    cases.write(tmp_path / "logs", *BETTER)
    (found,) = look(store, tmp_path / "logs")
    assert found.tag is None
    assert found.problem is not None
    assert "did not accept" in found.problem
    assert "protected" in found.problem
    assert (stops(clones[0]), list(restraints.read(store))) == ([], [NIGHT])
    runs = history.read()
    assert [one.subject for one in stopping.without_tag(store, runs, datetime.now(UTC).timestamp() + 1)] == [NIGHT]
    assert stopping.without_tag(store, runs, 0) == []
    cases.write(tmp_path / "logs", *records(2000, {"control": 0.5, "night": 0.1}))  # what came later counts no more
    (tmp_path / "remote.git").rename(tmp_path / "away.git")
    assert look(store, tmp_path / "logs")[0].problem
    (tmp_path / "away.git").rename(tmp_path / "remote.git")
    hook.unlink()
    (last,) = look(store, tmp_path / "logs")
    assert (last.tag, last.evidence, last.problem) == (STOP, found.evidence, None)
    assert stops(tmp_path / "remote.git") == [STOP]
    assert stopping.without_tag(store, history.read(), datetime.now(UTC).timestamp() + 1) == []


def test_who_is_no_longer_the_holder_of_the_lease_writes_nothing(
    store: Store,  # noqa: F811
    root: Path,
    tmp_path: Path,
) -> None:
    begin(root)
    cases.write(tmp_path / "logs", *BETTER)
    first = leases.take(store, stopping.LEASE, "one", now=0, seconds=5)
    leases.take(store, stopping.LEASE, "two", now=10, seconds=5)
    assert first is not None

    def may_act() -> bool:
        return leases.is_current(store, stopping.LEASE, first.fence)

    (found,) = stopping.look(store, tmp_path / "logs", datetime.now(UTC), may_act)
    assert (stops(root), restraints.read(store)) == ([], {})
    assert found.evidence is not None
    restraints.restrain(store, NIGHT, 0, "harm", found.evidence.to_json(), 0)
    list(stopping.look(store, tmp_path / "logs", datetime.now(UTC), may_act))
    assert stops(root) == []


def test_a_restraint_that_cannot_be_read_is_a_problem_and_others_are_looked_at(
    store: Store,  # noqa: F811
    root: Path,
    tmp_path: Path,
) -> None:
    layer = {"name": "ads", "share": 50}
    begin(root, layer={**layer, "start": 0})
    begin(root, "rain", layer={**layer, "start": 50})
    restraints.restrain(store, NIGHT, 0, "harm", '{"units": "many"}', 0)
    found = {one.id: one for one in look(store, tmp_path / "logs")}
    assert "no verdict follows" in (found["night-games"].problem or "")
    assert found["rain"].problem is None
    assert found["rain"].analysis is not None


ENFORCE = """\
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from slipway.experiments import stopping
from slipway.registry import git
from slipway.state import restraints
from slipway.state.store import Store

where = sys.argv[3]
def dying(function, named):
    def call(*arguments, **options):
        name = named(arguments)
        result = function(*arguments, **options)
        if where == f"after {name}":
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    return call
restraints.restrain = dying(restraints.restrain, lambda _: "restrain")
git.run = dying(git.run, lambda arguments: arguments[0])
for one in stopping.look(Store(sys.argv[1]), Path(sys.argv[2]), datetime.now(UTC)):
    print(one.tag, one.problem or "")
"""
MOMENTS = ["after restrain", "after push", "after update-ref"]


@pytest.mark.parametrize("where", MOMENTS)
def test_a_kill_between_any_two_writes_is_completed_by_the_next_look(
    address: str,  # noqa: F811
    clones: tuple[Path, Path],
    tmp_path: Path,
    where: str,
) -> None:
    if "postgresql" in address and where != "after restrain":
        pytest.skip("the other writes are those of Git")
    store = Store(address)  # noqa: F811
    store.migrate()
    cases.write(tmp_path / "logs", *BETTER)
    died = subprocess.run([sys.executable, "-c", ENFORCE, address, str(tmp_path / "logs"), where], cwd=clones[0])
    assert died.returncode == -9
    before = restraints.read(store)
    assert list(before) == [NIGHT]
    cases.write(tmp_path / "logs", *records(2000, {"control": 0.5, "night": 0.1}))
    if where != "after update-ref":  # the stop is complete, and there is nothing to look at
        (found,) = look(store, tmp_path / "logs")
        assert found.tag == STOP
    assert look(store, tmp_path / "logs") == []
    for folder in (clones[0], tmp_path / "remote.git"):
        assert stops(folder) == [STOP]
    run = history.known("night-games")
    stated, counted, again = ending.replay(run, history.defined(run)[0])
    assert stated == again.verdict.outcome
    assert counted == evidence.parse(before[NIGHT].evidence)
    store.close()


def test_of_two_that_look_at_once_one_writes_the_tag(
    address: str,  # noqa: F811
    clones: tuple[Path, Path],
    tmp_path: Path,
) -> None:
    if "sqlite" in address:
        pytest.skip("two servers share a PostgreSQL")
    store = Store(address)  # noqa: F811
    store.migrate()
    for name in ("a", "b"):
        cases.write(tmp_path / name, *BETTER)
    command = [sys.executable, "-c", ENFORCE, address]
    both = [
        subprocess.Popen([*command, str(tmp_path / name), ""], cwd=clone, stdout=subprocess.PIPE, text=True)
        for name, clone in zip("ab", clones, strict=True)
    ]
    told = [one.communicate()[0] for one in both]
    assert [one.returncode for one in both] == [0, 0]
    for turn, clone in enumerate(clones):  # who lost finds the tag of the other at its next look
        if STOP not in told[turn]:
            assert "did not accept" in told[turn]
            subprocess.run([*command, str(tmp_path / "a"), ""], cwd=clone, check=True)
    tags = {house.git(folder, "rev-parse", STOP) for folder in (*clones, tmp_path / "remote.git")}
    assert len(tags) == 1
    store.close()


def test_the_command_stops_and_says_so(root: Path, tmp_path: Path) -> None:
    begin(root)
    cases.write(root / "logs" / "traffic", *BETTER)
    command = [sys.executable, "-m", "slipway", "experiment", "enforce"]
    done = subprocess.run([*command, "--json"], cwd=root, capture_output=True, text=True, check=True)
    (found,) = json.loads(done.stdout)
    assert (found["id"], found["verdict"], found["tag"], found["problem"]) == ("night-games", "pass", STOP, None)
    assert found["split_e"] < 1000
    again = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    assert again.stdout == ""
    assert tmp_path in root.parents
