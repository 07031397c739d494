"""What the units did: one value of each metric for each unit."""

import math
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from experiments.cases import BEGAN, definition, exposure, outcome, write
from slipway.experiments.observations import Observations, observe
from slipway.traffic import reading
from slipway.traffic.records import Outcome, Prediction

HOUR = 3600.0


def observed(
    folder: Path,
    *records: Prediction | Outcome,
    hours: float = 100.0,
    metrics: dict[str, Any] | None = None,
    **changes: Any,
) -> Observations:
    write(folder, *records)
    made = definition(**({"metrics": metrics} if metrics else {}), **changes)
    now = BEGAN + timedelta(hours=hours)
    return observe(made, reading.exposures(folder, "night-games"), reading.outcomes(folder), now)


def values(found: Observations, metric: str) -> dict[str, float]:
    return dict(zip(found.units["unit"], found.units[metric], strict=True))


def goal(**changes: Any) -> dict[str, Any]:
    return {"role": "goal", "better": "higher", "window_hours": 1, **changes}


def test_units_stand_in_the_order_of_their_first_exposure(tmp_path: Path) -> None:
    found = observed(tmp_path, exposure("b", "night", 5), exposure("a", "control", 9), exposure("b", "night", 20))
    assert found.units[["unit", "arm"]].values.tolist() == [["b", "night"], ["a", "control"]]
    assert list(found.units["first"]) == [BEGAN + timedelta(seconds=5), BEGAN + timedelta(seconds=9)]


def test_the_log_has_errors_seconds_and_confidence(tmp_path: Path) -> None:
    failed = exposure("a", "night", 2, status=500, inference_time=None, predictions=None)
    two = [{"ball": 0.5, "no ball": 0.5}, {"ball": 0.1, "no ball": 0.9}]
    found = observed(
        tmp_path,
        *(exposure("a", "night", 0), exposure("a", "night", 1, inference_time=0.005, predictions=two), failed),
        exposure("b", "control", 0, status=422, inference_time=None, predictions=None),
        metrics={"errors": goal(), "inference_time": goal(), "confidence": goal()},
    )
    assert values(found, "errors") == {"a": pytest.approx(1 / 3), "b": 0.0}
    assert values(found, "inference_time")["a"] == pytest.approx(0.004)
    assert values(found, "confidence")["a"] == pytest.approx((0.75 + 0.7) / 2)
    assert math.isnan(values(found, "confidence")["b"])


@pytest.mark.parametrize(("probability", "decision"), [(0.9, True), (0.1, False), (0.9, False)])
def test_of_two_classes_the_more_probable_one_counts(tmp_path: Path, probability: float, decision: bool) -> None:
    answered = [{"ball": probability, "decision": decision}]
    found = observed(tmp_path, exposure("a", "night", predictions=answered), metrics={"confidence": goal()})
    assert values(found, "confidence")["a"] == pytest.approx(0.9)


def test_predictions_without_probabilities_have_no_confidence(tmp_path: Path) -> None:
    boxes = [[{"box": [0, 0, 1, 1], "score": 0.9}], 17.5]
    found = observed(tmp_path, exposure("a", "night", predictions=boxes), metrics={"confidence": goal()})
    assert math.isnan(values(found, "confidence")["a"])


def test_a_decision_is_no_probability_and_a_forecast_has_no_confidence(tmp_path: Path) -> None:
    decided = [{"ball": 0.7, "decision": True}, {"ball": 0.2, "decision": False}]
    found = observed(
        tmp_path,
        exposure("a", "night", predictions=decided),
        exposure("b", "night", predictions=[{"visitors": 312.0}]),
        metrics={"confidence": goal()},
    )
    assert values(found, "confidence")["a"] == pytest.approx(0.75)
    assert math.isnan(values(found, "confidence")["b"])


def test_only_the_window_after_the_first_exposure_counts(tmp_path: Path) -> None:
    found = observed(
        tmp_path,
        *(exposure("a", "night", 100), exposure("a", "night", 100 + 2 * HOUR, status=500)),
        outcome("clicks", 1, 50, unit="a"),
        outcome("clicks", 1, 100 + HOUR - 1, unit="a"),
        outcome("clicks", 1, 100 + HOUR + 1, unit="a"),
        metrics={"clicks": goal(of_unit="sum"), "errors": goal()},
    )
    assert values(found, "clicks") == {"a": 1.0}
    assert values(found, "errors") == {"a": 0.0}


def test_a_unit_whose_window_has_not_ended_does_not_count_yet(tmp_path: Path) -> None:
    records = [exposure("a", "night", 0), exposure("b", "night", HOUR), outcome("clicks", 1, HOUR + 5, unit="b")]
    found = observed(tmp_path, *records, hours=1.5, metrics={"clicks": goal(of_unit="any")})
    assert values(found, "clicks")["a"] == 0.0
    assert math.isnan(values(found, "clicks")["b"])


def test_outcomes_of_requests_and_units_meet(tmp_path: Path) -> None:
    found = observed(
        tmp_path,
        *(
            exposure("a", "night", 0),
            exposure("a", "night", 10),
            exposure("b", "control", 0),
            exposure("c", "night", 0),
        ),
        outcome("rating", 4, 20, request_id="a-0"),
        outcome("rating", 2, 20, request_id="a-10"),
        outcome("rating", 5, 20, unit="b"),
        outcome("rating", 1, 20, unit="stranger"),
        outcome("rating", 1, 20, request_id="unknown"),
        metrics={"rating": goal()},
    )
    assert values(found, "rating")["a"] == 3.0
    assert values(found, "rating")["b"] == 5.0
    assert math.isnan(values(found, "rating")["c"])


def test_an_outcome_that_comes_twice_counts_once_and_the_last_one_counts(tmp_path: Path) -> None:
    found = observed(
        tmp_path,
        *(exposure("a", "night", 0), exposure("b", "night", 0)),
        *(outcome("sales", 5, 1, request_id="a-0"), outcome("sales", 7, 2, request_id="a-0")),
        *(outcome("sales", 3, 1, unit="b", key="k1"), outcome("sales", 4, 2, unit="b", key="k1")),
        *(
            outcome("sales", 10, 3, unit="b", key="k2"),
            outcome("sales", 1, 4, unit="b"),
            outcome("sales", 1, 5, unit="b"),
        ),
        metrics={"sales": goal(of_unit="sum")},
    )
    assert values(found, "sales") == {"a": 7.0, "b": 16.0}


def test_outcomes_after_the_window_are_counted_and_left_out(tmp_path: Path) -> None:
    found = observed(
        tmp_path,
        *(exposure("a", "night", 0), exposure("b", "night", 0)),
        *(outcome("sales", 5, HOUR, unit="a"), outcome("sales", 7, HOUR + 1, unit="a")),
        *(outcome("sales", 3, HOUR + 2, request_id="b-0"), outcome("other", 3, HOUR + 2, unit="b")),
        metrics={"sales": goal(of_unit="sum")},
    )
    assert values(found, "sales") == {"a": 5.0, "b": 0.0}
    assert found.late == 2


def test_units_in_two_arms_are_left_out_and_counted(tmp_path: Path) -> None:
    found = observed(tmp_path, exposure("a", "night", 0), exposure("a", "control", 1), exposure("b", "night", 0))
    assert list(found.units["unit"]) == ["b"]
    assert found.crossed == 1


def test_records_after_the_look_and_of_other_experiments_do_not_count(tmp_path: Path) -> None:
    records = [exposure("a", "night", 0), exposure("b", "night", 3 * HOUR), exposure("c", "night", 0, name="other")]
    assert list(observed(tmp_path, *records, hours=2).units["unit"]) == ["a"]


def test_each_request_is_a_unit_if_the_experiment_says_so(tmp_path: Path) -> None:
    records = [exposure("a", "night", 0), exposure("a", "control", 1), exposure(None, "control", 2)]
    metrics = {"errors": goal(window_hours=0, better="lower")}
    found = observed(tmp_path, *records, metrics=metrics, unit="request")
    assert list(found.units["unit"]) == ["a-0", "a-1", "None-2"]
    assert found.crossed == 0
    assert values(found, "errors") == {"a-0": 0.0, "a-1": 0.0, "None-2": 0.0}


def test_nothing_was_seen_yet(tmp_path: Path) -> None:
    found = observed(tmp_path / "nothing")
    assert found.units.empty
    assert {"unit", "arm", "first", "satisfaction", "errors"} <= set(found.units.columns)


def test_logs_and_tables_together_are_the_same_as_logs(tmp_path: Path) -> None:
    from slipway.traffic import compact

    records = [
        *(exposure(f"u{number}", ("control", "night")[number % 2], number * 7000) for number in range(40)),
        *(outcome("satisfaction", 1, number * 7000 + 60, unit=f"u{number}") for number in range(0, 40, 3)),
    ]
    before = observed(tmp_path, *records)
    for log in compact.logs(tmp_path, (BEGAN + timedelta(days=2)).date()):
        compact.compact(tmp_path, log)
    assert list(tmp_path.rglob("*.parquet"))
    assert list(tmp_path.rglob("*.jsonl"))
    after = observe(
        definition(),
        reading.exposures(tmp_path, "night-games"),
        reading.outcomes(tmp_path),
        BEGAN + timedelta(hours=100),
    )
    pd.testing.assert_frame_equal(before.units, after.units, check_dtype=False)
