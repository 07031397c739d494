"""An ensemble on the test examples that its members share: its scores, and the verdict on them."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

import released
from ensembles import house
from slipway import tasks
from slipway.core.errors import ConfigError, ModelError, RegistryError
from slipway.ensembles import evaluation, verdict
from slipway.ensembles.combination import Combination
from slipway.ensembles.verdict import Evaluation
from slipway.gate.contributions import Scored
from slipway.records import predictions


def judged(**changes: Any) -> Evaluation:
    house.define(**changes)
    return evaluation.evaluate(house.assembled())


def refused(error: type[Exception] = RegistryError, **changes: Any) -> str:
    house.define(**changes)
    ensemble = house.assembled()
    with pytest.raises(error) as caught:
        evaluation.evaluate(ensemble)
    return str(caught.value)


def accuracy(*weights: float) -> float:
    """The accuracy of the mean of the first versions, straight from their slopes."""
    raw = Path("data/raw/mine")
    task = tasks.load("tabular_classification", released.DATA)
    examples = task.index(raw).examples
    (encoded,) = task.encode(raw, examples, task.specify(raw, examples))
    names = ("mine@v1.0.0", "yours@v1.0.0")
    of = dict(zip(names, weights, strict=True))
    mean = np.array([house.probability(x, *names, weights=of) for x in encoded.inputs[:, 0]])
    return float(((mean >= 0.5) == (encoded.targets == 1)).mean())


def test_it_is_scored_by_its_task_and_beside_each_member(root: Path) -> None:
    found = judged()
    assert (found.examples, found.groups, found.confidence, found.verdict) == (400, 100, 0.95, "pass")
    value = found.metrics["accuracy"]["value"]
    assert value == pytest.approx(accuracy(0.6, 0.4), abs=1e-6)
    assert [one.member for one in found.compared] == ["mine@v1.0.0", "yours@v1.0.0"]
    for one, weights in zip(found.compared, ((1, 0), (0, 1)), strict=True):
        difference = one.difference["accuracy"]
        assert difference["value"] == pytest.approx(value - accuracy(*weights), abs=1e-6)
        assert difference["low"] <= difference["value"] <= difference["high"]
        assert (one.better - one.worse) / 400 == pytest.approx(difference["value"], abs=1e-6)
        assert one.rules[0].value == pytest.approx(-difference["value"], abs=1e-6)
        assert 0 < one.p <= 1
    again = json.dumps(judged().to_json())
    assert again == json.dumps(found.to_json())
    assert verdict.read(verdict.write(found).read_bytes(), "both.json") == found


def test_a_vote_of_two_is_decided_by_the_heavier(root: Path) -> None:
    found = judged(voting_strategy="majority")
    assert found.metrics["accuracy"]["value"] == pytest.approx(accuracy(1, 0), abs=1e-6)
    assert (found.compared[0].worse, found.compared[0].better) == (0, 0)


def test_the_rules_are_those_of_the_first_members_variant_unless_it_has_its_own(root: Path) -> None:
    assert [(rule.metric, rule.min) for rule in judged().gate.rules] == [("accuracy", 0.5), ("latency_p95_ms", None)]
    strict = judged(gate={"rules": {"accuracy": {"min": 0.99}, "size_bytes": {"max": 10}}})
    assert {rule.metric: rule.verdict for rule in strict.gate.rules} == {"accuracy": "fail", "size_bytes": "fail"}
    assert strict.verdict == "fail"
    sizes = sum(one.record.model.bytes for one in house.assembled().members)
    assert strict.gate.rules[1].value == sizes
    near = accuracy(0.6, 0.4)
    assert judged(gate={"rules": {"accuracy": {"min": round(near, 3)}}}).verdict == "hold"
    told = refused(ConfigError, gate={"rules": {"acuracy": {"min": 0.9}}, "per_group": {"club": {"f1": {"min": 0.1}}}})
    assert "gate.rules.acuracy: no such metric" in told
    assert "gate.per_group.club: no such kind of group" in told


def test_one_that_is_worse_than_a_member_does_not_pass(root: Path) -> None:
    house.version("yours", "v2.0.0", 4.0, 6.0, gate={"rules": {}})
    members = {"mine@v1.0.0": 0.5, "yours@v2.0.0": 0.5}
    found = judged(members=members)
    assert found.gate.verdict == "pass"
    assert [rule.verdict for one in found.compared for rule in one.rules] == ["fail", "pass"]
    assert found.verdict == "fail"
    assert verdict.objection(found, house.assembled()) == "the gate says fail"


def test_times_are_those_of_all_members_and_hold_if_they_are_of_several_machines(root: Path) -> None:
    (latency,) = [rule for rule in judged().gate.rules if rule.metric == "latency_p95_ms"]
    assert (latency.value, latency.verdict) == (2, "pass")
    house.version("yours", "v2.0.0", 2.0, machine="two")
    found = judged(members={"mine@v1.0.0": 0.5, "yours@v2.0.0": 0.5})
    (latency,) = [rule for rule in found.gate.rules if rule.metric == "latency_p95_ms"]
    assert (latency.value, latency.verdict, found.verdict) == (None, "hold", "hold")
    assert "different machines" in latency.reason


def test_members_that_were_tested_on_other_examples_are_refused(root: Path) -> None:
    house.version("yours", "v2.0.0", 2.0, test=slice(1, 402))
    told = refused(members={"mine@v1.0.0": 0.5, "yours@v2.0.0": 0.5})
    assert "mine@v1.0.0 and yours@v2.0.0 were tested on other data: of 400 test examples, 1 only the first has" in told
    assert "row0-0000" in told
    released.rows("yours", seed=1)
    house.version("yours", "v3.0.0", 2.0)
    assert "other data: raw data" in refused(members={"mine@v1.0.0": 0.5, "yours@v3.0.0": 0.5})


def test_examples_with_other_labels_are_other_examples(root: Path) -> None:
    """Such as two variants that call another value of the same column positive."""
    path = root / "reports" / "yours" / "shipped.parquet"
    examples, targets, predicted = predictions.read(path.read_bytes())
    path.write_bytes(predictions.table(examples, 1 - targets, predicted, ["ball"]))
    released.commit("other labels")
    released.git("tag", "-a", "yours@v2.0.0", "-m", "register")
    assert "the same names and other labels" in refused(members={"mine@v1.0.0": 0.5, "yours@v2.0.0": 0.5})


def test_predictions_that_are_lost_are_named(root: Path) -> None:
    lock = yaml.safe_load((root / "dvc.lock").read_text())
    outs = lock["stages"]["convert-tflite@yours"]["outs"]
    (md5,) = [one["md5"] for one in outs if one["path"] == "reports/yours/shipped.parquet"]
    (root / ".dvc/cache/files/md5" / md5[:2] / md5[2:]).unlink()
    told = refused(ModelError)
    assert "yours@v1.0.0: reports/yours/shipped.parquet" in told
    assert "cannot be fetched" in told


def test_classes_by_probability_are_scored_as_classes() -> None:
    """The prediction of a vote has the form of probabilities, so every metric of the task is defined."""
    spec = {"outputs": ["a", "b", "c"], "classes": ["a", "b", "c"]}
    each = [np.eye(3)[[0, 1, 2, 0]], np.eye(3)[[0, 1, 1, 1]], np.eye(3)[[0, 2, 2, 1]]]
    voting = Combination("majority", (spec,) * 3, (Fraction(1, 2), Fraction(1, 4), Fraction(1, 4)))
    examples = pd.DataFrame({"example": list("wxyz"), "group": list("wxyz"), "label": list("abcb")})
    task = tasks.load("image_classification", {"height": 8, "width": 8})
    scored = Scored(task, voting.spec, examples, np.array([0, 1, 2, 1]), voting.combine(each))
    assert scored.score()["accuracy"] == 1.0
    assert all(np.isfinite(one) for one in scored.score().values())
