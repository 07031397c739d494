"""Peak memory and disk space of the preparation of many JPEG frames, in a separate process.

    python benchmarks/preparing.py [--frames 50000] [--side 224]

The frames are 2,000 frames of simulated television, repeated under new names, so that the benchmark spends little time
on drawing. Prints one JSON object.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from slipway.metrics.latency import size
from slipway.simulators.tv import World, simulate

DRAWN = 2000
CHILD = """
import re, sys
from pathlib import Path
from slipway.core.config import Checks, Split
from slipway.data.preparation import prepare
from slipway.tasks.image_classification import Data, Task
place, side = Path(sys.argv[1]), int(sys.argv[2])
task = Task(Data(height=side, width=side))
prepare(task, place / "raw", place / "prepared", place / "report.json", Split(), Checks(), 0)
print(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


def main() -> None:
    """Draw, repeat, prepare, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=50_000)
    parser.add_argument("--side", type=int, default=224)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        (place / "drawn").mkdir()
        simulate(World(frames=min(DRAWN, options.frames)), 0, place / "drawn")
        frames = sorted(place.glob("drawn/*/*.jpg"))
        for number in range(options.frames):
            source = frames[number % len(frames)]
            target = place / "raw" / source.parent.name / f"{number // len(frames):03d}_{source.name}"
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(source, target)
        began = time.perf_counter()
        command = [sys.executable, "-c", CHILD, str(place), str(options.side)]
        peak = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1]
        seconds = time.perf_counter() - began
        figures = {
            "frames": options.frames,
            "side": options.side,
            "seconds": round(seconds, 1),
            "peak_memory_gb": round(int(peak) * 1024 / 1e9, 3),
            "raw_gb": round(size(place / "raw") / 1e9, 3),
            "prepared_gb": round(size(place / "prepared") / 1e9, 3),
        }
        shutil.rmtree(place / "raw")
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
