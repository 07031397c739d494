"""What `slipway doctor` says of rollouts."""

import time
from pathlib import Path

import pytest

from rollouts import house
from slipway.rollouts import history
from slipway.rollouts.complaints import complaints


@pytest.fixture
def logs(root: Path) -> Path:
    folder = root / "logs" / "traffic"
    folder.mkdir(parents=True)
    return folder


def told(logs: Path, hours: float = 0.1) -> list[str]:
    return [wrong for wrong, _ in complaints(logs, time.time() + 3600 * hours)]


def plan(root: Path, text: str) -> None:
    (root / "rollouts").mkdir(exist_ok=True)
    (root / "rollouts" / "ball.yaml").write_text(text)


def test_one_that_has_just_begun_has_none(logs: Path) -> None:
    assert told(logs) == []
    history.start("ball@v2.0.0")
    assert told(logs) == []


def test_one_that_waits_for_long_and_one_without_values(root: Path, logs: Path) -> None:
    plan(root, "rules: {goal: {metric: clicks, better: higher}}\noutcomes: [clicks]")
    history.start("ball@v2.0.0")
    (lacking,) = told(logs, 2)
    assert lacking.startswith("the rollout of ball@v2.0.0 has rules without values: error rate, success, ")
    assert lacking.endswith("clicks")
    assert told(logs, 80)[0] == "the rollout of ball@v2.0.0 has been at 5 % for 80 hours"


def test_one_that_is_paused(logs: Path) -> None:
    history.start("ball@v2.0.0")
    history.apply("ball", "pause")
    assert told(logs, 80) == ["the rollout of ball@v2.0.0 is paused at 5 %"]


def test_mistakes_in_files_and_tags(root: Path, logs: Path) -> None:
    history.start("ball@v2.0.0")
    plan(root, "pace: 1\nspeed: 2")
    assert len(told(logs)) == 2
    (root / "rollouts" / "ball.yaml").unlink()
    house.git(root, "tag", "-a", "ball#canary#3", "ball@v2.0.0^{}", "-m", "step", "-m", "Rollout: 2\nShare: 7 %")
    assert told(logs) == ["the rollout of ball does not go on: ball#canary#3: a share of 7 % is no step of its plan"]
