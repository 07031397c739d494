"""The recipes of `slipway new` beside plain baselines, on the same splits of real recordings, by number of examples.

In a clone of the current commit, for each number of examples and each seed: draw that many examples that are not in
the test split, which stays the same, with a split into train and val; run `slipway new --baseline`, with nothing
edited, all stages up to `evaluate`, and the stage `baseline`, which trains the baseline of the task
(benchmarks/baselines) on the same prepared splits. The seconds are those of two processes, the stage `train` and the
script of the baseline, which also scores its predictions.

    python benchmarks/recipes.py fouls
    python benchmarks/recipes.py pitch-objects
    python benchmarks/recipes.py sounds
    python benchmarks/recipes.py balls
    python benchmarks/recipes.py pedestrians
    python benchmarks/recipes.py fouls --examples 300

The recordings are in the folder that SLIPWAY_SHARED names (../shared by default). Prints one JSON object. A run that
was stopped repeats only what had not ended: the figures are kept in `.dvc/tmp/recipes`.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from real_data import TEST_SESSIONS
from slipway import tasks
from slipway.core import atomic
from slipway.core.metric import Metric

ROOT = Path(__file__).resolve().parents[1]
RECORDINGS = Path(os.environ.get("SLIPWAY_SHARED", ROOT.parent / "shared")) / "data"
KEPT = ROOT / ".dvc" / "tmp" / "recipes"
SEEDS = (1, 2, 3)
VAL = 0.2
"""The share of the drawn examples that is val: of their groups, where these are known."""
ATTEMPTS = 1000
"""How many random divisions into train and val are tried."""


@dataclass(frozen=True)
class Recordings:
    """Real recordings: a task, and how a part of them is laid out as a user's own data.

    `lay_out` takes a folder, the number of examples to draw (None: all) and a seed. It returns the arguments of
    `slipway new` after the name.
    """

    task: str
    sizes: tuple[int | None, ...]
    lay_out: Callable[[Path, int | None, int], list[str]]

    @property
    def metric(self) -> Metric:
        """The main metric of the task."""
        kind = tasks.kind(self.task)
        return tasks.metrics(self.task)[cast("tuple[str, ...]", kind.headline)[0]]


def fouls(folder: Path, examples: int | None, seed: int) -> list[str]:
    """Whether a foul was a hand ball; the test is a fifth of the matches."""
    table = pd.read_csv(RECORDINGS / "fouls" / "fouls.csv.gz").drop(columns=["event_id"])
    table["hand"] = (table.pop("label") == "Hand foul").astype(int)
    matches = np.random.default_rng(0).permutation(table["match_id"].unique())
    tested = table["match_id"].isin(matches[: len(matches) // 5])
    others = table[~tested]
    drawn = others if examples is None else others.sample(examples, random_state=seed)
    path = folder / "fouls.csv"
    sides = [_sides(drawn["match_id"], drawn["hand"], seed), pd.Series("test", table.index[tested])]
    pd.concat([drawn, table[tested]]).assign(split=pd.concat(sides)).to_csv(path, index=False)
    return ["--data", str(path), "--target", "hand", "--group", "match_id"]


def pitch_objects(folder: Path, examples: int | None, seed: int) -> list[str]:
    """Objects on a robots' pitch; the test is two sessions of ten."""
    files = sorted((RECORDINGS / "pitch-objects").glob("*/*.jpg"))
    sessions = pd.Series([path.name.split("_")[0] for path in files])
    _copy(folder / "pictures", files, sessions, sessions.isin(TEST_SESSIONS), examples, seed)
    return ["--data", str(folder / "pictures")]


def sounds(folder: Path, examples: int | None, seed: int) -> list[str]:
    """Ten kinds of sound (ESC-10); the test is the fifth fold."""
    files = sorted((RECORDINGS / "sounds").glob("*/*.ogg"))
    recordings = pd.Series(["-".join(path.stem.split("-")[:2]) for path in files])
    _copy(folder / "sounds", files, recordings, recordings.str.startswith("5"), examples, seed)
    return ["--data", str(folder / "sounds")]


def balls(folder: Path, examples: int | None, seed: int) -> list[str]:
    """The ball on a robots' pitch; the test is two sessions of ten."""
    files = sorted((RECORDINGS / "balls" / "images").glob("*.jpg"))
    sessions = pd.Series([path.name.split("_")[0] for path in files])
    _copy(folder / "balls", files, sessions, sessions.isin(TEST_SESSIONS), examples, seed)
    (folder / "balls" / "labels").mkdir()
    for path in (folder / "balls" / "images").iterdir():
        shutil.copy(RECORDINGS / "balls" / "labels" / f"{path.stem}.txt", folder / "balls" / "labels")
    return ["--data", str(folder / "balls")]


def pedestrians(folder: Path, examples: int | None, seed: int) -> list[str]:
    """Pedestrians by the hour in Melbourne: the last hours of one place, drawn from those with three years, or all.

    The test is the last 15 % of the hours, as `slipway new` splits series. Hours without a count or a place are left
    out.
    """
    table = pd.read_csv(RECORDINGS / "demand" / "demand.csv.gz").dropna(subset=["place_id", "demand"])
    if examples is not None:
        hours = table.groupby("place_id")["timestamp"].agg(["min", "max"])
        whole = hours.index[(hours["min"] == hours["min"].min()) & (hours["max"] == hours["max"].max())]
        place = np.random.default_rng(seed).choice(whole)
        table = table[table["place_id"] == place].sort_values("timestamp").tail(examples)
    table.to_csv(folder / "pedestrians.csv", index=False)
    return ["--data", str(folder / "pedestrians.csv"), "--target", "demand"]


SETS = {
    "fouls": Recordings("tabular_classification", (300, 1000, 1500, None), fouls),
    "pitch-objects": Recordings("image_classification", (300, 1000, 1500, None), pitch_objects),
    "sounds": Recordings("audio_classification", (300, None), sounds),
    "balls": Recordings("object_detection", (300, None), balls),
    "pedestrians": Recordings("tabular_regression", (300, 1000, 1500, None), pedestrians),
}


def _copy(
    folder: Path, files: Iterable[Path], groups: pd.Series, tested: pd.Series, examples: int | None, seed: int
) -> None:
    """Link the drawn files and those of the test, in the folders of their classes, with metadata.csv."""
    index = pd.DataFrame({"file": list(files), "group": groups})
    index["class"] = [path.parent.name for path in index["file"]]
    others = index[~tested]
    drawn = others if examples is None else others.sample(examples, random_state=seed)
    index = pd.concat(
        [drawn.assign(split=_sides(drawn["group"], drawn["class"], seed)), index[tested].assign(split="test")]
    ).sort_index()
    index["path"] = [f"{path.parent.name}/{path.name}" for path in index["file"]]
    for file, name in zip(index["file"], index["path"], strict=True):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, folder / name)
    index[["path", "group", "split"]].to_csv(folder / "metadata.csv", index=False)


def _sides(groups: pd.Series, classes: pd.Series, seed: int) -> pd.Series:
    """`val` for the groups that make `VAL` of the examples, `train` for the others; both sides have every class."""
    for attempt in range(ATTEMPTS):
        order = np.random.default_rng([seed, attempt]).permutation(groups.unique())
        sizes = groups.value_counts().loc[order].cumsum()
        val = groups.isin(sizes.index[: max(1, int((sizes <= VAL * len(groups)).sum()))])
        if set(classes[val]) == set(classes[~val]):
            return val.map({True: "val", False: "train"})
    sys.exit(f"no division of {groups.nunique()} groups in {ATTEMPTS} has every class on both sides")


def measure(clone: Path, name: str, examples: int | None, seed: int) -> dict[str, Any]:
    """Build the recipe and the baseline once; return the score and the seconds of both."""
    recordings = SETS[name]
    with tempfile.TemporaryDirectory() as temporary:
        new = recordings.lay_out(Path(temporary), examples, seed)
        run(clone, "git", "reset", "-q", "--hard")
        run(clone, "git", "clean", "-qfd")
        top = clone / "params.yaml"
        top.write_text(top.read_text().replace("\nseed: 7", f"\nseed: {seed}"))
        run(clone, "slipway", "new", "own", "--task", recordings.task, "--baseline", *new)
        run(clone, "dvc", "repro", "prepare@own")
        script = f"benchmarks/baselines/{SETS[name].task}.py"
        seconds = timed(clone, "-m", "slipway.stages.train", "own"), timed(clone, script, "own")
        run(clone, "dvc", "commit", "--force", "train@own", "baseline@own")
        run(clone, "dvc", "repro", "--single-item", "evaluate@own")
        scores, plain = (
            json.loads((clone / "reports" / "own" / f"{name}.json").read_text()) for name in ("metrics", "baseline")
        )
        run(clone, "slipway", "remove", "own", "--force")
    return {
        "recipe": {"score": scores[plain["metric"]], "seconds": seconds[0]},
        "baseline": {"score": plain["value"], "seconds": seconds[1]},
    }


def timed(clone: Path, *arguments: str) -> float:
    """Run Python in the clone, and return the seconds of the whole process, with its imports."""
    began = time.perf_counter()
    run(clone, sys.executable, *arguments)
    return time.perf_counter() - began


def run(clone: Path, *command: str) -> str:
    """Run a command in the clone with its code, and return its output."""
    environment = {
        **os.environ,
        "MLFLOW_TRACKING_URI": "",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": f"{clone}/src{os.pathsep}{clone}/edge/src",
    }
    done = subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The mean of the seeds for the recipe and the baseline, with the standard error of the score."""
    return {
        who: {
            "score": statistics.mean(one[who]["score"] for one in runs),
            "standard_error": statistics.stdev(one[who]["score"] for one in runs) / len(runs) ** 0.5,
            "seconds": statistics.mean(one[who]["seconds"] for one in runs),
        }
        for who in ("recipe", "baseline")
    }


def main() -> None:
    """Measure every size with every seed, and print the means."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("set", choices=sorted(SETS))
    parser.add_argument("--examples", help="one of the sizes of the set; all: every example")
    chosen = parser.parse_args()
    recordings = SETS[chosen.set]
    sizes = {"all" if size is None else str(size): size for size in recordings.sizes}
    if chosen.examples:
        sizes = {chosen.examples: sizes[chosen.examples]}
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    figures = {}
    with tempfile.TemporaryDirectory() as temporary:
        clone = Path(temporary) / "clone"
        subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
        for label, size in sizes.items():
            runs = []
            for seed in SEEDS:
                kept = KEPT / commit.stdout.strip() / f"{chosen.set}-{label}-{seed}.json"
                if not kept.exists():
                    kept.parent.mkdir(parents=True, exist_ok=True)
                    atomic.write_json(kept, measure(clone, chosen.set, size, seed))
                runs.append(json.loads(kept.read_text()))
                print(chosen.set, label, seed, runs[-1], file=sys.stderr, flush=True)
            figures[label] = summary(runs)
    print(json.dumps({"metric": recordings.metric.name, "sizes": figures}, indent=2))


if __name__ == "__main__":
    main()
