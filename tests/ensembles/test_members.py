"""Which versions may answer together, and what is said of the others."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import released
from ensembles import house
from slipway.core.errors import RegistryError
from slipway.ensembles.members import Member, differences
from slipway.registry.releases import Release


def refused(**changes: Any) -> str:
    house.define(**changes)
    with pytest.raises(RegistryError) as caught:
        house.assembled()
    return str(caught.value)


def altered(member: Member, change: Callable[[dict[str, Any]], object]) -> Member:
    """A member with another record."""
    record = json.loads(member.release.record_bytes or b"")
    change(record)
    release = Release("yours", json.dumps(record).encode(), member.release.benchmark_bytes)
    return replace(member, release=release)


def test_a_member_is_a_version_or_the_holder_of_a_role(root: Path) -> None:
    house.define(members={"mine@production": 0.5, "yours@v1.0.0": 0.25, "mine@v1.1.0": 0.25})
    before = house.assembled()
    assert [one.version.name for one in before.members] == ["mine@v1.0.0", "yours@v1.0.0", "mine@v1.1.0"]
    assert before.version == house.assembled().version
    house.promote("mine", "v1.1.0", 2)
    assert "mine@production and mine@v1.1.0 are both mine@v1.1.0" in refused(
        members={"mine@production": 0.5, "yours@v1.0.0": 0.25, "mine@v1.1.0": 0.25}
    )
    house.define(members={"mine@production": 0.5, "yours@v1.0.0": 0.5})
    assert house.assembled().version != before.version


def test_all_members_that_may_not_answer_are_named(root: Path) -> None:
    released.build("mine", 4.0, gate={"rules": {"accuracy": {"min": 0.99}}}, golden=True)
    released.commit("fails")
    released.git("tag", "-a", "mine@v2.0.0", "-m", "register")
    told = refused(members={"mine@v2.0.0": 0.25, "mine@v9.0.0": 0.25, "mine@canary": 0.25, "other@v1.0.0": 0.25})
    for part in (
        "mine@v2.0.0: the gate says fail",
        "mine@v9.0.0: no such version",
        "mine@canary: no version of mine holds canary",
        "other has no versions",
    ):
        assert part in told
    released.git("tag", "-a", "yours#production!#2", "yours@v1.0.0^{}", "-m", "take")
    released.git("tag", "-a", "yours#archived#3", "yours@v1.0.0^{}", "-m", "archive")
    assert "yours@v1.0.0 is archived" in refused(members={"mine@v1.0.0": 0.5, "yours@v1.0.0": 0.5})


def test_the_name_of_a_variant_is_taken(root: Path) -> None:
    house.define("mine")
    with pytest.raises(RegistryError, match="mine is the name of a variant"):
        house.assembled("mine")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            lambda record: record.update(task="tabular_multiclass"),
            "task: mine@v1.0.0 has tabular_classification, yours",
        ),
        (
            lambda record: record["spec"]["classes"].reverse(),
            "the order of the classes: mine@v1.0.0 has ball, not ball",
        ),
        (lambda record: record["spec"].update(classes=["ball", "none"]), "yours@v1.0.0 has ball, none"),
        (lambda record: record["spec"].update(outputs=["not ball"]), "outputs: mine@v1.0.0 has ball, yours"),
        (lambda record: record["spec"].pop("threshold"), "thresholds: mine@v1.0.0 has one, yours@v1.0.0 has none"),
        (lambda record: record["spec"].update(quantiles=[0.1, 0.5, 0.9]), "quantiles: mine@v1.0.0 has None"),
        (lambda record: record["spec"].update(objective="multiclass"), "objective"),
        (
            lambda record: record["spec"].update(spread={"low": -1, "high": 1, "relative": True}),
            "interval: mine@v1.0.0 has none, yours@v1.0.0 has a share of the value",
        ),
    ],
)
def test_another_output_is_refused_with_the_difference(
    whole: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[dict[str, Any]], object], told: str
) -> None:
    monkeypatch.chdir(whole)
    house.define()
    first, second = house.assembled().members
    assert differences([first, second]) == []
    (difference,) = differences([first, altered(second, change)])
    assert told in difference


def test_each_strategy_says_what_it_does_not_suit(root: Path) -> None:
    for objective, strategy, told in (
        (
            "regression",
            "majority",
            "majority does not suit tabular_classification, which predicts regression; use weighted",
        ),
        ("keypoints", "weighted_average", "which predicts keypoints; its predictions cannot be combined"),
        ("boxes", "majority", "which predicts boxes; its predictions cannot be combined"),
    ):
        for variant in ("mine", "yours"):
            path = root / "models" / variant / "release.json"
            record = json.loads(path.read_text())
            record["spec"]["objective"] = objective
            path.write_text(json.dumps(record))
        released.commit(objective)
        for variant in ("mine", "yours"):
            released.git("tag", "-f", "-a", f"{variant}@v3.0.0", "-m", "register")
        assert told in refused(members={"mine@v3.0.0": 0.5, "yours@v3.0.0": 0.5}, voting_strategy=strategy)
