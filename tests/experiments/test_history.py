"""Experiments in Git: what starts them, what stops them, and what has no effect."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from experiments.cases import FILE, content
from serving import house
from slipway.core.errors import ConfigError, RegistryError
from slipway.ensembles.standing import Standing
from slipway.experiments import history
from slipway.registry import state


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two versions of `ball`, the first in production, and one that the gate refused."""
    root = tmp_path_factory.mktemp("history") / "repository"
    house.two_versions(root)
    house.build_version(root, "v2.0.0", 16.0, "fail")
    return root


@pytest.fixture
def root(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    copy = Path(shutil.copytree(made, tmp_path / "repository"))
    monkeypatch.chdir(copy)
    return copy


def save(root: Path, name: str = "night-games", **changes: object) -> None:
    path = root / "experiments" / f"{name}.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content(**changes))
    house.git(root, "add", "--all")
    house.git(root, "commit", "-q", "--allow-empty", "-m", name)


def test_a_start_and_a_stop_are_tags_that_say_why(root: Path) -> None:
    save(root)
    event = history.start("night-games", "the new sponsor")
    assert (event.tag, event.number) == ("experiments/night-games/start-1", 1)
    assert event.why == (
        "Start the experiment night-games\n\nthe new sponsor\n\nArms: control: v1.0.0, night: v1.1.0\nShare: 100 %"
    )
    assert event.commit == house.git(root, "rev-parse", "HEAD")
    assert history.known("night-games").is_running
    stop = history.stop("night-games", "enough", "Verdict: hold")
    assert stop.why == "Stop the experiment night-games\n\nenough\n\nVerdict: hold"
    assert not history.known("night-games").is_running
    with pytest.raises(RegistryError, match="was stopped on"):
        history.stop("night-games", "again", "")
    with pytest.raises(RegistryError, match="a new experiment needs a new id"):
        history.start("night-games")


def test_the_registry_and_gto_do_not_see_these_tags(root: Path) -> None:
    before = subprocess.run(["gto", "show", "--json"], cwd=root, capture_output=True, text=True, check=True).stdout
    versions = {name: list(one.versions) for name, one in state.read().items()}
    save(root)
    history.start("night-games")
    after = subprocess.run(["gto", "show", "--json"], cwd=root, capture_output=True, text=True, check=True).stdout
    assert json.loads(after) == json.loads(before)
    assert {name: list(one.versions) for name, one in state.read().items()} == versions
    from slipway.registry.tags import survey

    assert not survey(variants=["ball"]).odd


def test_a_file_that_is_not_committed_does_not_start(root: Path) -> None:
    save(root)
    (root / "experiments" / "night-games.yaml").write_bytes(content(share=50))
    with pytest.raises(RegistryError, match=r"git add experiments/night-games\.yaml && git commit"):
        history.start("night-games")
    with pytest.raises(ConfigError, match="slipway experiment create other"):
        history.start("other")


def test_versions_must_be_there_and_allowed_to_answer(root: Path) -> None:
    for version, told in (("v9.0.0", "no such version"), ("v2.0.0", "the gate says fail about ball@v2.0.0")):
        save(root, arms={"control": "v1.0.0", "night": version})
        with pytest.raises(RegistryError, match=told):
            history.start("night-games")
    house.git(root, "tag", "-a", "ball#archived#2", "ball@v1.1.0^{}", "-m", "retire")
    save(root)
    with pytest.raises(RegistryError, match=r"ball@v1\.1\.0 is archived"):
        history.start("night-games")
    assert not history.read()


def test_a_running_experiment_can_be_widened_and_nothing_else(root: Path) -> None:
    save(root, share=10)
    history.start("night-games")
    with pytest.raises(RegistryError, match="runs already"):
        history.start("night-games")
    save(root, share=30)
    assert history.start("night-games").tag == "experiments/night-games/start-2"
    save(root, share=20)
    with pytest.raises(ConfigError, match="ranges only grow"):
        history.start("night-games")
    found, wrong = history.defined(history.known("night-games"))
    assert (found.definition.share, wrong) == (30, [])


def test_two_experiments_of_a_model_without_a_layer_do_not_start(root: Path) -> None:
    save(root)
    history.start("night-games")
    save(root, "rain")
    with pytest.raises(ConfigError, match="a request has one version"):
        history.start("rain")


def test_tags_that_anyone_can_push_are_checked_again(root: Path) -> None:
    save(root, share=50)
    history.start("night-games")
    (root / "experiments" / "night-games.yaml").write_bytes(content(share=10))
    house.git(root, "commit", "-q", "-a", "-m", "narrower")
    house.git(root, "tag", "-a", "experiments/night-games/start-2", "-m", "narrower")
    (root / "experiments" / "night-games.yaml").write_bytes(b"model: [")
    house.git(root, "commit", "-q", "-a", "-m", "broken")
    house.git(root, "tag", "-a", "experiments/night-games/start-3", "-m", "broken")
    house.git(root, "tag", "-a", "experiments/empty/start-1", "ball@v1.0.0^{}", "-m", "no file")
    house.git(root, "tag", "experiments/light/start-1")
    house.git(root, "tag", "-a", "experiments/Night/start-1", "-m", "no id")
    house.git(root, "tag", "-a", "experiments/night-games/start-01", "-m", "no number")
    runs = history.read()
    assert set(runs) == {"night-games", "empty"}
    found, problems = history.running(runs, state.read(), Standing())
    assert [(one.id, one.definition.share) for one in found] == [("night-games", 50)]
    assert len(problems) == 3
    assert any("start-2 is not followed" in one and "ranges only grow" in one for one in problems)
    assert any("start-3 is not followed" in one and "not YAML" in one for one in problems)
    assert any("empty does not run" in one and "no experiments/empty.yaml" in one for one in problems)


@pytest.fixture
def pair(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Two clones of a remote with the repository, in which the experiment is committed."""
    save(root)
    remote = tmp_path / "remote.git"
    subprocess.run(["git", "clone", "-q", "--bare", str(root), str(remote)], check=True)
    clones = []
    for name in ("one", "two"):
        subprocess.run(["git", "clone", "-q", str(remote), str(tmp_path / name)], check=True)
        clones.append(tmp_path / name)
    monkeypatch.chdir(clones[0])
    return clones[0], clones[1]


def test_of_two_who_start_at_the_same_time_one_is_told(
    pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    history.start("night-games", "mine", push=True)
    monkeypatch.chdir(pair[1])
    with monkeypatch.context() as blind:
        blind.setattr(history, "fetch", lambda: None)  # both looked before one of them pushed
        with pytest.raises(
            RegistryError, match="did not accept experiments/night-games/start-1, so nothing was written"
        ):
            history.start("night-games", "no, mine", push=True)
    assert not history.read()
    with pytest.raises(RegistryError, match="runs already"):
        history.start("night-games", push=True)
    history.stop("night-games", "enough", "", push=True)
    monkeypatch.chdir(pair[0])
    with pytest.raises(RegistryError, match="was stopped on"):
        history.stop("night-games", "enough", "", push=True)


def test_without_a_remote_a_push_is_refused_before_anything_is_written(root: Path) -> None:
    save(root)
    with pytest.raises(RegistryError, match="no Git remote"):
        history.start("night-games", push=True)
    assert not history.read()
    assert FILE["model"] == "ball"
