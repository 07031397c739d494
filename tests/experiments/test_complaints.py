"""What `slipway doctor` says of experiments."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from experiments.cases import BEGAN, exposure, outcome, write
from experiments.test_history import made, save
from serving import house
from slipway.experiments import history
from slipway.experiments.complaints import complaints
from slipway.state.restraints import restrain
from slipway.state.store import Store, default

__all__ = ["made"]  # a fixture


@pytest.fixture
def root(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    copy = Path(shutil.copytree(made, tmp_path / "repository"))
    monkeypatch.chdir(copy)
    return copy


def told(root: Path, days: float = 0.1) -> list[str]:
    return [wrong for wrong, _ in complaints(root / "logs" / "traffic", datetime.now(UTC) + timedelta(days=days))]


def test_a_sound_experiment_has_none(root: Path) -> None:
    assert told(root) == []
    save(root)
    history.start("night-games")
    assert told(root) == []
    write(root / "logs" / "traffic", exposure("a", "night"), outcome("satisfaction", 1, 5, unit="a"))
    assert told(root) == []


def test_an_experiment_that_is_over_its_time_and_one_without_outcomes(root: Path) -> None:
    save(root)
    history.start("night-games")
    assert told(root, 20) == ["the experiment night-games has run for 20 days, and its maximum is 14"]
    write(root / "logs" / "traffic", exposure("a", "night"), outcome("other", 1, 5, unit="a"))
    assert told(root) == ["the experiment night-games has 1 exposure and no outcomes of satisfaction"]
    history.stop("night-games", "enough", "")
    assert told(root, 20) == []
    assert datetime.now(UTC) > BEGAN


def test_an_experiment_that_does_not_run(root: Path) -> None:
    save(root)
    history.start("night-games")
    house.git(root, "tag", "-a", "ball#archived#2", "ball@v1.1.0^{}", "-m", "retire")
    (problem,) = told(root)
    assert "night-games does not run" in problem
    assert "ball@v1.1.0 is archived" in problem


def test_an_experiment_that_is_held_down_for_long_without_a_tag(root: Path) -> None:
    save(root)
    history.start("night-games")
    file = root / "logs" / "traffic" / "state.db"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"no database" * 1000)
    assert "the state store cannot be read" in "".join(told(root))
    file.unlink()
    store = Store(default(file.parent))
    store.migrate()
    now = datetime.now(UTC).timestamp()
    restrain(store, "experiments/night-games", 0, "errors harm", "{}", now)
    restrain(store, "rollouts/ball/7", 0, "slow", "{}", 0)
    assert told(root, 0) == []
    assert told(root) == ["experiments/night-games takes no units, and no tag says so: errors harm"]
    history.stop("night-games", "enough", "")
    assert told(root) == []
    store.close()


def test_agreement_that_no_server_writes_has_its_own_advice(root: Path) -> None:
    goal = {"role": "goal", "better": "higher"}
    save(root, metrics={"agreement": goal})
    history.start("night-games")
    write(root / "logs" / "traffic", exposure("a", "night"))
    (advice,) = [what for _, what in complaints(root / "logs" / "traffic", datetime.now(UTC))]
    assert "--shadow" in advice
