"""A server goes back by itself from a version whose requests fail, and only then."""

from pathlib import Path

import numpy as np
import pytest

from serving import house
from serving.process import serving, until
from slipway.frameworks.catboost.conversion.graph import DYNAMIC, Graph
from slipway.serving import roles, withdrawal
from slipway.serving.withdrawal import Failures


def test_a_version_that_always_fails_is_withdrawn_soon_and_one_that_seldom_does_is_not() -> None:
    failing = Failures()
    reasons = [failing.count("ball@v1", True) for _ in range(10)]
    assert next(at for at, one in enumerate(reasons) if one) < 6
    sound = Failures()
    draw = np.random.default_rng(7)
    assert not any(sound.count("ball@v1", bool(one)) for one in draw.random(5_000) < 0.04)
    assert not any(sound.count("ball@v2", False) for _ in range(100))


def test_a_good_version_is_seldom_withdrawn_at_its_limit() -> None:
    withdrawn = 0
    for seed in range(200):
        counts = Failures()
        failed = np.random.default_rng(seed).random(400) < withdrawal.LIMIT
        withdrawn += any(counts.count("ball", bool(one)) for one in failed)
    assert withdrawn <= 3


def test_notes_outlive_the_process_and_the_first_reason_stays(tmp_path: Path) -> None:
    path = tmp_path / "cache" / "withdrawn.json"
    assert withdrawal.read(path) == {}
    withdrawal.add(path, "ball#production#2", "3 of 3 requests failed")
    withdrawal.add(path, "ball#production#2", "another")
    assert withdrawal.read(path) == {"ball#production#2": "3 of 3 requests failed"}


def not_finite(root: Path) -> None:
    """Write a build of `ball` that gives infinity for a large x."""
    graph = Graph("rows", (DYNAMIC, 3))
    weighted = graph.add("MUL", [graph.input, np.float32([1, 1, 0])], (DYNAMIC, 3))
    total = graph.add("SUM", [weighted, np.int32([1])], (DYNAMIC, 1), keepDims=True)
    powers = graph.add("EXP", [total], (DYNAMIC, 1))
    model = graph.serialize(powers)
    house.rows(root)
    import json

    record = json.loads((root / "models" / "ball" / "release.json").read_text())
    inputs = np.float32([[0.5, 0.7, 0.5], [-1, 0.2, 0.5]])
    house.build(root, "ball", record["task"], record["data"], record["spec"], model, inputs)


@pytest.fixture
def deployed(root: Path) -> Path:
    """A repository with a deployment of `ball`, whose newest version fails for large values."""
    not_finite(root)
    house.commit(root)
    house.register(root, "ball", "v1.1.0")
    house.assign(root, "ball", "v1.1.0", "production", 2)
    (root / "deployments").mkdir()
    return root


LARGE = [{"x": 1e9, "team": "home"}]


@pytest.mark.parametrize("goes_back", [True, False])
def test_a_server_goes_back_to_the_version_before(deployed: Path, tmp_path: Path, goes_back: bool) -> None:
    text = f"variant: ball\nrollback_on_error: {str(goes_back).lower()}\n"
    (deployed / "deployments" / "ball.yaml").write_text(text + f"port: {free_port()}\n")
    with serving(deployed, tmp_path / "server", "--deployment", "ball", port=False) as server:
        assert server.predict("ball", json=house.ROWS)["model_version"] == "v1.1.0"
        for _ in range(8):
            server.post("/api/v1/predict/ball", json=LARGE)
        if not goes_back:
            assert server.predict("ball", json=house.ROWS)["model_version"] == "v1.1.0"
            return
        until(lambda: server.predict("ball", json=house.ROWS)["model_version"] == "v1.0.0", "the version before")
        assert "requests failed" in server.get("/readyz").text
        assert server.get("/readyz").status_code == 200
        house.assign(deployed, "ball", "v1.1.0", "production", 3)  # promoted anew, so it is tried anew
        server.post("/api/v1/refresh")
        assert server.predict("ball", json=house.ROWS)["model_version"] == "v1.1.0"


def test_the_only_version_is_not_withdrawn(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(built)
    from slipway.registry import tags

    found = roles.read(tags.read(), {"ball#production#1": "all requests failed"})
    assert found.holders["ball", "production"].version == "v1.0.0"
    assert any("all requests failed" in one for one in found.problems)


def free_port() -> int:
    import socket

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
