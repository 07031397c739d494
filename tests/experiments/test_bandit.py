"""A bandit: its shares follow the rewards and can be derived again, and what it finds is right despite it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st

from experiments.cases import BEGAN, content, experiment, exposure, outcome, write
from slipway.core.errors import ConfigError, DataError
from slipway.experiments import analysis, bandit, ending, evidence, reweighing, trial
from slipway.experiments.bandit import UPDATE, Update
from slipway.experiments.definition import Experiment, check_successor, parse
from slipway.experiments.history import Event, Run
from slipway.experiments.observations import Observations, observe
from slipway.traffic import reading
from slipway.traffic.records import Outcome, Prediction

TESTS = Path(__file__).resolve().parents[1]
BANDIT: dict[str, Any] = {"reward_metric": "satisfaction", "exploration_rate": 0.05, "update_frequency": "1h"}
HOUR = timedelta(hours=1)
UNITS = [f"user-{number}" for number in range(2000)]


def made(**changes: Any) -> Experiment:
    return experiment(**{"bandit": BANDIT, **changes})


def rates(control: tuple[int, int], night: tuple[int, int]) -> dict[str, tuple[int, float, float]]:
    """The sums of rewards that are 0 or 1, by units and successes."""
    return {arm: (units, float(won), float(won)) for arm, (units, won) in (("control", control), ("night", night))}


def period(one: Experiment, number: int, hours: float, sums: dict[str, tuple[int, float, float]]) -> Update:
    seed, weights, shares = bandit.draw(one, number, sums, True)
    time = BEGAN + hours * HOUR
    return Update(time, number, time + bandit.LEAD, 0, sums, True, seed, weights, shares)


def log(folder: Path, *lines: Update | bytes) -> Path:
    path = bandit.path(folder, "night-games")
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"".join(one if isinstance(one, bytes) else UPDATE.dump_json(one) + b"\n" for one in lines))
    return path


@pytest.mark.parametrize(
    ("changes", "line", "told"),
    [
        ({"reward_metric": "errors"}, 24, "errors is none, and the goals are satisfaction"),
        ({"reward_metric": "clicks"}, 24, "clicks is none"),
        ({"exploration_rate": 0}, 22, "greater than or equal to 0.001"),
        ({"exploration_rate": 1.1}, 22, "less than or equal to 1"),
        ({"update_frequency": "hourly"}, 25, "'hourly' is not a time such as 90s, 30min, 1h or 2d"),
        ({"update_frequency": "1min"}, 25, "20,160 updates in 14 days, more than 1,000"),
        ({"floor": 0.1}, 22, "Extra inputs"),
    ],
)
def test_mistakes_of_a_bandit_are_told_with_their_lines(changes: dict[str, Any], line: int, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(content(bandit={**BANDIT, **changes}), "night-games", "experiments/night-games.yaml")
    (only,) = str(caught.value).splitlines()
    assert told in only
    place = int(only.split(":")[1])
    text = content(bandit={**BANDIT, **changes}).decode().splitlines()[place - 1]
    assert next(iter(changes)) in text or "bandit" in text


def test_all_mistakes_of_a_bandit_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        made(allocation={"control": 99, "night": 1}, bandit={**BANDIT, "reward_metric": "errors"}, maximum_days=50)
    told = str(caught.value)
    assert len(told.splitlines()) == 3
    for text in ("less than 2.5 %", "errors is none", "1,200 updates"):
        assert text in told
    late = {"satisfaction": {"role": "goal", "better": "higher", "window_hours": 48}}
    with pytest.raises(ConfigError, match="before any is"):
        made(metrics=late, maximum_days=2)


def test_the_shares_follow_the_rewards_above_a_floor() -> None:
    _, weights, shares = bandit.draw(made(), 1, rates((500, 100), (500, 200)), True)
    assert weights == {"control": 0.0, "night": 1.0}
    assert shares == {"control": 0.025, "night": 0.975}
    lower = made(metrics={"satisfaction": {"role": "goal", "better": "lower"}})
    assert bandit.draw(lower, 1, rates((500, 100), (500, 200)), True)[2] == {"control": 0.975, "night": 0.025}
    means = {"control": (200, 400.0, 1000.0), "night": (200, 440.0, 1160.0)}
    known, other = (bandit.draw(one, 1, means, False)[1]["night"] for one in (made(), lower))
    assert known == pytest.approx(0.977, abs=0.01)  # a difference of 0.2 with a standard error of 0.1
    assert other == pytest.approx(1 - known, abs=0.01)


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=3, max_size=3), st.integers(1, 999))
def test_the_shares_of_a_period_derive_again_and_are_ranges_of_the_whole_line(
    counts: list[tuple[int, int]], number: int
) -> None:
    arms = {"control": "v1.0.0", "night": "v1.1.0", "rain": "v1.2.0"}
    one = made(arms=arms, allocation={"control": 40, "night": 30, "rain": 30})
    sums = {arm: (max(two), float(min(two)), float(min(two))) for arm, two in zip(arms, counts, strict=True)}
    seed, weights, shares = bandit.draw(one, number, sums, True)
    assert (seed, weights, shares) == bandit.draw(one, number, sums, True)
    assert sum(round(bandit.MILLION * share) for share in shares.values()) == bandit.MILLION
    assert min(shares.values()) >= 0.05 / 3 - 1e-6
    ranges = bandit.split(one, shares).ranges
    assert (ranges[0].start, ranges[-1].end) == (0, 100)


def test_a_period_whose_shares_do_not_follow_is_found() -> None:
    one = made()
    found = period(one, 1, 1, rates((90, 30), (90, 35)))
    assert bandit.follows(one, found)
    assert UPDATE.validate_json(UPDATE.dump_json(found)) == found
    for changes in ({"seed": found.seed + 1}, {"shares": {"control": 0.5, "night": 0.5}}, {"period": 2}):
        assert not bandit.follows(one, replace(found, **changes))


def test_who_takes_part_does_not_depend_on_the_shares_and_a_wider_share_moves_nobody() -> None:
    narrow, wide = made(share=20), made(share=60)
    check_successor(narrow, wide)
    with pytest.raises(ConfigError, match="ranges only grow"):
        check_successor(wide, narrow)
    with pytest.raises(ConfigError, match="bandit changed"):
        check_successor(narrow, made(share=20, bandit={**BANDIT, "exploration_rate": 0.1}))
    inside = [unit for unit in UNITS if narrow.assignment.arm(unit) is not None]
    assert len(inside) == pytest.approx(400, abs=60)
    assert all(wide.assignment.arm(unit) is not None for unit in inside)
    split = bandit.split(narrow, {"control": 0.1, "night": 0.9})
    assert sum(split.of(unit) == "night" for unit in inside) / len(inside) == pytest.approx(0.9, abs=0.05)


def test_the_log_is_read_without_lines_that_were_cut_off(tmp_path: Path) -> None:
    one = made()
    first, second = period(one, 1, 1, rates((90, 30), (90, 35))), period(one, 2, 2, rates((190, 60), (190, 75)))
    assert bandit.read(tmp_path, one) == ()
    whole = UPDATE.dump_json(second)
    log(tmp_path, first, whole[:100], b"\n", whole[:200])
    assert bandit.read(tmp_path, one) == (first,)
    log(tmp_path, first, whole[:100], b"\n", second)
    assert bandit.read(tmp_path, one) == (first, second)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"period": 3}, "period 3 follows period 1"),
        ({"start": BEGAN}, "starts before"),
        ({"shares": {"control": 0.5, "night": 0.6}}, "sum of its shares"),
        ({"shares": {"control": 0.02, "night": 0.98}}, "below the floor of 0.025"),
        ({"shares": {"control": 0.5, "rain": 0.5}}, "its arms are not control, night"),
        ({"shares": {"control": float("inf"), "night": 0.5}}, "shares"),
        ({"seed": -1}, "seed"),
    ],
)
def test_a_log_that_cannot_be_right_is_refused_with_its_line(
    tmp_path: Path, changes: dict[str, Any], told: str
) -> None:
    one = made()
    first, second = period(one, 1, 1, rates((90, 30), (90, 35))), period(one, 2, 2, rates((190, 60), (190, 75)))
    log(tmp_path, first, replace(second, **changes))
    with pytest.raises(DataError, match=rf"night-games\.jsonl:2: .*{told}"):
        bandit.read(tmp_path, one)


def test_each_unit_has_the_period_whose_shares_its_record_has() -> None:
    one = made()
    updates = [period(one, number, number, rates((90, 30), (90, won))) for number, won in ((1, 60), (2, 60), (3, 35))]
    updates[1] = replace(updates[1], shares=updates[0].shares)
    seconds = np.array([0, 3603, 3603, 7300, 10_900, 5])
    times = np.datetime64(BEGAN.replace(tzinfo=None), "us") + seconds * np.timedelta64(1, "s")
    shares = np.array([0.5, updates[0].shares["night"], 0.5, updates[1].shares["night"], updates[2].shares["night"]])
    shares = np.append(shares, updates[2].shares["night"])  # with a clock that was put back
    each, of = bandit.periods(one.definition, updates, np.ones(6, int), shares, times)
    assert each == [tuple(found.values()) for found in (one.shares, updates[0].shares, updates[2].shares)]
    assert of.tolist() == [0, 1, 0, 1, 2, 2]  # the third was answered after the next period began
    with pytest.raises(DataError, match=r"the arm night with a share of 0\.75, which no period"):
        bandit.periods(one.definition, updates, np.ones(1, int), np.array([0.75]), times[:1])


def rewarded(count: int, every: float, share: float = 0.5) -> Iterator[Prediction | Outcome]:
    """Units of both arms in turn, of which those of night are satisfied twice as often."""
    for number in range(count):
        arm = ("control", "night")[number % 2]
        yield exposure(f"u{number}", arm, number * every, share=share)
        if number % (6 if arm == "control" else 3) == 0 + (arm == "night"):
            yield outcome("satisfaction", 1.0, number * every + 60, unit=f"u{number}")


def test_an_update_waits_until_it_is_due_and_rewards_are_known(tmp_path: Path) -> None:
    one = made()

    def update(hours: float) -> Update | str:
        return reweighing.update(one, tmp_path, BEGAN, lambda: BEGAN + hours * HOUR)

    assert "is due at 2026-01-31 09:00:00" in str(update(0.9))
    assert "fewer than 2 rewards are known" in str(update(1.1))
    write(tmp_path, *rewarded(240, 30.0))  # two hours
    assert "fewer than 2 rewards" in str(update(1.005))  # the window of an hour has ended for none
    first = update(1.5)
    assert isinstance(first, Update)
    assert [first.sums[arm][0] for arm in ("control", "night")] == [31, 30]
    assert (first.period, first.exposed, first.events) == (1, 181, True)
    assert first.start - first.time == bandit.LEAD
    assert bandit.follows(one, first)
    assert "is due at" in str(update(2.4))
    second = update(4)
    assert isinstance(second, Update)
    assert [second.sums[arm][0] for arm in ("control", "night")] == [120, 120]
    assert second.shares["night"] > first.shares["night"]
    assert "no reward became known" in str(update(6))
    assert bandit.read(tmp_path, one) == (first, second)
    assert "maximum duration" in str(reweighing.update(made(maximum_days=0.1), tmp_path, BEGAN, lambda: BEGAN + HOUR))
    with FileLock(bandit.path(tmp_path, "night-games").with_suffix(".lock")):
        assert "another process" in str(update(5))


KILLED = """
import os, signal, sys
from datetime import timedelta
from pathlib import Path
from experiments.test_bandit import BEGAN, made
from slipway.experiments import reweighing
write = os.write
def half(file, content):
    write(file, content[: len(content) // 2])
    os.kill(os.getpid(), signal.SIGKILL)
os.write = half
reweighing.update(made(), Path(sys.argv[1]), BEGAN, lambda: BEGAN + timedelta(hours=3))
"""


def test_an_update_that_is_killed_while_it_writes_is_done_again(tmp_path: Path) -> None:
    write(tmp_path, *rewarded(200, 30.0))
    for _ in range(2):
        killed = subprocess.run(
            [sys.executable, "-c", KILLED, str(tmp_path)], cwd=TESTS, capture_output=True, text=True
        )
        assert killed.returncode == -9, killed.stderr
    assert bandit.path(tmp_path, "night-games").read_bytes().count(b'"period":1') == 2
    assert bandit.read(tmp_path, made()) == ()
    found = reweighing.update(made(), tmp_path, BEGAN, lambda: BEGAN + 3 * HOUR)
    assert bandit.read(tmp_path, made()) == (found,)


def run(
    one: Experiment, rate: dict[str, float], each: int, periods: int, seed: int
) -> tuple[Observations, list[Update]]:
    """Units that get their arms by the shares of their period, which follow from the rewards of those before."""
    random, arms = np.random.default_rng(seed), list(one.definition.arms)
    units, won = np.zeros(len(arms)), np.zeros(len(arms))
    updates: list[Update] = []
    frames = []
    for number in range(periods):
        shares = updates[-1].shares if updates else one.shares
        of = random.choice(len(arms), each, p=list(shares.values()))
        rewards = (random.random(each) < np.array([rate[arm] for arm in arms])[of]).astype(float)
        first = pd.Timestamp(BEGAN + number * HOUR) + pd.Timedelta(seconds=10) + pd.to_timedelta(np.arange(each), "s")
        share = np.array(list(shares.values()))[of]
        frames.append(
            pd.DataFrame({"arm": np.array(arms)[of], "share": share, "first": first, "satisfaction": rewards})
        )
        units += np.bincount(of, minlength=len(arms))
        won += np.bincount(of, rewards, len(arms))
        sums = {arm: (int(n), float(w), float(w)) for arm, n, w in zip(arms, units, won, strict=True)}
        updates.append(period(one, number + 1, number + 1, sums))
    found = pd.concat(frames, ignore_index=True)
    found["unit"] = [f"u{number}" for number in range(len(found))]
    return Observations(found, 0), updates


def judged(one: Experiment, observed: Observations, updates: list[Update]) -> analysis.Analysis:
    return analysis.analyse(one.definition, evidence.count(one.definition, observed, BEGAN, BEGAN + 20 * HOUR, updates))


GOAL = {"satisfaction": {"role": "goal", "better": "higher", "of_unit": "any", "window_hours": 1}}


def test_the_weighted_interval_covers_what_it_says_and_the_plain_one_does_not() -> None:
    """With equal arms and a floor of 1 %. 95 % are stated; `make bench` does the same for 10,000 runs."""
    one = made(metrics=GOAL, minimum_sample=2500, bandit={**BANDIT, "exploration_rate": 0.02})
    weighted, plain, sound = [], [], []
    for seed in range(100):
        observed, updates = run(one, {"control": 0.1, "night": 0.1}, 420, 12, seed)
        counted = evidence.count(one.definition, observed, BEGAN, BEGAN + 20 * HOUR, updates)
        assert counted.metrics["satisfaction"]["night"].ended
        found = analysis.analyse(one.definition, counted)
        weighted.append(found.estimates[0])
        sound.append(next(finding.outcome for finding in found.verdict.findings if finding.subject == "split"))
        fixed = analysis.difference(*(sums.moments() for sums in counted.metrics["satisfaction"]["night"].sums()))
        plain.append(analysis.planned_end.welch(fixed, alpha=0.05))
    covered = [one.low is None or one.high is None or one.low <= 0 <= one.high for one in weighted]
    assert np.mean(covered) >= 0.94
    assert np.mean([float(one.low) <= 0 <= float(one.high) for one in plain]) <= 0.9
    assert set(sound) == {"pass"}
    differences = [one.difference for one in weighted if one.difference is not None]
    assert abs(np.mean(differences)) < 0.005


def test_a_better_arm_gets_most_units_and_is_found_at_the_planned_sample() -> None:
    one = made(metrics=GOAL, minimum_sample=2500)
    observed, updates = run(one, {"control": 0.2, "night": 0.3}, 250, 20, seed=3)
    early = judged(one, Observations(observed.units[:4000], 0), updates)
    assert early.verdict.outcome == "hold"
    assert early.estimates[0].low is None  # a goal is decided once
    assert "4,000 of at least 5,000 units in all arms" in str(early.verdict.findings)
    found = judged(one, observed, updates)
    assert found.verdict.outcome == "pass"
    goal = found.estimates[0]
    assert goal.units[1] > 4 * goal.units[0]
    assert goal.difference == pytest.approx(0.1, abs=0.05)
    later, more = run(one, {"control": 0.2, "night": 0.3}, 250, 24, seed=3)
    assert judged(one, later, more).estimates[0] == goal  # whoever looks later has no second chance


def test_the_split_is_judged_by_the_shares_of_each_period() -> None:
    one = made(metrics=GOAL)
    observed, updates = run(one, {"control": 0.2, "night": 0.3}, 250, 12, seed=1)
    assert judged(one, observed, updates).verdict.findings[0].outcome == "pass"
    late = (observed.units.index >= 1500) & (observed.units["arm"] == "night") & (observed.units.index % 5 > 0)
    broken = judged(one, Observations(observed.units[~late].reset_index(drop=True), 0), updates)
    assert broken.verdict.findings[0].outcome == "fail"
    fixed = experiment(metrics=GOAL)
    assert judged(fixed, observed, []).verdict.findings[0].outcome == "fail"  # as if the shares had stayed


def test_three_arms_and_guardrails_are_weighted_too() -> None:
    arms = {"control": "v1.0.0", "night": "v1.1.0", "rain": "v1.2.0"}
    metrics = {**GOAL, "errors": {"role": "guardrail", "better": "lower", "margin": 0.02}}
    one = made(arms=arms, allocation={"control": 40, "night": 30, "rain": 30}, metrics=metrics, minimum_sample=1000)
    observed, updates = run(one, {"control": 0.2, "night": 0.35, "rain": 0.2}, 250, 14, seed=2)
    draw = np.random.default_rng(4)
    observed.units["errors"] = (draw.random(len(observed.units)) < 0.05).astype(float)
    found = judged(one, observed, updates)
    outcomes = {finding.subject: finding.outcome for finding in found.verdict.findings}
    assert outcomes["satisfaction of night"] == "pass"
    assert outcomes["satisfaction of rain"] == "hold"
    assert outcomes["errors of night"] == "pass"
    shares = evidence.count(one.definition, observed, BEGAN, BEGAN + HOUR, updates).periods
    assert sum(sum(of.units) for of in shares) == len(observed.units)


def test_the_tag_of_a_stop_is_small_and_gives_the_verdict_again() -> None:
    one = made(metrics=GOAL, minimum_sample=2500)
    observed, updates = run(one, {"control": 0.2, "night": 0.3}, 25, 300, seed=5)
    counted = evidence.count(one.definition, observed, BEGAN, BEGAN + 300 * HOUR, updates)
    direct = analysis.analyse(one.definition, counted)
    text = ending.text(direct.verdict.outcome, counted)
    assert len(text) < 40_000
    stop = Event("experiments/night-games/stop", "night-games", 0, "c", "who", "e", 0, f"Stop\n\n{text}")
    assert ending.replay(Run("night-games", (stop,), stop), one) == (direct.verdict.outcome, counted, direct)


def test_from_the_log_to_the_verdict(tmp_path: Path) -> None:
    """Each hour's units get their arms by the shares that follow from the hours before, as on a server."""
    one = made(metrics=GOAL, minimum_sample=300, bandit={**BANDIT, "exploration_rate": 0.3})
    draw, clock = np.random.default_rng(6), BEGAN
    for hour in range(6):
        updates = bandit.read(tmp_path, one)
        shares = updates[-1].shares if updates else one.shares
        split, records = bandit.split(one, shares), []
        for number in range(120):
            unit, seconds = f"user-{hour}-{number}", hour * 3600 + 10 + number * 29.0
            arm = split.of(unit) or ""
            records.append(exposure(unit, arm, seconds, share=shares[arm]))
            if draw.random() < {"control": 0.2, "night": 0.6}[arm]:
                records.append(outcome("satisfaction", 1.0, seconds + 5, unit=unit))
        write(tmp_path, *records)
        clock = BEGAN + (hour + 1) * HOUR + timedelta(seconds=1)
        reweighing.update(one, tmp_path, BEGAN, lambda clock=clock: clock)
    updates = bandit.read(tmp_path, one)
    assert [found.period for found in updates] == [1, 2, 3, 4, 5]
    assert all(bandit.follows(one, found) for found in updates)
    assert updates[-1].shares["night"] > 0.8
    now = clock + HOUR
    observed = observe(one.definition, reading.exposures(tmp_path, "night-games"), reading.outcomes(tmp_path), now)
    counted = evidence.count(one.definition, observed, BEGAN, now, updates)
    assert sum(sum(of.units) for of in counted.periods) == 720
    found = analysis.analyse(one.definition, counted)
    goal = found.estimates[0]
    assert goal.difference == pytest.approx(0.4, abs=0.15)
    assert json.loads(counted.to_json())["periods"][0]["shares"] == [0.5, 0.5]
    with pytest.raises(DataError, match="which no period of the log of weights has"):
        evidence.count(one.definition, observed, BEGAN, now)  # its log was lost
    with pytest.raises(DataError, match="shares of a bandit follow"):
        trial.simulate(one.definition, observed, effect=None, runs=100, seed=1)


def test_the_times_of_updates_end_with_the_experiment() -> None:
    one = made(maximum_days=1)
    assert bandit.due(one, (), BEGAN) == BEGAN + HOUR
    last = period(one, 1, 23.5, rates((90, 30), (90, 35)))
    assert bandit.due(one, (last,), BEGAN) is None
    assert isinstance(bandit.due(one, (replace(last, time=BEGAN + HOUR),), BEGAN), datetime)
