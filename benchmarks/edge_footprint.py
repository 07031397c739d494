"""The footprint of slipway-edge on a device: disk space, and time and memory to load an image model.

    python benchmarks/edge_footprint.py [--release models/base-ad-detector] [--rounds 9]

The wheel is installed from ./edge into a new environment, which needs a network or local wheels. Seconds and memory are
in addition to those of an idle Python; they are medians of the rounds. Prints one JSON object.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ALLOWED = {"slipway_edge", "numpy", "ai_edge_litert", "PIL"}
BARE = """
import json, resource, sys
print(json.dumps([0.0, 0.0, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, []]))
"""
LOADED = """
import json, resource, sys, time
began, worked = time.perf_counter(), time.process_time()
from pathlib import Path
{program}
seconds, processor = time.perf_counter() - began, time.process_time() - worked
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
names = {{name.partition(".")[0] for name in sys.modules}} - set(sys.stdlib_module_names) - {{"__main__"}}
print(json.dumps([seconds, processor, memory, sorted(names)]))
"""
PREDICTOR = "from slipway_edge.predictor import Predictor; Predictor.load(Path({release!r}))"
LITERT = "from ai_edge_litert import interpreter"


def main() -> None:
    """Install, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--release", type=Path, default=ROOT / "models" / "base-ad-detector")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    if not (options.release / "model.tflite").is_file():
        raise SystemExit(f"{options.release}: no model.tflite; run `dvc pull` or `make repro` first")
    with tempfile.TemporaryDirectory() as folder:
        packages, python = Path(folder) / "packages", Path(folder) / "device" / "bin" / "python"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", Path(folder) / "device"], check=True)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile"]
        subprocess.run([*pip, "--target", str(packages), str(ROOT / "edge")], check=True)
        disk = sum(path.stat().st_blocks * 512 for path in packages.rglob("*") if path.is_file())
        load = PREDICTOR.format(release=str(options.release.resolve()))
        seconds, processor, memory, names = _median(python, packages, LOADED.format(program=load), options.rounds)
        *_, bare, _ = _median(python, packages, BARE, options.rounds)
        *_, litert = _median(python, packages, LOADED.format(program=LITERT), 1)
    figures = {
        "disk_mb": round(disk / 1e6, 1),
        "load_seconds": round(seconds, 3),
        "load_processor_seconds": round(processor, 3),
        "memory_mib": round(memory - bare, 1),
        "not_allowed": sorted(set(names) - ALLOWED - set(litert)),
    }
    print(json.dumps(figures, indent=1))


def _median(python: Path, packages: Path, program: str, rounds: int) -> tuple[float, float, float, list[str]]:
    """Seconds, processor seconds, peak memory in MiB, and imported packages; without the first run, which compiles."""
    results = []
    for _ in range(rounds + 1):
        done = subprocess.run(
            [python, "-c", program], env={"PYTHONPATH": str(packages)}, capture_output=True, text=True, check=True
        )
        results.append(json.loads(done.stdout))
    seconds, processor, memory = (statistics.median(one[at] for one in results[1:]) for at in range(3))
    return seconds, processor, memory, results[-1][3]


if __name__ == "__main__":
    main()
