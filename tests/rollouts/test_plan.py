"""The plan of a rollout: every key has a default, and all mistakes are told at once."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from rollouts import house
from slipway.core import definitions
from slipway.core.errors import ConfigError
from slipway.records import release
from slipway.rollouts import plan
from slipway.rollouts.plan import Plan


def parsed(text: str) -> Plan:
    return definitions.parse(text.encode(), "rollouts/ball.yaml", Plan)


def test_without_a_file_the_defaults_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = plan.read("ball")
    assert (found.steps, found.canary_duration_hours) == ((5, 20, 50, 80, 100), 24)
    assert (found.canary_success_threshold, found.rules.errors.most) == (0.95, 0.1)


def test_a_plan_is_the_same_after_a_tag() -> None:
    made = parsed("steps: [1, 100]\nrules: {goal: {metric: clicks, better: higher}}\noutcomes: [clicks]")
    again = Plan.model_validate_json(made.to_json())
    assert again == made
    assert "canary_success_threshold" in made.to_json()  # a later version may have another default


def test_all_mistakes_are_told_with_their_lines() -> None:
    with pytest.raises(ConfigError) as caught:
        parsed("steps: [5, 100]\nrules:\n  goal: {metric: x, better: up}\n  latency: {limit: 0}\nspeed: 1\n")
    told = str(caught.value).splitlines()
    assert [one.split(": ")[0] for one in told] == [f"rollouts/ball.yaml:{line}" for line in (4, 3, 5)]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("steps: [5, 5, 100]", "none is there twice"),
        ("steps: [20, 5, 100]", "steps grow"),
        ("steps: [5, 50]", "the last step is 50 %"),
        ("steps: [0, 100]", "above 0"),
        ("steps: [5, 150]", "at most 100"),
        ("steps: []", "at least 1"),
        ("minimum_hours: 10\nmaximum_hours: 5", "more than maximum_hours"),
        ("false_alarm: 0.5", "false_alarm"),
        ("rules: {parity: {most: .nan}}", "parity"),
    ],
)
def test_mistakes_are_refused(text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        parsed(text)


def test_another_first_share_leaves_out_the_steps_below_it() -> None:
    assert Plan().starting_at(20).steps == (20, 50, 80, 100)
    assert Plan().starting_at(10).steps == (10, 20, 50, 80, 100)
    for share in (0, 100):
        with pytest.raises(ConfigError, match="between 0 and 100"):
            Plan().starting_at(share)


def test_a_rule_names_a_metric_that_somebody_reports(tmp_path: Path) -> None:
    house.built(tmp_path / "repository")
    path = tmp_path / "repository" / "models" / "ball" / "release.json"
    record = release.read(path.read_bytes(), str(path), "ball")

    def objections(**changes: Any) -> list[str]:
        goal = {"metric": "clicks", "better": "higher", **changes.pop("goal", {})}
        return plan.objections(parsed(yaml.safe_dump({"rules": {"goal": goal}, **changes})), record)

    assert objections(outcomes=["clicks"]) == []
    assert objections(goal={"metric": "confidence"}) == []
    (told,) = objections(outcomes=["satisfaction"])
    assert "clicks, which nobody reports: there are confidence, satisfaction" in told
    numbers = record.model_copy(update={"spec": {**record.spec, "classes": []}})
    goal = parsed("rules: {goal: {metric: confidence, better: higher}}")
    assert "the log has none for this variant" in plan.objections(goal, numbers)[0]
