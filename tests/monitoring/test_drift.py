"""Answers beside those on the version's own test examples: differences with intervals, and three verdicts."""

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monitoring import use
from serving import house
from slipway.core.errors import ModelError
from slipway.monitoring import drift, window
from slipway.monitoring.drift import Drift
from slipway.registry import state

END = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _inside(used: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(used)


def compared(folder: Path, count: int, model: str = "ball", **options: Any) -> dict[str, Drift]:
    use.write(folder, use.requests(count, model=model, until=END, **options))
    known = drift.reference(state.find(state.read(), f"{model}#production"))
    seen = window.read(folder, model, "v1.0.0", END, 7)
    return {one.name: one for one in drift.compare(seen.counts(list(known.counts.classes)), known)}


def test_the_test_predictions_of_a_version_are_those_of_its_commit() -> None:
    found = drift.reference(state.find(state.read(), "ball@v1.0.0")).counts
    assert found.share("ball").value == 0.5
    assert found.share("ball").units == 40
    assert found.mean_confidence().value == pytest.approx(0.8, abs=0.002)
    strokes = drift.reference(state.find(state.read(), "shot@v1.0.0")).counts
    assert [strokes.share(name).value for name in strokes.classes] == pytest.approx([1 / 3] * 3)


def test_equal_answers_pass(tmp_path: Path) -> None:
    found = compared(tmp_path, 2000)
    assert {name: one.verdict for name, one in found.items()} == {"confidence_drift": "pass", "ball_rate_drift": "pass"}
    for one in found.values():
        assert one.found.low < 0 < one.found.high
        assert "within the margin" in one.reason


def test_another_share_and_another_confidence_fail(tmp_path: Path) -> None:
    found = compared(tmp_path, 2000, share=0.8, confidence=0.6)
    assert {one.verdict for one in found.values()} == {"fail"}
    assert found["ball_rate_drift"].found.value == pytest.approx(0.3, abs=0.001)
    assert found["confidence_drift"].found.value == pytest.approx(-0.2, abs=0.005)
    assert found["confidence_drift"].level == "critical"
    assert found["ball_rate_drift"].level == "warning"


def test_each_class_of_several_is_compared(tmp_path: Path) -> None:
    found = compared(tmp_path, 3000, "shot", share=0.8, confidence=0.7)
    verdicts = {name: one.verdict for name, one in found.items()}
    assert verdicts == {
        "confidence_drift": "pass",
        "drive_rate_drift": "fail",
        "cut_rate_drift": "fail",
        "sweep_rate_drift": "fail",
    }
    values = drift.to_json(list(found.values()))
    assert values["verdict"] == "fail"
    assert values["drift_metrics"]["drive_rate_drift"] == pytest.approx(0.8 - 1 / 3, abs=0.001)


def test_too_few_units_are_a_hold(tmp_path: Path) -> None:
    few = compared(tmp_path / "few", 19, share=1.0)["ball_rate_drift"]
    assert (few.verdict, few.lacking) == ("hold", "requests")
    assert "19 units in the window, fewer than the 20" in few.reason
    assert np.isnan(few.found.low)
    same_user = compared(tmp_path / "user", 500, share=1.0, units=3)
    assert {one.verdict for one in same_user.values()} == {"hold"}


def test_an_interval_that_straddles_the_margin_is_a_hold(tmp_path: Path) -> None:
    found = compared(tmp_path, 100, share=0.6)["ball_rate_drift"]
    assert found.verdict == "hold"
    assert found.found.low < 0.1 < found.found.high
    assert "which straddles the margin of 0.1; the requests have the wider interval" in found.reason


def test_a_forecast_has_nothing_to_compare(tmp_path: Path) -> None:
    assert compared(tmp_path, 100, "demand") == {}
    assert drift.to_json([])["verdict"] == "hold"


def test_without_requests_everything_is_a_hold(tmp_path: Path) -> None:
    known = drift.reference(state.find(state.read(), "ball#production"))
    seen = window.read(tmp_path, "ball", "v1.0.0", END, 7)
    assert {one.verdict for one in drift.compare(seen.counts(["ball"]), known)} == {"hold"}


def test_a_class_that_no_test_prediction_has_is_a_difference(tmp_path: Path) -> None:
    known = drift.reference(state.find(state.read(), "shot#production"))
    use.write(tmp_path, use.requests(500, model="shot", until=END))
    seen = window.read(tmp_path, "shot", "v1.0.0", END, 7)
    counts = seen.counts(["drive"])
    counts.classes["pull"] = counts.classes.pop("cut")
    found = {one.name: one for one in drift.compare(counts, known)}
    assert (found["pull_rate_drift"].reference.value, found["pull_rate_drift"].verdict) == (0, "fail")
    assert found["cut_rate_drift"].window.value == 0


def test_test_predictions_that_cannot_be_read(used: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path(shutil.copytree(used, tmp_path / "repository"))
    monkeypatch.chdir(root)
    version = state.find(state.read(), "ball@v1.0.0")
    path = root / ".dvc/cache/files/md5"
    for kept in path.rglob("*"):
        if kept.is_file() and kept.read_bytes()[:4] == b"PAR1":
            kept.write_bytes(b"damaged")
    with pytest.raises(ModelError, match=r"reports/ball/shipped.parquet of commit \w+ cannot be fetched"):
        drift.reference(version)
    house.rows(root)
    house.tested(root, "ball", np.zeros(40, np.float32))
    house.commit(root)
    house.register(root, "ball", "v2.0.0")
    with pytest.raises(ModelError, match=r"shipped.parquet of ball@v2.0.0 does not fit its record"):
        drift.reference(state.find(state.read(), "ball@v2.0.0"))
