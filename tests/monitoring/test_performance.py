"""What a version did, from its log: counts, exact percentiles, rates with intervals, classes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monitoring import use
from slipway.core.errors import ConfigError
from slipway.monitoring import performance, window
from slipway.monitoring.performance import Performance, measure
from slipway.records.release import Record
from slipway.traffic import compact

END = datetime(2026, 1, 31, 12, tzinfo=UTC)
OUTPUTS = {"ball": ["ball"], "shot": ["drive", "cut", "sweep"], "demand": []}


def measured(folder: Path, model: str = "ball", version: str | None = "v1.0.0", days: float = 7) -> Performance:
    seen = window.read(folder, model, version, END, days)
    return measure(seen, seen.counts(OUTPUTS[model]), "ball" if model == "ball" else None)


def ask(folder: Path, count: int, **options: Any) -> None:
    use.write(folder, use.requests(count, until=END, **options))


def test_counts_times_and_rates(tmp_path: Path) -> None:
    ask(tmp_path, 1000, failed=10, slow=40, hours=48)
    found = measured(tmp_path)
    seconds = np.array([one.seconds for one in use.requests(1000, failed=10, slow=40) if one.status == 200])
    assert (found.requests, found.outcomes["answered"], found.outcomes["failed"]) == (1000, 990, 10)
    assert (found.examples, found.units) == (990, 1000)
    assert found.error_rate.value == 0.01
    assert 0.005 < found.error_rate.low < 0.01 < found.error_rate.high < 0.02
    assert found.slow_rate.value == pytest.approx(40 / 990)
    ordered = np.sort(1e3 * seconds)
    for percent in (50, 95, 99):
        assert found.latency[f"p{percent}"] == pytest.approx(ordered[int(np.ceil(990 * percent / 100)) - 1])
    assert found.latency["mean"] == pytest.approx(ordered.mean())
    assert found.inference["p99"] == pytest.approx(5.0)
    assert found.requests_per_second == pytest.approx(1000 / (48 * 3600), rel=0.01)


def test_what_became_of_a_request_is_named_as_by_the_server(tmp_path: Path) -> None:
    statuses = [200, 200, 422, 404, 429, 499, 500, 503, 504]
    records = [replace(one, status=code) for one, code in zip(use.requests(9, until=END), statuses, strict=True)]
    use.write(tmp_path, records)
    found = measured(tmp_path)
    assert found.outcomes == {"answered": 2, "refused": 2, "overload": 1, "deadline": 1, "failed": 2, "gone": 1}
    assert found.error_rate.value == pytest.approx(4 / 9)


def test_confidence_and_the_share_of_the_positive_class(tmp_path: Path) -> None:
    ask(tmp_path, 1000, share=0.3, confidence=0.75)
    found = measured(tmp_path).to_json()
    assert found["ball_detection_rate"] == found["class_shares"]["ball"]["value"] == pytest.approx(0.3)
    assert found["class_shares"]["ball"]["low"] == pytest.approx(0.272, abs=0.003)
    assert found["avg_confidence"] == pytest.approx(0.75, abs=0.01)
    assert found["avg_inference_time_ms"] == pytest.approx(2.75)
    assert found["total_inferences"] == 1000


def test_the_shares_of_several_classes(tmp_path: Path) -> None:
    ask(tmp_path, 600, model="shot", share=0.5)
    found = measured(tmp_path, "shot").to_json()
    shares = {name: one["value"] for name, one in found["class_shares"].items()}
    assert shares == {"drive": 0.5, "cut": 0.25, "sweep": 0.25}
    assert list(shares) == OUTPUTS["shot"]
    assert not [name for name in found if name.endswith("_detection_rate")]


def test_a_forecast_has_neither_classes_nor_confidence(tmp_path: Path) -> None:
    ask(tmp_path, 100, model="demand")
    found = measured(tmp_path, "demand").to_json()
    assert (found["avg_confidence"], found["class_shares"]) == (None, {})
    assert found["latency_ms"]["p50"] == 5.0


def test_users_with_many_requests_count_as_one(tmp_path: Path) -> None:
    ask(tmp_path / "requests", 400, failed=40)
    records = use.requests(400, failed=40, until=END)
    use.write(tmp_path / "users", [replace(one, unit=f"u{n // 10}") for n, one in enumerate(records)])
    alone, users = measured(tmp_path / "requests"), measured(tmp_path / "users")
    assert (alone.units, users.units) == (400, 40)
    assert alone.error_rate.value == users.error_rate.value == 0.1
    assert users.error_rate.high - users.error_rate.low > 2 * (alone.error_rate.high - alone.error_rate.low)


def test_only_the_window_and_the_version_are_counted(tmp_path: Path) -> None:
    ask(tmp_path, 100, hours=24 * 10)
    use.write(tmp_path, use.requests(30, version="v2.0.0", until=END), worker=1)
    assert measured(tmp_path).requests == 70
    assert measured(tmp_path, version="v2.0.0").requests == 30
    assert measured(tmp_path, version=None).requests == 100
    assert measured(tmp_path, days=1).requests == 10


def test_tables_and_todays_logs_give_the_same_figures(tmp_path: Path) -> None:
    ask(tmp_path, 500, hours=24 * 5, failed=5, slow=7, units=60)
    before = measured(tmp_path).to_json()
    for log in compact.logs(tmp_path, END.date()):
        compact.compact(tmp_path, log)
    assert list((tmp_path / "tables").rglob("*.parquet"))
    assert list((tmp_path / "predictions").rglob("*.jsonl"))
    assert measured(tmp_path).to_json() == before


def test_nothing_is_invented_without_requests(tmp_path: Path) -> None:
    found = measured(tmp_path).to_json()
    assert (found["requests"], found["first"], found["requests_per_second"]) == (0, None, None)
    assert found["error_rate"] == found["confidence"] == {"value": None, "low": None, "high": None}
    assert set(found["latency_ms"].values()) == {None}
    with pytest.raises(ConfigError, match="no such folder; give --logs"):
        measured(tmp_path / "nowhere")


def test_answers_without_their_form_for_callers_count_as_examples_only(tmp_path: Path) -> None:
    use.write(tmp_path, [replace(one, predictions=None) for one in use.requests(50, until=END)])
    found = measured(tmp_path)
    assert (found.examples, found.confidence.units) == (50, 0)
    assert np.isnan(found.class_shares["ball"].value)


@pytest.mark.parametrize(
    ("variant", "positive"),
    [
        ("base-ad-detector", "ad"),
        ("handball-context", "hand_ball"),
        ("handball-ball", "ball"),
        ("cricket-shot-detector", None),
        ("demand-predictor", None),
        ("handball-pose", None),
    ],
)
def test_the_positive_class_is_the_one_that_the_variant_lists_first(variant: str, positive: str | None) -> None:
    path = Path(__file__).resolve().parents[2] / "models" / variant / "release.json"
    record = Record.model_validate_json(path.read_bytes())
    assert performance.positive(record) == positive
    assert (positive is None) or positive in performance.classes(record)


def test_times_are_those_of_the_window(tmp_path: Path) -> None:
    ask(tmp_path, 4, hours=4)
    found = measured(tmp_path).to_json()
    assert (found["from"], found["until"]) == ("2026-01-24T12:00:00Z", "2026-01-31T12:00:00Z")
    assert (found["first"], found["last"]) == ("2026-01-31T08:30:00Z", "2026-01-31T11:30:00Z")
    assert found["requests_per_second"] == pytest.approx(3 / timedelta(hours=3.5).total_seconds())
