"""Experiments in a process without a server: the same arms, logs and verdicts."""

import shutil
import time
from pathlib import Path

import pytest

from experiments.cases import FILE
from experiments.test_history import made, save
from slipway.core.errors import ConfigError, RegistryError
from slipway.experiments import api, ending, history
from slipway.experiments.api import Experiments
from slipway.experiments.definition import read
from slipway.state.restraints import restrain
from slipway.state.store import Store, default
from slipway.traffic import reading

__all__ = ["made"]  # a fixture
LOGS = Path("logs/traffic")


@pytest.fixture
def root(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    copy = Path(shutil.copytree(made, tmp_path / "repository"))
    monkeypatch.chdir(copy)
    monkeypatch.setattr(api, "POLL", 0.0)
    return copy


def metrics(**windows: float) -> dict[str, object]:
    logged = {name: {"role": "guardrail", "better": "lower", "margin": 0.1} for name in ("errors", "inference_time")}
    goal = FILE["metrics"]["satisfaction"]
    return {"satisfaction": {**goal, "window_hours": 0.00005}, **{n: {**m, **windows} for n, m in logged.items()}}


def test_from_the_first_request_to_the_tag_of_the_stop(root: Path) -> None:
    save(root, metrics=metrics(window_hours=0.00005))
    experiments = Experiments()
    with pytest.raises(RegistryError, match="was not started"):
        experiments.get_model_for_request("night-games", "user-1")
    experiments.start("night-games")
    assignment = read(root / "experiments" / "night-games.yaml").assignment
    for number in range(20):
        unit = f"user-{number}"
        choice = experiments.get_model_for_request("night-games", unit)
        assert choice is not None
        assert (choice.arm, choice.version) == (assignment.arm(unit), FILE["arms"][choice.arm])
        found = reading.exposures(LOGS, "night-games")
        assert found["request_id"].iloc[-1] == choice.request_id  # it is there before the answer
        experiments.record_result(
            choice, failed=number == 3, inference_time=0.01, outcomes={"satisfaction": choice.arm == "night"}
        )
    assert "user-1" not in "".join(path.read_text() for path in LOGS.rglob("*.jsonl"))
    time.sleep(0.3)
    counted, analysis = experiments.analyze("night-games")
    assert sum(counted.units.values()) == 20
    errors = counted.metrics["errors"]["night"]
    assert errors.control[1] + errors.treatment[1] == 1
    satisfied = counted.metrics["satisfaction"]["night"]
    assert (satisfied.control[1], satisfied.treatment[1]) == (0, counted.units["night"])
    assert analysis.verdict.outcome == "hold"
    experiments.stop("night-games", "enough")
    run = history.known("night-games")
    assert ending.replay(run, history.defined(run)[0])[1].units == counted.units
    assert experiments.get_model_for_request("night-games", "user-1") is None


def test_what_is_held_down_takes_no_units_and_a_request_whose_result_is_not_known_is_no_success(root: Path) -> None:
    save(root, metrics=metrics(window_hours=0.0))
    history.start("night-games")
    store = Store(default(LOGS))
    store.migrate()
    experiments = Experiments()
    assert experiments.get_model_for_request("night-games", "user-1") is not None
    assert api.observed("night-games", LOGS)[2].units["errors"].isna().all()
    restrain(store, "experiments/night-games", 0, "harm", "{}", 0)
    assert experiments.get_model_for_request("night-games", "user-2") is None
    store.close()


def test_what_is_measured_is_no_outcome(root: Path) -> None:
    save(root)
    history.start("night-games")
    experiments = Experiments()
    choice = experiments.get_model_for_request("night-games", "user-1")
    assert choice is not None
    with pytest.raises(ConfigError, match="errors: give what is measured"):
        experiments.record_result(choice, outcomes={"errors": 1})
