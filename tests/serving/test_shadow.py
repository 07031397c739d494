"""What production would have answered is compared with what another version answered, and nobody waits for it."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from serving.process import serving, until
from serving.test_experiments import answer, define, second_version
from slipway.experiments import assignment
from slipway.serving.experiments import Assigned
from slipway.serving.inference import Predicted
from slipway.serving.models import Models
from slipway.serving.shadow import Shadow, agree
from slipway.traffic import reading


def box(label: str = "ball", x: float = 10, y: float = 10, size: float = 8) -> dict[str, Any]:
    return {"label": label, "x": x, "y": y, "width": size, "height": size, "score": 0.9}


def person(shift: float = 0.0, score: float = 0.9) -> dict[str, dict[str, float]]:
    return {
        "nose": {"x": 50.0 + shift, "y": 10.0, "score": 0.9},
        "foot": {"x": 40.0, "y": 110.0, "score": 0.9},
        "hand": {"x": 400.0 * shift, "y": 60.0, "score": score},
    }


@pytest.mark.parametrize(
    ("one", "production", "same"),
    [
        ({"drive": 0.6, "cut": 0.4}, {"drive": 0.9, "cut": 0.1}, True),
        ({"drive": 0.4, "cut": 0.6}, {"drive": 0.9, "cut": 0.1}, False),
        ({"cut": 0.4, "drive": 0.6}, {"drive": 0.9, "cut": 0.1}, True),
        ({"drive": 0.6, "cut": 0.4}, {"drive": 0.9, "sweep": 0.1}, False),
        ({"ball": 0.51, "decision": True}, {"ball": 0.99, "decision": True}, True),
        ({"ball": 0.51, "decision": True}, {"ball": 0.52, "decision": False}, False),
        ({"labels": ["a"], "probabilities": {"a": 0.6}}, {"labels": ["a"], "probabilities": {"a": 0.9}}, True),
        ({"labels": [], "probabilities": {"a": 0.4}}, {"labels": ["a"], "probabilities": {"a": 0.9}}, False),
        ({"visitors": 100.9, "interval": [0, 1]}, {"visitors": 100.0, "interval": [50, 150]}, True),
        ({"visitors": 101.1}, {"visitors": 100.0}, False),
        ({"visitors": 0.0}, {"visitors": 0.0}, True),
        ({"visitors": 1e-9}, {"visitors": 0.0}, False),
        ([], [], True),
        ([box()], [], False),
        ([box(), box(x=40)], [box(x=41), box(x=11)], True),
        ([box(), box()], [box()], False),
        ([box("cat")], [box("ball")], False),
        ([box(x=16)], [box()], False),
        (person(9.0, 0.4), person(0.0, 0.4), True),
        (person(11.0, 0.4), person(0.0, 0.4), False),
        (person(9.0, 0.9), person(0.0, 0.9), False),
        ([box()], {"drive": 1.0}, False),
    ],
)
def test_predictions_agree_if_they_say_the_same(one: Any, production: Any, same: bool) -> None:
    assert agree(one, production) == same


class Waiting:
    waiting = 1


def test_while_requests_wait_nothing_is_predicted_twice() -> None:
    models = Models("production", (), 0)
    asked: list[str] = []

    async def predict(model: Any, given: list[Any]) -> Predicted:
        asked.append("asked")
        return Predicted(np.zeros(1), [], 0.0)

    class Version:
        variant = "ball"

    class Made:
        version = Version()

    models.serving["ball", "production"] = Made()  # type: ignore[assignment]
    other: Any = Made()

    async def consider(waiting: int) -> None:
        inference: Any = Waiting()
        inference.waiting = waiting
        shadow = Shadow(models, inference, predict, None, 100)
        shadow.consider(Assigned("rollouts/ball/7", "canary", other, 0.5), [], Predicted(np.zeros(1), [], 0.0), "a")
        shadow.consider(Assigned("rollouts/ball/7", "canary", other, None), [], Predicted(np.zeros(1), [], 0.0), "b")
        await asyncio.sleep(0.01)

    asyncio.run(consider(1))
    assert asked == []
    asyncio.run(consider(0))
    assert asked == ["asked"]


def test_a_sample_of_the_requests_is_compared(root: Path, tmp_path: Path) -> None:
    second_version(root)
    rule = {"role": "guardrail", "better": "higher", "margin": 0.2, "window_hours": 1}
    metrics = {"satisfaction": {"role": "goal", "better": "higher"}, "agreement": rule}
    define(root, metrics=metrics)
    logs = tmp_path / "server" / "traffic"
    sample = assignment.rollout("shadow", 50)
    with serving(root, tmp_path / "server", "ball", "--shadow", "50") as server:
        for number in range(60):
            answer(server, f"user-{number}")
            near = [{"x": -0.15, "team": "home"}]  # 0.52 by production, 0.38 by the steep curve
            server.predict("ball", json=near, headers={"x-unit": f"user-{number}", "x-request-id": f"near-{number}"})
        exposed = reading.exposures(logs, "curve")
        expected = {one for one in exposed["request_id"] if sample.of(one) is not None}
        assert 30 < len(expected) < 90
        until(lambda: set(reading.outcomes(logs)["request_id"]) == expected, "all of the sample are compared")
        refused = server.post("/api/v1/outcomes", json={"metric": "agreement", "value": 1, "unit": "user-1"})
        assert refused.status_code == 422
        assert "measures agreement itself" in refused.text
    found = reading.outcomes(logs)
    assert set(found["metric"]) == {"agreement"}
    arms = dict(zip(exposed["request_id"], exposed["arm"], strict=True))
    told = Counter(
        (arms[one], one.startswith("near"), value)
        for one, value in zip(found["request_id"], found["value"], strict=True)
    )
    assert set(told) == {
        ("control", False, 1.0),
        ("control", True, 1.0),
        ("steep", False, 1.0),
        ("steep", True, 0.0),
    }
