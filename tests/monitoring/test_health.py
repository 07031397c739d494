"""The health of a version: what is shown to be wrong costs points, and what is not known is never healthy."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from monitoring import use
from serving import house
from slipway.cli.app import app
from slipway.monitoring import health
from slipway.monitoring.health import Health
from slipway.registry import state

END = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _inside(used: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(used)


def examined(folder: Path, model: str = "ball", version: str = "v1.0.0") -> tuple[Health, dict[str, Any]]:
    return health.examine(state.find(state.read(), f"{model}@{version}"), folder, END, 7)


def asked(folder: Path, count: int, model: str = "ball", **options: Any) -> Health:
    use.write(folder, use.requests(count, model=model, **{"until": END, **options}))
    return examined(folder, model)[0]


def test_a_version_that_does_as_on_its_test_examples_is_healthy(tmp_path: Path) -> None:
    found = asked(tmp_path, 2000)
    assert (found.status, found.score) == ("healthy", 100)
    assert {one.name for one in found.findings} == {"errors", "latency", "confidence", "classes"}
    assert found.to_json()["issues"] == found.to_json()["recommendations"] == []


@pytest.mark.parametrize(
    ("options", "status", "deductions"),
    [
        ({"failed": 70}, "warning", {"errors": 20}),
        ({"failed": 200}, "critical", {"errors": 40}),
        ({"slow": 200}, "warning", {"latency": 10}),
        ({"slow": 1200}, "critical", {"latency": 20}),
        ({"confidence": 0.7}, "warning", {"confidence": 10}),
        ({"share": 0.7}, "warning", {"classes": 10}),
        ({"share": 0.95, "confidence": 0.6}, "critical", {"confidence": 20, "classes": 20}),
        ({"failed": 200, "share": 0.7}, "critical", {"errors": 40, "classes": 10}),
    ],
)
def test_what_is_wrong_costs_points_and_says_what_to_do(
    tmp_path: Path, options: dict[str, Any], status: str, deductions: dict[str, int]
) -> None:
    found = asked(tmp_path, 2000, **options).to_json()
    assert (found["status"], found["deductions"]) == (status, deductions)
    assert found["health_score"] == 100 - sum(deductions.values())
    assert len(found["issues"]) == len(deductions)
    assert all("`slipway " in one for one in found["recommendations"])


def test_without_traffic_it_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    found, evidence = examined(tmp_path / "other")
    assert (found.status, found.score) == ("unknown", None)
    assert found.to_json()["issues"] == ["ball@v1.0.0 had no requests in the last 7 days"]
    assert (evidence["performance"]["requests"], evidence["drift"]) == (0, None)


def test_a_log_that_stopped_is_unknown(tmp_path: Path) -> None:
    found = asked(tmp_path, 2000, until=END - timedelta(hours=30))
    assert (found.status, found.score) == ("unknown", None)
    assert "had its last request 30 hours ago" in found.to_json()["issues"][0]


def test_too_little_traffic_is_unknown_and_clear_harm_is_still_told(tmp_path: Path) -> None:
    few = asked(tmp_path / "few", 40)
    assert few.status == "unknown"
    assert "too few to tell whether it is more than 2 %" in few.to_json()["issues"][0]
    assert "--days 28" in few.to_json()["recommendations"][0]
    assert asked(tmp_path / "bad", 40, failed=30).status == "critical"


def test_without_a_log_it_is_unknown(tmp_path: Path) -> None:
    found, evidence = examined(tmp_path / "nowhere")
    assert found.status == "unknown"
    assert "no such folder" in found.to_json()["issues"][0]
    assert evidence == {"performance": None, "drift": None}


def test_a_damaged_table_is_unknown(tmp_path: Path) -> None:
    place = tmp_path / "tables/predictions/model=ball/date=2026-01-30"
    place.mkdir(parents=True)
    (place / "0123456789abcdef.parquet").write_bytes(b"PAR1")
    found, _ = examined(tmp_path)
    assert found.status == "unknown"
    assert "not a whole Parquet file" in found.to_json()["issues"][0]


def test_without_readable_test_predictions_it_is_unknown(
    used: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Path(shutil.copytree(used, tmp_path / "repository"))
    monkeypatch.chdir(root)
    shutil.rmtree(root / ".dvc" / "cache")
    use.write(tmp_path / "logs", use.requests(2000, until=END))
    found, evidence = examined(tmp_path / "logs")
    assert (found.status, found.score) == ("unknown", None)
    assert "shipped.parquet of commit" in found.to_json()["issues"][0]
    assert evidence["performance"]["requests"] == 2000


def test_a_test_split_with_few_groups_is_told_apart_from_little_traffic(
    used: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Path(shutil.copytree(used, tmp_path / "repository"))
    monkeypatch.chdir(root)
    house.rows(root)
    house.tested(root, "ball", use.noisy(use.BALLS, 400), groups=5)
    house.commit(root)
    house.register(root, "ball", "v2.0.0")
    use.write(tmp_path / "logs", use.requests(2000, version="v2.0.0", until=END))
    found = examined(tmp_path / "logs", version="v2.0.0")[0].to_json()
    assert found["status"] == "unknown"
    assert "5 groups of test examples, fewer than the 20" in found["issues"][0]
    assert found["recommendations"] == ["build a version with more test examples: `dvc repro register@ball`"]


def test_a_forecast_is_judged_by_errors_and_times(tmp_path: Path) -> None:
    found = asked(tmp_path, 2000, "demand")
    assert (found.status, [one.name for one in found.findings]) == ("healthy", ["errors", "latency"])


def slipway(*arguments: str) -> Result:
    """Run `slipway watch ...` in this process."""
    return CliRunner().invoke(app, ["watch", *arguments])


def test_the_commands(tmp_path: Path) -> None:
    use.write(tmp_path, use.requests(2000, share=0.8))
    use.write(tmp_path, use.requests(10, version="v0.9.0"), worker=1)
    logs = ("--logs", str(tmp_path))
    shown = slipway("performance", "ball", *logs)
    assert (shown.exit_code, "share of ball" in shown.stdout) == (0, True)
    everything = json.loads(slipway("performance", "ball", "--version", "all", *logs, "--json").stdout)
    assert (everything["version"], everything["requests"]) == (None, 2010)
    drifted = slipway("drift", "ball", *logs, "--json")
    assert (drifted.exit_code, json.loads(drifted.stdout)["verdict"]) == (1, "fail")
    assert "beyond the margin of 0.1" in slipway("drift", "ball", *logs).stdout.replace("\n", " ")
    judged = slipway("health", "ball", *logs, "--json")
    found = json.loads(judged.stdout)
    assert (judged.exit_code, found["status"], found["health_score"]) == (1, "warning", 90)
    assert found["evidence"]["drift"]["drift_metrics"]["ball_rate_drift"] == pytest.approx(0.3, abs=0.001)
    told = slipway("health", "shot", "--version", "latest", *logs)
    assert (told.exit_code, "unknown" in told.stdout, "had no requests" in told.stdout) == (2, True, True)


def test_what_the_commands_refuse(tmp_path: Path) -> None:
    nobody = slipway("health", "nobody", "--logs", str(tmp_path))
    assert (nobody.exit_code, "nobody has no versions" in nobody.stderr) == (3, True)
    assert slipway("drift", "ball", "--days", "0").exit_code == 3
    nowhere = slipway("performance", "ball", "--logs", str(tmp_path / "nowhere"))
    assert (nowhere.exit_code, "give --logs the folder" in nowhere.stderr) == (2, True)
    held = slipway("drift", "demand", "--logs", str(tmp_path))
    assert (held.exit_code, "nothing can be compared" in held.stdout) == (2, True)


def test_the_level_follows_the_worst_finding() -> None:
    def of(*levels: Any) -> Health:
        return Health(tuple(health.Finding("x", level, 10, "", "") for level in levels))

    assert of("healthy", "unknown").status == "unknown"
    assert of("unknown", "warning").status == "warning"
    assert of("warning", "critical", "unknown").status == "critical"
    assert of("unknown").score is None
    assert of("warning", "unknown").score == 80
