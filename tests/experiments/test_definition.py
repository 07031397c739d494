"""What experiments/<id>.yaml may say."""

from pathlib import Path
from typing import Any

import pytest

from experiments.cases import FILE, content, experiment
from slipway.core.errors import ConfigError
from slipway.experiments import definition
from slipway.experiments.definition import check_successor, check_together, parse


def refused(**changes: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(content(**changes), "night-games", "experiments/night-games.yaml")
    return str(caught.value)


def test_the_first_arm_is_the_control_and_the_sample_is_that_of_the_smallest_arm() -> None:
    found = experiment(
        arms={"old": "v1.0.0", "night": "v1.1.0", "rain": "v1.2.0"},
        allocation={"old": 60, "night": 30, "rain": 10},
    ).definition
    assert (found.control, found.treatments) == ("old", ("night", "rain"))
    assert found.shares() == {"old": 0.6, "night": 0.3, "rain": 0.1}
    assert found.planned("old", "rain") == 7000
    assert found.planned("rain") == 1000
    assert found.alpha == 0.05


def test_units_get_the_arms_in_the_order_of_the_file_by_the_id_or_a_salt() -> None:
    units = [f"user-{number}" for number in range(200)]
    mine, other, salted = experiment(), experiment("other"), experiment("other", salt="experiments/night-games")
    assert [mine.assignment.arm(unit) for unit in units] == [salted.assignment.arm(unit) for unit in units]
    assert [mine.assignment.arm(unit) for unit in units] != [other.assignment.arm(unit) for unit in units]
    swapped = experiment(allocation={"night": 50, "control": 50})
    assert [mine.assignment.arm(unit) for unit in units] == [swapped.assignment.arm(unit) for unit in units]


def test_all_mistakes_are_told_at_once_each_with_its_line() -> None:
    wrong = b"""\
hypothesis: It finds more.
model: ball
arms:
  control: v1.0.0
  night: production
allocation: {control: 50, night: 150}
metrics:
  errors: {role: guard, better: lower}
minimum_sample: 10
maximum_day: 3
"""
    with pytest.raises(ConfigError) as caught:
        parse(wrong, "night-games", "experiments/night-games.yaml")
    told = str(caught.value)
    for line, text in ((5, "a version"), (6, "100"), (8, "'goal' or 'guardrail'"), (9, "100"), (10, "maximum_day")):
        places = [part for part in told.splitlines() if part.startswith(f"experiments/night-games.yaml:{line}: ")]
        assert any(text in part for part in places), (line, told)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"allocation": {"control": 50, "night": 40}}, "sums to 90 %"),
        ({"allocation": {"control": 100}}, "allocation has control, and the arms are control, night"),
        ({"arms": {"control": "v1.0.0"}, "allocation": {"control": 100}}, "at least 2"),
        ({"metrics": {"errors": {"role": "guardrail", "better": "lower"}}}, "no goal"),
        ({"metrics": {"Errors": {"role": "goal", "better": "lower"}}}, "Errors"),
        ({"metrics": {"clicks": {"role": "goal", "better": "higher", "margin": -1}}}, "margin"),
        ({"metrics": {"clicks": {"role": "goal", "better": "higher", "margin": float("nan")}}}, "finite"),
        ({"unit": "request", "metrics": {"errors": {"role": "goal", "better": "lower"}}}, "window_hours of 0"),
        ({"layer": {"name": "ads", "start": 60, "share": 60}}, "more than 100 %"),
        ({"share": 0}, "share"),
        ({"confidence": 1}, "confidence"),
        ({"hypothesis": ""}, "hypothesis"),
    ],
)
def test_mistakes_are_refused(changes: dict[str, Any], told: str) -> None:
    assert told in refused(**changes)


def test_an_arm_can_be_an_ensemble_with_its_version() -> None:
    arms = {"control": "v1.0.0", "night": "ensembles/both@b8fb283dbb0e"}
    found = experiment(arms=arms).definition.arms
    assert [definition.ensemble_of(one) for one in found.values()] == [None, ("both", "b8fb283dbb0e")]
    for wrong in ("ensembles/both", "ensembles/both@v1.0.0", "ensembles/Both@b8fb283dbb0e", "both@b8fb283dbb0e"):
        assert "neither a version, such as v1.2.0, nor an ensemble" in refused(arms={**arms, "night": wrong})


@pytest.mark.parametrize("wrong", [b"", b"[]", b"model: [", b"a: 1\na: 2", b"\xff", b"model: !!python/object:os.x {}"])
def test_what_is_no_experiment_is_refused_with_its_file(wrong: bytes) -> None:
    with pytest.raises(ConfigError, match=r"experiments/night-games\.yaml"):
        parse(wrong, "night-games", "experiments/night-games.yaml")


@pytest.mark.parametrize("name", ["Night", "night_games", "../up", "", "-a", "a" * 64])
def test_an_id_is_a_file_name_and_a_part_of_a_tag(name: str) -> None:
    with pytest.raises(ConfigError, match="lower-case"):
        definition.check_id(name)


def test_a_missing_file_says_how_to_write_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="slipway experiment create night-games"):
        definition.read(tmp_path / "night-games.yaml")


def test_two_experiments_of_a_model_need_parts_of_one_layer() -> None:
    parts = [
        experiment(name, layer={"name": "ads", "start": start, "share": 50})
        for name, start in (("first", 0), ("second", 50))
    ]
    check_together(parts)
    check_together([experiment("first"), experiment("second", model="bird")])
    with pytest.raises(ConfigError, match="a request has one version"):
        check_together([experiment("first"), experiment("second")])
    with pytest.raises(ConfigError, match="a request has one version"):
        check_together([parts[0], experiment("second", layer={"name": "other", "start": 50, "share": 50})])
    with pytest.raises(ConfigError, match="overlap in the layer ads: from 40 to 90 %, and from 0 to 50 %"):
        check_together([parts[0], experiment("second", layer={"name": "ads", "start": 40, "share": 50})])


def test_a_running_experiment_may_only_take_in_more_units() -> None:
    narrow = experiment(share=20)
    check_successor(narrow, experiment(share=40, hypothesis="Other words.", stop="manual"))
    for changes, told in (
        ({"share": 10}, "ranges only grow"),
        ({"share": 40, "minimum_sample": 500}, "minimum_sample changed"),
        ({"share": 40, "salt": "new"}, "salt changed"),
        ({"share": 40, "arms": {"control": "v1.0.0", "night": "v1.2.0"}}, "arms changed"),
        ({"share": 40, "layer": {"name": "ads", "start": 0, "share": 100}}, "layer differs"),
    ):
        with pytest.raises(ConfigError, match=told):
            check_successor(narrow, experiment(**changes))
    layered = experiment(layer={"name": "ads", "start": 10, "share": 20})
    check_successor(layered, experiment(layer={"name": "ads", "start": 10, "share": 50}))
    with pytest.raises(ConfigError, match="a start is fixed"):
        check_successor(layered, experiment(layer={"name": "ads", "start": 0, "share": 50}))


def test_it_stops_by_itself_unless_it_says_otherwise() -> None:
    assert experiment().definition.stop == "automatic"
    with pytest.raises(ConfigError, match="stop"):
        experiment(stop="never")


def test_agreement_is_known_after_the_answer() -> None:
    rule = {"role": "guardrail", "better": "higher"}
    metrics = {**FILE["metrics"], "agreement": rule}
    assert experiment(metrics=metrics).definition.metrics["agreement"].window_hours == 24
    with pytest.raises(ConfigError, match="give it a window_hours above 0"):
        experiment(metrics={**metrics, "agreement": {**rule, "window_hours": 0}})


def test_the_example_of_the_module_is_valid() -> None:
    text = (definition.__doc__ or "").split("\n\n")[1]
    found = parse("\n".join(line.removeprefix("    ") for line in text.splitlines()).encode(), "a", "a.yaml")
    assert found.definition.arms == FILE["arms"]
