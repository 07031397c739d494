"""The repository built in profile smoke by `dvc repro`, as a user builds it, for tests to look at and to copy.

Two variants are left out, which run the code of others on other data: every task and a transfer remain.
"""

import json
import os
import subprocess
from pathlib import Path

import yaml

LEFT_OUT = ("cricket-shot-detector", "news-ad-detector")
TASKS = {
    name: one["task"]
    for name, one in yaml.safe_load(Path("params.yaml").read_text())["all"].items()
    if name not in LEFT_OUT
}
VARIANTS = list(TASKS)
PICTURES, TABLE = "base-ad-detector", "demand-predictor"
RECORDER = '''
"""Writes the modules of slipway that a stage had imported when it ended."""
import atexit, json, os, sys

def write():
    ours = ("slipway", "slipway_edge")
    names = [m.__file__ for n, m in sorted(sys.modules.items()) if n.split(".")[0] in ours and m.__file__]
    argv = [part for part in sys.orig_argv if part.startswith("slipway.stages.")]
    if argv and len(sys.argv) > 1:
        path = os.path.join(os.environ["LOADED"], f"{argv[0].split('.')[-1]}@{sys.argv[1]}@{os.getpid()}.json")
        with open(path, "w") as file:
            json.dump(names, file)

if "LOADED" in os.environ:
    atexit.register(write)
'''


def sh(command: str, cwd: Path, check: bool = True, **environment: str) -> str:
    """Run a command; its output."""
    done = subprocess.run(
        command, shell=True, cwd=cwd, capture_output=True, text=True, env={**os.environ, **environment}
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0 or not check, f"{command} ended with {done.returncode}:\n{output[-6000:]}"
    return output


def outputs(root: Path) -> dict[str, str]:
    """The hash of every output in dvc.lock but benchmark.json, by path."""
    lock = yaml.safe_load((root / "dvc.lock").read_text())
    return {
        out["path"]: out["md5"]
        for stage in lock["stages"].values()
        for out in stage["outs"]
        if not out["path"].endswith("/benchmark.json")
    }


def stale(root: Path) -> list[str]:
    """Stages whose dependencies have changed."""
    return sorted(json.loads(sh("dvc status --json", root)))


def build(root: Path) -> None:
    """Build the variants in `root`, a scratch copy; `loaded/` beside it says what each stage imported."""
    for name in ("hook", "loaded"):
        (root.parent / name).mkdir()
    (root.parent / "hook" / "sitecustomize.py").write_text(RECORDER)
    top = root / "params.yaml"
    lines = [line for line in top.read_text().splitlines() if not line.strip().startswith(LEFT_OUT)]
    top.write_text("\n".join(lines).replace("profile: demo", "profile: smoke") + "\n")
    (root / "dvc.lock").unlink()  # of another profile; DVC rewrites all of it after every stage
    sh("dvc repro", root, PYTHONPATH=str(root.parent / "hook"), LOADED=str(root.parent / "loaded"))
    sh("git add -A && git commit -q -m built", root)
