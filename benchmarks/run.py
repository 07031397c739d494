"""Run the benchmarks and write docs/benchmarks.md: `python benchmarks/run.py [NAME...]`, all of them by default.

Every benchmark is a script that prints one JSON object. Its last output is kept in benchmarks/results/, with a
description of the machine, and the page is built from these files. Both figures of a row come from one run of a script.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from recipes import SETS
from seeds import margins
from slipway.core import atomic
from slipway.metrics import latency

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "benchmarks.md"

Figures = dict[str, Any]
WAYS = ("shared", "own", "kept")
"""How workers get their sockets in benchmarks/sockets.py."""


@dataclass(frozen=True)
class Row:
    """One line of the page: what is measured, what it is compared with, the goal, the result, and if it is reached.

    `tried` is what was tried to reach the goal; it is shown below the table as long as the goal is not reached. `needs`
    is the name of figures without which the row is left out, such as those of a server that could not be installed.
    """

    what: str
    compared_with: str
    goal: str
    result: Callable[[Figures], str]
    reached: Callable[[Figures], bool]
    tried: str = ""
    needs: str = ""


@dataclass(frozen=True)
class Benchmark:
    """A script with its arguments, and the rows of the page that show its figures."""

    command: str
    rows: tuple[Row, ...]


def _transferred(kind: str) -> Row:
    trained, from_random = f"{kind}-ad-detector", f"{kind}-from-random"
    return Row(
        f"accuracy of `{trained}`, from the weights of `base-ad-detector`",
        "the same network from random weights, on the same examples",
        "higher",
        lambda f: (
            f"{_interval(f[trained], 'accuracy')} against {_interval(f[from_random], 'accuracy')}, both from "
            f"{f[trained]['examples']['train']} training examples"
        ),
        lambda f: f[trained]["metrics"]["accuracy"]["value"] > f[from_random]["metrics"]["accuracy"]["value"],
    )


def _margins(figures: Figures) -> dict[str, tuple[float, str]]:
    """The smallest margin of each variant over its seeds and rules, and the rule."""
    return {
        variant: min(
            (margin, f"{rule}, seed {seed}")
            for seed, measured in seeds.items()
            for margin, rule in margins(variant, measured)
        )
        for variant, seeds in figures["variants"].items()
    }


def _less(rows: Figures, connections: str, ours: str, theirs: str) -> float:
    """How many times less CPU a row takes on our server than on theirs."""
    return float(rows[connections][theirs] / rows[connections][ours])


def _times_less(rows: Figures, *connections: str, ours: str = "slipway", theirs: str = "mlflow") -> str:
    """The CPU of both servers for a row, and the rows a second."""
    return "; ".join(
        f"{_less(rows, one, ours, theirs):.{0 if _less(rows, one, ours, theirs) >= 10 else 1}f} × less: "
        f"{rows[one][ours] / 1e3:.2f} against {rows[one][theirs] / 1e3:.1f} ms "
        f"({rows[one][f'{ours}_rate']:,.0f} against {rows[one][f'{theirs}_rate']:,.0f} a second)"
        for one in connections
    )


def _latencies(figures: Figures) -> str:
    return " against ".join(f"{figures[which]['p99']:.1f} ms" for which in ("swapping", "quiet"))


def _minutes(loop: Mapping[str, Any]) -> str:
    used = f"{loop['seconds'] / 60:.1f} minutes ({loop['cpu_seconds'] / 60:.1f} of CPU)"
    return used + (", failed" if loop["exit_code"] else "")


def _loop(what: str, goal: float, tried: str) -> Row:
    """The row of a command whose time is compared with that at an older commit."""
    return Row(
        f"{what}, on two idle cores",
        "the same at an older commit",
        f"{goal:.2f} × its time",
        lambda f: (
            f"{f['now']['seconds'] / f['before']['seconds']:.2f} × its time: {_minutes(f['now'])} against "
            f"{_minutes(f['before'])}"
        ),
        lambda f: f["now"]["seconds"] <= goal * f["before"]["seconds"] and not f["now"]["exit_code"],
        tried,
    )


def _recipe(name: str, what: str, baseline: str, tried: Mapping[str, str] | None = None) -> Benchmark:
    """The rows of a recipe beside a plain baseline, one for each number of examples; `tried` by these numbers."""

    def row(size: str) -> Row:
        def result(figures: Figures) -> str:
            recipe, plain = (figures["sizes"][size][who] for who in ("recipe", "baseline"))
            return (
                f"{recipe['score']:.3f} against {plain['score']:.3f} (standard error {plain['standard_error']:.3f}), "
                f"in {recipe['seconds'] / plain['seconds']:.2f} × its time: {recipe['seconds']:.0f} s"
            )

        def reached(figures: Figures) -> bool:
            recipe, plain = (figures["sizes"][size][who] for who in ("recipe", "baseline"))
            lost = (plain["score"] - recipe["score"]) * (-1 if SETS[name].metric.lower_is_better else 1)
            return bool(lost <= plain["standard_error"] and recipe["seconds"] <= 3 * plain["seconds"])

        return Row(
            f"{what}, trained with `slipway new` on {size} examples, mean of three seeds",
            baseline,
            "its score less its standard error, 3 × its time",
            result,
            reached,
            (tried or {}).get(size, ""),
        )

    sizes = ["all" if size is None else str(size) for size in SETS[name].sizes]
    return Benchmark(f"recipes.py {name}", tuple(map(row, sizes)))


BENCHMARKS = {
    "int8": Benchmark(
        "int8.py",
        (
            Row(
                "EfficientNet-Lite0 in INT8, 224 px, one thread: latency",
                "float TFLite",
                "2 × faster",
                lambda f: (
                    f"{f['times_faster']:.2f} × faster: {f['latency_p50_ms']['int8']:.2f} against "
                    f"{f['latency_p50_ms']['float32']:.2f} ms"
                ),
                lambda f: f["times_faster"] >= 2,
            ),
            Row(
                "the same: size",
                "float TFLite",
                "3.3 × smaller",
                lambda f: (
                    f"{f['times_smaller']:.2f} × smaller: {f['bytes']['int8'] / 2**20:.2f} against "
                    f"{f['bytes']['float32'] / 2**20:.2f} MiB"
                ),
                lambda f: f["times_smaller"] >= 3.3,
            ),
        ),
    ),
    "int8_variants": Benchmark(
        "int8_variants.py",
        (
            Row(
                "every INT8 variant, main metric on its own test split",
                "its float model",
                "within 0.01",
                lambda f: "; ".join(
                    f"`{variant}` {one['metric']} {one['int8']:.3f} against {one['native']:.3f}"
                    for variant, one in f.items()
                ),
                lambda f: all(one["native"] - one["int8"] <= 0.01 for one in f.values()),
                "`wildlife-detector` loses one of its 96 test clips, a share of 0.0104",
            ),
            Row(
                "the same: size",
                "float TFLite",
                "3.3 × smaller",
                lambda f: "; ".join(f"`{variant}` {one['times_smaller']:.2f} ×" for variant, one in f.items()),
                lambda f: all(one["times_smaller"] >= 3.3 for one in f.values()),
            ),
            Row(
                "the same: XNNPACK partitions",
                "float TFLite",
                "1",
                lambda f: "; ".join(
                    f"`{variant}` {one['partitions']['int8']} against {one['partitions']['float32']}"
                    for variant, one in f.items()
                ),
                lambda f: all(one["partitions"]["int8"] == 1 for one in f.values()),
            ),
        ),
    ),
    "trees": Benchmark(
        "trees.py",
        (
            Row(
                "500 trees of depth 6 on 69 features as TFLite, one row",
                "`CatBoostRegressor.predict`, one row",
                "8 × faster",
                lambda f: (
                    f"{f['one_row']['ratio']:.1f} × faster: {f['one_row']['tflite_ms'] * 1000:.1f} against "
                    f"{f['one_row']['catboost_ms'] * 1000:.0f} µs"
                ),
                lambda f: f["one_row"]["ratio"] >= 8,
            ),
            Row(
                "the same: values",
                "`CatBoostRegressor.predict`",
                "1e-5 relative",
                lambda f: f"{f['largest_relative_difference']:.1e} at most",
                lambda f: f["largest_relative_difference"] <= 1e-5,
            ),
            Row(
                "the same, a batch of 1,000 rows, one thread",
                "`CatBoostRegressor.predict`",
                "(stated)",
                lambda f: (
                    f"{f['batch']['ratio']:.2f} × its speed: {f['batch']['tflite_ms']:.2f} against "
                    f"{f['batch']['catboost_ms']:.2f} ms"
                ),
                lambda f: True,
            ),
        ),
    ),
    "gate_speed": Benchmark(
        "gate_speed.py",
        (
            Row(
                "`slipway gate` on every variant, each compared with another version in production",
                "wall-clock time, including imports and scoring again",
                "20 s",
                lambda f: (
                    f"{f['seconds']} s: {f['variants']} variants, {f['rules']} rules, {f['test_examples']:,} examples"
                ),
                lambda f: f["seconds"] <= 20,
            ),
        ),
    ),
    "gate_calibration": Benchmark(
        "gate_calibration.py",
        (
            Row(
                "equally good models that the gate fails, at each variant's test size, when no loss is allowed",
                "the stated level",
                "2.5 %",
                lambda f: _by_variant(f, lambda one: f"{one['equal']['when_nothing_may_be_lost']['fail']:.1%}"),
                lambda f: f["largest_share_of_equal_that_fail"] <= f["level"],
            ),
            Row(
                "equally good models that pass with the loss that the variant's rule allows",
                "that rule",
                "(stated)",
                lambda f: _by_variant(f, lambda one: f"{one['equal']['pass']:.0%} of {one['most']:g}"),
                lambda f: True,
            ),
            Row(
                "models that are 1, 2 and 5 points worse and still pass",
                "the same",
                "(stated)",
                lambda f: _by_variant(f, lambda one: " ".join(f"{worse['pass']:.0%}" for worse in one["worse"])),
                lambda f: True,
            ),
            Row(
                "power: models that are 1, 2 and 5 points worse and fail when no loss is allowed",
                "equal ones",
                "(stated)",
                lambda f: _by_variant(
                    f,
                    lambda one: " ".join(f"{worse['when_nothing_may_be_lost']['fail']:.0%}" for worse in one["worse"]),
                ),
                lambda f: True,
            ),
        ),
    ),
    "training_throughput": Benchmark(
        "training_throughput.py",
        (
            Row(
                "training throughput of a packed split, augmented, best of ten rounds",
                "bare `model.fit` on an array in memory",
                "0.9 ×",
                lambda f: (
                    f"{f['ratio']:.2f} ×: {f['pictures_per_second']['slipway']:.0f} against "
                    f"{f['pictures_per_second']['model.fit']:.0f} pictures a second"
                ),
                lambda f: f["ratio"] >= 0.9,
            ),
        ),
    ),
    "reading": Benchmark(
        "reading.py",
        (
            Row(
                "reading a prepared split once",
                "`keras.utils.image_dataset_from_directory`",
                "5 × faster",
                lambda f: (
                    f"{f['times_faster']:.0f} × faster: {f['seconds']['packed']:.3f} against "
                    f"{f['seconds']['image_dataset_from_directory']:.2f} s for {f['pictures']:,} pictures"
                ),
                lambda f: f["times_faster"] >= 5,
            ),
        ),
    ),
    "preparing": Benchmark(
        "preparing.py",
        (
            Row(
                "peak memory of preparing 50,000 JPEG frames at 224 px",
                "",
                "under 1.5 GB",
                lambda f: (
                    f"{f['peak_memory_gb']:.2f} GB, in {f['seconds']:.0f} s; {f['prepared_gb']:.1f} GB of disk for "
                    f"{f['frames']:,} frames"
                ),
                lambda f: f["peak_memory_gb"] < 1.5,
            ),
        ),
    ),
    "up_to_date": Benchmark(
        "up_to_date.py",
        (
            Row(
                "`dvc repro` with nothing to do",
                "`dvc status`",
                "1.5 × its time",
                lambda f: (
                    f"{f['ratio']:.2f} ×: {f['seconds']['dvc repro']:.2f} against {f['seconds']['dvc status']:.2f} s"
                ),
                lambda f: f["ratio"] <= 1.5,
            ),
        ),
    ),
    "registry_list": Benchmark(
        "registry_list.py",
        (
            Row(
                "`slipway registry list` over 1,000 versions of 30 variants",
                "`gto show`",
                "under 2 s",
                lambda f: (
                    f"{f['seconds']['slipway registry list']:.2f} against {f['seconds']['gto show']:.1f} s, "
                    f"{f['tags']:,} tags"
                ),
                lambda f: f["seconds"]["slipway registry list"] < 2,
            ),
        ),
    ),
    "registry_walks": Benchmark(
        "registry_walks.py",
        (
            Row(
                "random walks of register, promote, rollback, retire, sync with crashes between writes",
                "Git, GTO and MLflow after the next sync",
                "1,000 walks, all agree",
                lambda f: (
                    f"{f['walks']:,} walks, {f['disagree']} disagree; {f['promotions']:,} promotions, "
                    f"{f['syncs begun']:,} syncs"
                ),
                lambda f: f["walks"] >= 1000 and not f["disagree"],
            ),
        ),
    ),
    "fuzz_registry": Benchmark(
        "fuzz_registry.py",
        (
            Row(
                "release record, benchmark and `dvc.lock`, edited, swapped, truncated or merged wrongly",
                "the checks of a promotion",
                "10,000 edits: no crash, and no pass that the edit should have prevented",
                lambda f: (
                    f"{f['examples']:,} edits: {f['malformed']:,} malformed, {f['doubted']:,} doubted, "
                    f"{f['believed']:,} that change nothing"
                ),
                lambda f: f["examples"] >= 10_000,
            ),
        ),
    ),
    "fuzz_tags": Benchmark(
        "fuzz_tags.py",
        (
            Row(
                "repositories with tags of strange names and strange, damaged or arbitrary objects",
                "the tags that Slipway writes",
                "10,000, no traceback, no other tag takes effect",
                lambda f: f"{f['repositories']:,} repositories, {f['tags']:,} tags; {f['faults']} faults",
                lambda f: f["repositories"] >= 10_000 and not f["faults"],
            ),
        ),
    ),
    "serving": Benchmark(
        "server.py",
        (
            Row(
                "server CPU a row (500 trees, 69 columns) at 8 and 64 connections, one worker, with a token",
                "`mlflow models serve`, the same release",
                "15 × and 20 × less",
                lambda f: _times_less(f["rows"], "8", "64"),
                lambda f: f["rows"]["8"]["times_less"] >= 15 and f["rows"]["64"]["times_less"] >= 20,
            ),
            Row(
                "the same at one connection",
                "the same; `Predictor.predict` of the row in a loop",
                "(stated)",
                lambda f: f"{_times_less(f['rows'], '1')}; the loop {f['rows']['1']['loop'] / 1e3:.2f} ms",
                lambda f: True,
            ),
            Row(
                "the same: requests a second at 64 connections",
                "`mlflow models serve`",
                "20 × more",
                lambda f: (
                    f"{f['rows']['64']['slipway_rate'] / f['rows']['64']['mlflow_rate']:.0f} × more: "
                    f"{f['rows']['64']['slipway_rate']:,.0f} against {f['rows']['64']['mlflow_rate']:,.0f}"
                ),
                lambda f: f["rows"]["64"]["slipway_rate"] >= 20 * f["rows"]["64"]["mlflow_rate"],
            ),
            Row(
                "server CPU a row of users who take part in an experiment, with token, log and measures, at 8 and 64 "
                "connections, one worker",
                "`mlflow models serve`, the same release",
                "15 × and 20 × less",
                lambda f: _times_less(f["rows"], "8", "64", ours="experiment"),
                lambda f: (
                    _less(f["rows"], "8", "experiment", "mlflow") >= 15
                    and _less(f["rows"], "64", "experiment", "mlflow") >= 20
                ),
                needs="experiment",
            ),
            Row(
                "the same: requests a second at 64 connections",
                "the same",
                "20 × more",
                lambda f: (
                    f"{f['rows']['64']['experiment_rate'] / f['rows']['64']['mlflow_rate']:.0f} × more: "
                    f"{f['rows']['64']['experiment_rate']:,.0f} against {f['rows']['64']['mlflow_rate']:,.0f}"
                ),
                lambda f: f["rows"]["64"]["experiment_rate"] >= 20 * f["rows"]["64"]["mlflow_rate"],
                needs="experiment",
            ),
            Row(
                "the same: server CPU a row at 8 and 64 connections",
                "LitServe, the same `Predictor` on the same rows",
                "8 × less",
                lambda f: _times_less(f["rows"], "8", "64", ours="experiment", theirs="litserve"),
                lambda f: all(_less(f["rows"], one, "experiment", "litserve") >= 8 for one in ("8", "64")),
                "`Predictor.predict` alone takes half of LitServe's time a row, nearly all of it to turn one row of 69 "
                "columns into features. Both servers pay it, and only rows that arrive together share it: all of 64 "
                "connections, few of 8. Without an experiment a row takes two thirds of the time: the rest is the "
                "assignment, its exposure and its measures",
                needs="litserve",
            ),
            Row(
                "the same",
                "LitServe, the rows of a millisecond together",
                "(stated)",
                lambda f: _times_less(f["rows"], "8", "64", ours="experiment", theirs="litserve_together"),
                lambda f: True,
                needs="litserve",
            ),
            Row(
                "server CPU a picture (EfficientNet-Lite0 in INT8, 224 px) at 1, 8 and 64 connections",
                "`Predictor.predict` on the same bytes in a loop",
                "1.15 ×",
                lambda f: (
                    ", ".join(f"{one['ratio']:.2f} ×" for one in f["pictures"].values())
                    + f", of {f['pictures']['1']['loop'] / 1e3:.2f} ms"
                ),
                lambda f: max(one["ratio"] for one in f["pictures"].values()) <= 1.15,
                "the server adds half a millisecond at most: the connection, the body, a change of threads, and since "
                "this run the log and the measures. On a processor on which the picture takes 5.6 ms this was 1.10 ×",
            ),
            Row(
                "the same: pictures a second",
                "the same",
                "(stated)",
                lambda f: ", ".join(
                    f"{one['slipway_rate']:,.0f} against {one['loop_rate']:,.0f}" for one in f["pictures"].values()
                ),
                lambda f: True,
                needs="experiment",
            ),
            Row(
                "server CPU a forecast of 24 hours of a place, 400 days of nine places known",
                "`Predictor.predict` on the table with all rows",
                "10 ms",
                lambda f: (
                    f"{f['forecast']['slipway_ms']:.1f} against {f['forecast']['table_ms']:,.0f} ms, "
                    f"{f['forecast']['rows']:,} rows"
                ),
                lambda f: f["forecast"]["slipway_ms"] <= 10,
                "on an AMD EPYC of family 26, this was 2.8 ms, against 685 ms for the whole table. The processor of "
                "this run takes four to seven times as long for whatever is measured here",
            ),
            Row(
                "the same: values",
                "the same",
                "1e-6 relative",
                lambda f: f"{f['forecast']['largest_difference']:.1e} at most",
                lambda f: f["forecast"]["largest_difference"] <= 1e-6,
            ),
            Row(
                "resident memory of a server of one model, one worker",
                "`mlflow models serve`",
                "half",
                lambda f: f"{f['memory_mib']['slipway']:.0f} against {f['memory_mib']['mlflow']:.0f} MiB",
                lambda f: f["memory_mib"]["slipway"] <= 0.5 * f["memory_mib"]["mlflow"],
            ),
        ),
    ),
    "interval_coverage": Benchmark(
        "interval_coverage.py",
        (
            Row(
                "95 % intervals over 8 simulated groups, the minimum for a verdict: coverage",
                "the nominal coverage of 95 %; also over 2, 5 and 30 groups",
                "(stated)",
                lambda f: (
                    "; ".join(f"{kind} {100 * share:.0f} %" for kind, share in f["8"].items())
                    + " ("
                    + ", ".join(
                        f"{groups}: at least {100 * min(f[groups].values()):.0f} %" for groups in ("2", "5", "30")
                    )
                    + ")"
                ),
                lambda f: True,
            ),
        ),
    ),
    "edge_footprint": Benchmark(
        "edge_footprint.py",
        (
            Row(
                "`slipway-edge` with its dependencies for pictures, size on disk",
                "",
                "under 130 MB",
                lambda f: f"{f['disk_mb']:.0f} MB",
                lambda f: f["disk_mb"] < 130,
                "LiteRT (61 MB), NumPy (62 MB) and Pillow (22 MB) alone take 145 MB; nothing else is installed "
                "([0027](decisions/0027-a-wheel-for-devices.md))",
            ),
            Row(
                "the same: time and memory until `base-ad-detector` is loaded",
                "an empty Python process",
                "0.3 s and 60 MiB",
                lambda f: f"{f['load_seconds']:.2f} s and {f['memory_mib']:.0f} MiB more",
                lambda f: f["load_seconds"] < 0.3 and f["memory_mib"] < 60 and not f["not_allowed"],
            ),
        ),
    ),
    "seeds": Benchmark(
        "seeds.py",
        (
            Row(
                "floors and ceilings of profile demo, five seeds: smallest distance of an interval from its bound",
                "the width of that interval",
                "1 width, every variant",
                lambda f: "; ".join(
                    f"`{variant}` {margin:.1f} ({metric})" for variant, (margin, metric) in _margins(f).items()
                ),
                lambda f: (
                    min(margin for margin, _ in _margins(f).values()) >= 1
                    and all(len(seeds) >= 5 for seeds in f["variants"].values())
                ),
            ),
        ),
    ),
    "clones": Benchmark(
        "clones.py",
        (
            Row(
                "`make repro` in a clean clone: hashes of all outputs except `benchmark.json`",
                "another clean clone",
                "all the same",
                lambda f: (
                    f"all {f['outputs']} the same"
                    if not f["differ"]
                    else f"{len(f['differ'])} of {f['outputs']} differ: {', '.join(f['differ'])}"
                ),
                lambda f: not f["differ"],
            ),
            Row(
                "the same: files that Git lists as changed afterwards",
                "what is committed",
                "`dvc.lock` and `benchmark.json` only",
                lambda f: ", ".join(f"`{path}`" for path in f["changed_in_git"]) or "nothing",
                lambda f: all(path == "dvc.lock" or path.endswith("/benchmark.json") for path in f["changed_in_git"]),
            ),
            Row(
                "the same: time, without the installation",
                "",
                "20 minutes",
                lambda f: " and ".join(f"{seconds / 60:.1f}" for seconds in f["seconds"]) + " minutes",
                lambda f: max(f["seconds"]) <= 1200,
            ),
        ),
    ),
    "loop-test": Benchmark(
        "loops.py test",
        (
            _loop(
                "`make test`",
                0.65,
                "kept smoke builds, two at a time; hard-linked copies of repositories; shared fixtures; no search for "
                "garbage in imported modules: 0.23 s a test instead of 0.37 s. There are 4,495 tests instead of 2,295, "
                "and most of the time is in those that build variants, replay versions and walk through the workflows",
            ),
        ),
    ),
    "loop-repro": Benchmark(
        "loops.py repro",
        (
            _loop(
                "`make repro`, nine variants, installed",
                0.70,
                "one thread for each network and two networks at a time, the longest first, so both cores are busy "
                "until the last conversion; less time to measure each model. Training takes most of what is left. The "
                "gradient of depthwise convolutions in windows of 3 x 3 would save 3 % more. Of two registrations at a "
                "time, one fails when it reads `dvc.lock` while DVC writes it",
            ),
            Row(
                "lines of `dvc.lock`",
                "the same at an older commit",
                "half",
                lambda f: f"{f['now']['lock_lines']:,} against {f['before']['lock_lines']:,}",
                lambda f: f["now"]["lock_lines"] <= f["before"]["lock_lines"] / 2,
            ),
        ),
    ),
    "loop-check": Benchmark(
        "loops.py check",
        (
            Row(
                "`make check`",
                "the same at an older commit",
                "2 minutes",
                lambda f: f"{_minutes(f['now'])} against {_minutes(f['before'])}",
                lambda f: f["now"]["seconds"] <= 120 and not f["now"]["exit_code"],
                "tests that train or run stages are left to `make test`; the rest is spread over thousands of tests, "
                "the largest with servers of MLflow and S3, Git and DVC, which are the parts that they test",
            ),
        ),
    ),
    "transfer": Benchmark(
        "transfer.py",
        (_transferred("sports"), _transferred("news")),
    ),
    "melbourne-demand": Benchmark(
        "real_data.py melbourne-demand",
        (
            Row(
                "MAE on pedestrians in Melbourne, last 28 days, 24 hours ahead",
                "seasonal naive (the same hour a week before)",
                "0.60 ×",
                lambda f: (
                    f"{_interval(f, 'mae_ratio_to_naive')} ×: {f['metrics']['mae']['value']:.1f} against "
                    f"{f['naive_mae']:.1f} on {f['examples']:,} hours"
                ),
                lambda f: f["metrics"]["mae_ratio_to_naive"]["value"] <= 0.60,
            ),
        ),
    ),
    "fouls": Benchmark(
        "real_data.py fouls",
        (
            Row(
                "ROC AUC of the `handball-context` recipe on real fouls, split by match",
                "plain gradient boosting on another such split: 0.93",
                "0.93",
                lambda f: f"{_interval(f, 'roc_auc')} on {f['examples']:,} fouls of {f['groups']} matches",
                lambda f: f["metrics"]["roc_auc"]["value"] >= 0.93,
            ),
            Row(
                "the same: average precision",
                "the same: 0.83",
                "0.84",
                lambda f: (
                    f"{_interval(f, 'average_precision')}; {f['positives']} fouls, "
                    f"{f['positives'] / f['examples']:.1%}, are hand balls"
                ),
                lambda f: f["metrics"]["average_precision"]["value"] >= 0.84,
            ),
            Row(
                "the same: probabilities as TFLite",
                "CatBoost's own",
                "1e-5",
                lambda f: f"{f['largest_difference']:.1e} at most",
                lambda f: f["largest_difference"] <= 1e-5,
            ),
        ),
    ),
    "pitch-objects": Benchmark(
        "real_data.py pitch-objects",
        (
            Row(
                "accuracy of the `base-ad-detector` recipe on objects of a robots' pitch, 96 px, split by session",
                "majority class",
                "0.97",
                lambda f: (
                    f"{_interval(f, 'accuracy')} against {f['majority']:.3f} on {f['examples']} pictures of "
                    f"{f['groups']} sessions"
                ),
                lambda f: f["metrics"]["accuracy"]["value"] >= 0.97,
            ),
            Row(
                "the same: accuracy of INT8",
                "the native model",
                "within 1 point",
                lambda f: f"{f['metrics']['accuracy']['value']:.4f} against {f['native']['accuracy']:.4f}",
                lambda f: f["native"]["accuracy"] - f["metrics"]["accuracy"]["value"] <= 0.01,
            ),
        ),
    ),
    "balls": Benchmark(
        "real_data.py balls",
        (
            Row(
                "detection rate of the `handball-ball` recipe on balls of a robots' pitch, 416 x 320 px, IoU 0.5, "
                "split by session",
                "false positives a picture",
                "0.90 at 0.1",
                lambda f: (
                    f"{_interval(f, 'detection_rate')} at {_interval(f, 'false_positives_per_picture')} on "
                    f"{f['examples']} pictures of {f['groups']} sessions"
                ),
                lambda f: (
                    f["metrics"]["detection_rate"]["value"] >= 0.90
                    and f["metrics"]["false_positives_per_picture"]["value"] <= 0.1
                ),
                "other sizes of windows and cells, nine times the weights and five times the computing give 0.81 at "
                "most; the limit seems to be the number of pictures "
                "([0013](decisions/0013-detectors-learn-from-windows.md))",
            ),
            Row(
                "the same: detection rate of INT8",
                "the native model",
                "within 1 point",
                lambda f: (
                    f"{f['metrics']['detection_rate']['value']:.4f} against {f['native']['detection_rate']:.4f}, AP "
                    f"{f['metrics']['ap50']['value']:.4f} against {f['native']['ap50']:.4f}"
                ),
                lambda f: f["native"]["detection_rate"] - f["metrics"]["detection_rate"]["value"] <= 0.01,
            ),
            Row(
                "the same: size of INT8",
                "float TFLite",
                "3.3 × smaller",
                lambda f: f"{f['float_bytes'] / f['bytes']:.2f} × smaller: {f['bytes'] / 2**20:.2f} MiB",
                lambda f: f["float_bytes"] / f["bytes"] >= 3.3,
            ),
        ),
    ),
    "recipe-pitch-objects": _recipe(
        "pitch-objects", "accuracy on objects of a robots' pitch, 96 px", "the network of TensorFlow's tutorial"
    ),
    "recipe-sounds": _recipe(
        "sounds",
        "accuracy on ten kinds of sound (ESC-10)",
        "logistic regression on the mean and spread of log-mel bands",
        dict.fromkeys(
            ("300", "all"),
            "the baseline, a logistic regression, needs 4 s with its imports; those of TensorFlow alone take 3 s. With "
            "less than half of the steps the accuracy on 300 examples falls from 0.792 to 0.750, and training still "
            "takes four times as long as the baseline",
        ),
    ),
    "recipe-balls": _recipe(
        "balls",
        "detection rate on balls of a robots' pitch, at the threshold chosen on validation, on one core",
        "centre heat maps",
    ),
    "recipe-pedestrians": _recipe(
        "pedestrians",
        "MAE on pedestrians in Melbourne, 24 hours ahead, on one core",
        "seasonal naive, or CatBoost with its defaults on lags and the calendar",
    ),
    "recipe-fouls": _recipe(
        "fouls",
        "average precision on real fouls, hand ball or not",
        "CatBoost with its defaults, on the raw columns",
        {
            "300": "a category needs a sixtieth of the rows instead of ten (0.638 before). Each tree on 30 % of the "
            "columns gives 0.702, no early stopping 0.702, 30 % with a stronger penalty 0.705, but less on other "
            "tables. Validation has two to seven positive rows, too few to tell when to stop"
        },
    ),
    "sounds": Benchmark(
        "sounds.py",
        (
            Row(
                "accuracy of the `wildlife-detector` recipe on ten kinds of sound (ESC-10), mean of its five folds",
                "random forest on summary features, as published: 0.73",
                "0.88",
                lambda f: (
                    f"{_interval({'metrics': f}, 'accuracy')} on {f['clips']} clips of {f['groups']} recordings; "
                    + "by fold "
                    + ", ".join(f"{fold['float']:.3f}" for fold in f["folds"])
                ),
                lambda f: f["accuracy"]["value"] >= 0.88,
            ),
            Row(
                "the same: accuracy of INT8",
                "the native model",
                "within 1 point",
                lambda f: f"{f['accuracy_int8']:.4f} against {f['accuracy']['value']:.4f}",
                lambda f: f["accuracy"]["value"] - f["accuracy_int8"] <= 0.01,
            ),
            Row(
                "the same: size of INT8",
                "float TFLite",
                "3.3 × smaller",
                lambda f: f"{f['times_smaller']:.2f} × smaller",
                lambda f: f["times_smaller"] >= 3.3,
            ),
        ),
    ),
    "sequential": Benchmark(
        "sequential.py",
        (
            Row(
                "false alarms of a confidence sequence at 20 looks: normal and heavy-tailed values, rates of 30, 5 and "
                "0.5 %, arms of 50, 10 and 5 %",
                "nominal 0.05; a z-test at every look; the sequence with Welch's variance alone",
                "0.0565 in each",
                lambda f: (
                    f"{_range(f, 'sequence')} against {_range(f, 'z at every look')}; {_range(f, 'Welch alone')}; "
                    f"{f['runs']:,} runs each"
                ),
                lambda f: all(one["sequence"] <= 0.0565 for one in f["equal"].values()),
            ),
            Row(
                "the same with a planned end (0.01 early, 0.04 at the end)",
                "nominal 0.05; the test at the end alone, at 0.04, with Welch's variance",
                "0.0565 in each",
                lambda f: f"{_range(f, 'planned end')} against {_range(f, 'Welch at the end')}",
                lambda f: all(one["planned end"] <= 0.0565 for one in f["equal"].values()),
            ),
            Row(
                "planned end: share of runs that find an effect, at the planned sample",
                "fixed test; O'Brien and Fleming at 20 planned looks; the sequence alone",
                "0.75",
                lambda f: " against ".join(
                    f"{f['planned end']['1'][name]['found']:.3f}"
                    for name in ("planned end", "fixed test", "O'Brien and Fleming", "sequence")
                ),
                lambda f: f["planned end"]["1"]["planned end"]["found"] >= 0.75,
            ),
            Row(
                "the same: mean length at 1.5 × the effect",
                "the planned sample",
                "0.70 ×",
                lambda f: (
                    f"{f['planned end']['1.5']['planned end']['length']:.2f} ×; at 1 and 2 × the effect "
                    f"{f['planned end']['1']['planned end']['length']:.2f} and "
                    f"{f['planned end']['2']['planned end']['length']:.2f} ×"
                ),
                lambda f: f["planned end"]["1.5"]["planned end"]["length"] <= 0.70,
            ),
        ),
    ),
    "oracle_agreement": Benchmark(
        "oracle_agreement.py",
        (
            Row(
                "confidence sequences, sample ratios and mixtures: largest difference",
                "gbstats, ssrm-test and confseq on the same sums",
                "1e-9",
                lambda f: "; ".join(
                    f"{name} {one['version']}: {one['largest difference']:.0e} in {one['figures']} figures"
                    for name, one in f.items()
                ),
                lambda f: all(one["largest difference"] <= 1e-9 for one in f.values()),
            ),
        ),
    ),
    "sample_ratio": Benchmark(
        "sample_ratio.py",
        (
            Row(
                "sound splits that alarm, looked at after each of 10,000 units",
                "nominal 0.001",
                "0.001",
                lambda f: (
                    "; ".join(
                        f"{alarms:.4f} at {share.replace('%', ' %')}" for share, alarms in f["mixture"]["sound"].items()
                    )
                    + f"; {f['runs']:,} splits each"
                ),
                lambda f: all(one <= f["nominal"] for one in f["mixture"]["sound"].values()),
            ),
            Row(
                "a split of 53 to 47 that was planned as halves: mean units until the alarm; found within 10,000",
                "ssrm-test's prior, k = 10,000",
                "5,600 units",
                lambda f: " against ".join(
                    f"{f[name]['mean units']:,.0f} units, {f[name]['found']:.0%}" for name in ("mixture", "k = 10,000")
                ),
                lambda f: f["mixture"]["mean units"] <= 5600,
            ),
        ),
    ),
    "rollout-walks": Benchmark(
        "rollout_walks.py",
        (
            Row(
                "random walks of start, exposures, steps, crashes, refused pushes, two controllers, clocks put back",
                "what must hold of shares, units, exposures and rollbacks",
                "1,000 walks, all agree",
                lambda f: f"{f['walks']:,} walks, {f['disagree']} disagree; {f['tags']:,} tags",
                lambda f: f["walks"] >= 1000 and not f["disagree"],
            ),
        ),
    ),
    "taking-back": Benchmark(
        "taking_back.py",
        (
            Row(
                "failures in the log until the share is 0 in every worker; until the tag is pushed",
                "",
                "1 s; 10 s",
                lambda f: (
                    f"{f['seconds']['share is 0']['median']:.2f} s (worst of {f['runs']}: "
                    f"{f['seconds']['share is 0']['worst']:.2f}); {f['seconds']['tag is pushed']['median']:.1f} s "
                    f"({f['seconds']['tag is pushed']['worst']:.1f})"
                ),
                lambda f: f["seconds"]["share is 0"]["worst"] <= 1 and f["seconds"]["tag is pushed"]["worst"] <= 10,
            ),
            Row(
                "`slipway rollback --push` until the old version answers everywhere, with a look each second",
                "",
                "10 s",
                lambda f: (
                    f"{f['seconds']['old version answers']['median']:.1f} s (worst of {f['runs']}: "
                    f"{f['seconds']['old version answers']['worst']:.1f})"
                ),
                lambda f: f["seconds"]["old version answers"]["worst"] <= 10,
            ),
        ),
    ),
    "rollouts": Benchmark(
        "canaries.py",
        (
            Row(
                "equal versions, rolled out from 5 to 80 % under drifting traffic, that are taken back",
                "nominal 0.05; a z-test at every look",
                "0.05",
                lambda f: "; ".join(
                    f"{errors}: {one['e-value']:.3f} against {one['z at every look']:.2f}"
                    for errors, one in f["equal versions"].items()
                ),
                lambda f: all(one["e-value"] <= 0.05 for one in f["equal versions"].values()),
            ),
            Row(
                "the same with users whose errors are alike",
                "nominal 0.05; every request counted",
                "0.05",
                lambda f: "; ".join(
                    f"{what}, correlation {correlation}: {one['units, drawn again']:.3f} against {one['requests']:.2f} "
                    f"(each user once a step: {one['units once a step']:.3f})"
                    for what, of in (("four steps", f["users"]), ("ten", f["users, ten steps"]))
                    for correlation, one in of.items()
                ),
                lambda f: all(
                    one["units, drawn again"] <= 0.05
                    for of in (f["users"], f["users, ten steps"])
                    for one in of.values()
                ),
            ),
            Row(
                "errors that rise from 1 to 2, 5 and 20 %: median requests of the canary until it is taken back",
                "a threshold of 5 % in windows of 100, over 1,000 requests",
                "1,000, 150, 40; none missed",
                lambda f: "; ".join(
                    f"{rate}: {one['median requests']:.0f}, {one['missed']} of {one['of']:,} missed, "
                    f"the threshold finds {one['found by a threshold of 5 % in 1,000 requests']:.0%}"
                    for rate, one in ((rate, f["more errors"][rate]) for rate in ("2%", "5%", "20%"))
                ),
                lambda f: all(
                    f["more errors"][rate]["median requests"] <= most and not f["more errors"][rate]["missed"]
                    for rate, most in (("2%", 1000), ("5%", 150), ("20%", 40))
                ),
            ),
        ),
    ),
    "bandit_coverage": Benchmark(
        "bandit_coverage.py",
        (
            Row(
                "bandit with a floor of 1 %, two equal arms: coverage of the 95 % interval, weighted by propensity",
                "plain means",
                "0.94",
                lambda f: "; ".join(
                    f"rate {rate}: {one['weighted by propensity']:.3f} against {one['plain means']:.3f}"
                    for rate, one in f["coverage"].items()
                ),
                lambda f: all(one["weighted by propensity"] >= 0.94 for one in f["coverage"].values()),
            ),
        ),
    ),
    "swaps": Benchmark(
        "swaps.py",
        (
            Row(
                "the version in production is swapped each second, at 80 % of capacity: requests that fail, and "
                "answers that mix versions",
                "",
                "none in 1,000 swaps",
                lambda f: (
                    f"{sum(f['swapping']['failed'].values())} failed and {f['swapping']['mixed']} mixed of "
                    f"{f['swapping']['requests']:,} in {f['swaps']:,} swaps; a swap takes "
                    f"{f['seconds of a swap']['p50']:.2f} s"
                ),
                lambda f: f["swaps"] >= 1000 and not f["swapping"]["failed"] and not f["swapping"]["mixed"],
            ),
            Row(
                "the same: time of a request, p99",
                "the same load without a swap",
                "2 ×",
                lambda f: (
                    f"{f['swapping']['p99'] / f['quiet']['p99']:.2f} ×: {_latencies(f)}, of {f['capacity']:,.0f} "
                    "requests a second at most"
                ),
                lambda f: f["swapping"]["p99"] <= 2 * f["quiet"]["p99"],
            ),
        ),
    ),
    "sockets": Benchmark(
        "sockets.py",
        (
            Row(
                "two workers that share a socket, 64 connections: requests a second, p99",
                "SO_REUSEPORT: a socket for each worker",
                "(stated)",
                lambda f: " against ".join(
                    f"{f[way]['rate']:,.0f} and {f[way]['p99']:.1f} ms" for way in ("shared", "own")
                ),
                lambda f: True,
            ),
            Row(
                "the same: connections of either worker",
                "the same",
                "(stated)",
                lambda f: " against ".join(
                    f"{f[way]['least']:.0f} and {f[way]['most']:.0f}" for way in ("shared", "own")
                ),
                lambda f: True,
            ),
            Row(
                "the same: requests that fail when a worker is killed and another takes its place; the longest request",
                "the same; sockets that outlive the workers",
                "(stated)",
                lambda f: (
                    " against ".join(f"{f[way]['failed a kill']:.1f} and {f[way]['longest']:,.0f} ms" for way in WAYS)
                    + f", {f['kills']} kills"
                ),
                lambda f: True,
            ),
        ),
    ),
    "soak": Benchmark(
        "soak.py",
        (
            Row(
                "an hour of mixed traffic with promotions, two workers: growth of resident memory in a day, with its "
                "95 % interval",
                "the memory of the workers",
                "the lower end at most 0.1 ×",
                lambda f: (
                    f"{f['slope']['mib_a_day']:.1f} ({f['slope']['low']:.1f} to {f['slope']['high']:.1f}) MiB of "
                    f"{f['memory_mib']:.0f}, {sum(f['answers'].values()):,} answers"
                ),
                lambda f: f["minutes"] >= 60 and f["slope"]["low"] <= f["noise"],
            ),
            Row(
                "the same: open files, threads; answers that are not what they should be",
                "the first third of the time",
                "no more; none",
                lambda f: (
                    "; ".join(
                        f"{f[what]['last']:g} {what} against {f[what]['first']:g}" for what in ("files", "threads")
                    )
                    + f"; {len(f['wrong'])} faults"
                ),
                lambda f: not f["wrong"],
            ),
        ),
    ),
    "exposures": Benchmark(
        "exposures.py",
        (
            Row(
                "exposures that were acknowledged before a worker was killed, 4 workers",
                "the lines of the logs; the rows of the index",
                "none lost in 1,000 kills",
                lambda f: f"{f['lost']} lost in {f['kills']:,} kills; {f['indexed']:,} rows of {f['written']:,} lines",
                lambda f: f["kills"] >= 1000 and f["lost"] == 0 and f["indexed"] == f["written"],
            ),
            Row(
                "an exposure in the log, p50",
                "a commit of its own in SQLite; a row of the state store in a batch of 500",
                "30 µs",
                lambda f: (
                    f"{f['log']['p50']:.1f} µs (p99 {f['log']['p99']:.1f}, CPU {f['log']['cpu']:.1f}) against "
                    f"{f['commit']['p50']:.1f} µs (p99 {f['commit']['p99']:.1f}, CPU {f['commit']['cpu']:.1f}); "
                    f"{f['batch']:.1f} µs"
                ),
                lambda f: f["log"]["p50"] <= 30,
            ),
        ),
    ),
    "assignment": Benchmark(
        "assignment.py",
        (
            Row(
                "the arm of a unit, with a layer, p99",
                "one SHA-256 of the unit",
                "20 µs",
                lambda f: " against ".join(
                    f"{f['microseconds'][what]['p99']:.1f} µs (p50 {f['microseconds'][what]['p50']:.1f})"
                    for what in ("assignment", "one SHA-256")
                ),
                lambda f: f["microseconds"]["assignment"]["p99"] <= 20,
            ),
            Row(
                "the same: arms uniform, pairs of experiments independent; least p of chi-square by Holm's method",
                "",
                "0.001",
                lambda f: (
                    f"{f['uniform p']:.3f} and {f['independent p']:.3f}, {f['units']:,} units, {f['pairs']} pairs"
                ),
                lambda f: min(f["uniform p"], f["independent p"]) >= 0.001,
            ),
        ),
    ),
}


def _range(figures: Figures, test: str) -> str:
    """The least and the largest share of runs in which a test shows a difference between equal arms."""
    shares = [one[test] for one in figures["equal"].values()]
    return f"{min(shares):.3f} to {max(shares):.3f}"


def _by_variant(figures: Figures, text: Callable[[Figures], str]) -> str:
    return "; ".join(f"`{variant}` {text(one)}" for variant, one in figures["variants"].items())


def _interval(figures: Figures, metric: str) -> str:
    one = figures["metrics"][metric]
    return f"{one['value']:.3f} ({one['low']:.3f} to {one['high']:.3f})"


def main() -> None:
    """Run the benchmarks, keep their outputs, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    names = parser.parse_args().names or list(BENCHMARKS)
    if unknown := sorted(set(names) - set(BENCHMARKS)):
        parser.error(f"no benchmark {unknown[0]}; there are {', '.join(BENCHMARKS)}")
    console = Console(stderr=True)
    for name in names:
        script, *arguments = BENCHMARKS[name].command.split()
        console.print(f"benchmarks/{BENCHMARKS[name].command}")
        command = [sys.executable, str(ROOT / "benchmarks" / script), *arguments]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        if not done.stdout:  # one that misses its goal prints its figures before it ends with 1
            done.check_returncode()
        kept = {"figures": json.loads(done.stdout), "machine": latency.fingerprint()}
        atomic.write_json(RESULTS / f"{name}.json", kept)
        atomic.write_text(PAGE, page())


def page() -> str:
    """docs/benchmarks.md from the last results."""
    lines = [
        "# Benchmarks",
        "",
        "`make bench` writes this page; `python benchmarks/run.py NAME` runs one benchmark. Both figures of a row come",
        "from one run of one script in benchmarks/. The output of the scripts is in benchmarks/results/. Latencies are",
        "medians.",
        "",
        "| what | compared with | target | result | reached |",
        "| --- | --- | --- | --- | --- |",
    ]
    machines: list[Figures] = []
    missed: list[str] = []
    for name, benchmark in BENCHMARKS.items():
        path = RESULTS / f"{name}.json"
        if not path.exists():
            continue
        kept = json.loads(path.read_text())
        if kept["machine"] not in machines:
            machines.append(kept["machine"])
        for row in benchmark.rows:
            if row.needs not in ("", *kept["figures"]):
                continue
            reached = row.reached(kept["figures"])
            answer = "" if row.goal == "(stated)" else "yes" if reached else "**no**"
            lines.append(
                f"| {row.what} | {row.compared_with} | {row.goal} | {row.result(kept['figures'])} | {answer} |"
            )
            if not reached:
                missed.append(f"- {row.what}: {row.tried}.")
    lines += ["", "What was tried where a target is not reached:", "", *missed, "", "Measured on:", ""]
    for machine in machines:
        libraries = ", ".join(f"{name} {version}" for name, version in sorted(machine["libraries"].items()))
        lines.append(
            f"- {machine['processor']}, {machine['threads']} threads, {machine['memory_gib']:.0f} GiB, "
            f"{machine['system']}, Python {machine['python']}; {libraries}"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
