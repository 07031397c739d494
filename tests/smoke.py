"""The repository built in profile smoke, as `make repro` builds it, for tests to read and to copy.

Two variants are left out, because they run the same code as others on other data: every task and a transfer remain. The
DVC cache of the last build, with its run cache, is kept under .dvc/tmp, so that only stages with changed code rerun.
"""

import hashlib
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import chdir
from pathlib import Path

import yaml
from filelock import FileLock

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / ".dvc" / "tmp" / "smoke"
MOST_KEPT = 1 << 30
"""Size in bytes above which the cache is not kept."""

LEFT_OUT = ("cricket-shot-detector", "news-ad-detector")
TASKS = {
    name: one["task"]
    for name, one in yaml.safe_load(Path("params.yaml").read_text())["all"].items()
    if name not in LEFT_OUT
}
VARIANTS = list(TASKS)
PICTURES, SOUNDS, TABLE = "base-ad-detector", "wildlife-detector", "demand-predictor"
"""Variants to try things on. The network of `SOUNDS` is the smallest, so it is the one to train again."""
RECORDER = '''
"""Writes the modules of slipway that a stage had imported when it ended."""
import atexit, json, os, sys

def write():
    ours = ("slipway", "slipway_edge")
    names = [m.__file__ for n, m in sorted(sys.modules.items()) if n.split(".")[0] in ours and m.__file__]
    names = [os.path.relpath(name) for name in names]
    argv = [part for part in sys.orig_argv if part.startswith("slipway.stages.")]
    if argv and len(sys.argv) > 1:
        path = os.path.join(os.environ["LOADED"], f"{argv[0].split('.')[-1]}@{sys.argv[1]}.json")
        with open(path, "w") as file:
            json.dump(names, file)

if "LOADED" in os.environ:
    atexit.register(write)
'''


def sh(command: str, cwd: Path, check: bool = True, **environment: str) -> str:
    """Run a command in a shell, and return its output."""
    done = subprocess.run(
        command, shell=True, cwd=cwd, capture_output=True, text=True, env={**os.environ, **environment}
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0 or not check, f"{command} ended with {done.returncode}:\n{output[-6000:]}"
    return output


def outputs(root: Path) -> dict[str, str]:
    """Return the hash of every output in dvc.lock by path, except benchmark.json."""
    lock = yaml.safe_load((root / "dvc.lock").read_text())
    return {
        out["path"]: out["md5"]
        for stage in lock["stages"].values()
        for out in stage["outs"]
        if not out["path"].endswith("/benchmark.json")
    }


def stale(root: Path) -> list[str]:
    """Return the stages whose dependencies have changed."""
    from dvc.repo import Repo  # in this process: a separate process takes a second to start

    with chdir(root), Repo() as repo:
        return sorted(repo.status())


def build(root: Path) -> None:
    """Build the variants in `root`, a scratch copy; `loaded/` next to it records the imports of each stage."""
    hook, loaded, cache = root.parent / "hook", root.parent / "loaded", root / ".dvc" / "cache"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text((ROOT / "tests/processes/sitecustomize.py").read_text() + RECORDER)
    top = root / "params.yaml"
    lines = [line for line in top.read_text().splitlines() if not line.strip().startswith(LEFT_OUT)]
    top.write_text("\n".join(lines).replace("profile: demo", "profile: smoke") + "\n")
    (root / "dvc.lock").unlink()  # it is for another profile, and DVC rewrites it completely after every stage
    kept = KEPT / hashlib.sha256((ROOT / "requirements" / "dev.lock").read_bytes()).hexdigest()[:16]
    KEPT.parent.mkdir(exist_ok=True)
    with FileLock(f"{KEPT}.lock"):
        for name, here in (("cache", cache), ("loaded", loaded)):
            shutil.copytree(kept / name, here) if kept.exists() else here.mkdir(parents=True)
        if kept.exists():  # the evaluate stage cannot declare its dvc.yaml, so DVC's cache does not have it
            shutil.copytree(kept / "reports", root / "reports", dirs_exist_ok=True)
    environment = {"PYTHONPATH": str(hook), "LOADED": str(loaded)}
    sh("dvc repro code", root, **environment)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda command: sh(command, root, **environment), _by_variant(root)))
    sh("dvc repro", root, **environment)
    sh("dvc commit --force", root)  # otherwise DVC caches no run of a stage with outputs in Git
    sh("git add -A && git commit -q -m built", root)
    with FileLock(f"{KEPT}.lock"):
        shutil.rmtree(KEPT, ignore_errors=True)
        if sum(path.stat().st_size for path in cache.rglob("*") if path.is_file()) <= MOST_KEPT:
            for name, here in (("cache", cache), ("loaded", loaded)):
                shutil.copytree(here, KEPT / "unfinished" / name)
            for path in sorted((root / "reports").glob("*/dvc.yaml")):
                to = KEPT / "unfinished" / path.relative_to(root)
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, to)
            (KEPT / "unfinished").rename(kept)


def _by_variant(root: Path) -> list[str]:
    """Return the commands that `make repro` runs in parallel, one per variant up to its TFLite; without transfers."""
    stages = sh("dvc stage list --name-only", root).split()
    built: dict[str, list[str]] = {}
    for stage in stages:
        name, _, variant = stage.partition("@")
        if variant and name not in ("benchmark", "register"):
            built.setdefault(variant, []).append(stage)
    return [
        f"dvc --wait-for-lock repro --single-item {' '.join(of)}"
        for variant, of in built.items()
        if f"train@{variant}" in of
    ]
