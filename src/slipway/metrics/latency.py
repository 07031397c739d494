"""Measure models: load time, latency, throughput, peak memory and size.

All models to be compared are measured in one run. Calls are timed in turns: a block of calls of one model, a block of
the next, and so on in rounds. So a busy machine slows all models equally, and within a block the caches are as warm as
in continuous use. Start and memory are measured in a fresh process for each model, which has imported nothing before.

A model is given by the function that loads it ("package.module:function", which takes a path and returns a callable
over inputs [n, *shape]), so that the fresh process can also time the import.
"""

import gc
import importlib.metadata
import json
import os
import pkgutil
import platform
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from slipway.core.errors import ModelError

BLOCK = 10
"""Calls of one model in a row, before the next model's turn."""
PATIENCE = 0.5
"""Seconds after which a model gets no more blocks in a measurement; it gets at least one."""
WARMUP = 0.25
"""Seconds after which the warm-up of a model for a measurement ends, however few calls were made."""
LIBRARIES = ("ai-edge-litert", "catboost", "keras", "numpy", "tensorflow")

Predict = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Candidate:
    """One model to measure.

    `load` names the function that loads `path` (a file or a folder), as `load(path, n)` for each n of `threads`.
    """

    name: str
    load: str
    path: Path
    threads: tuple[int, ...]


def tflite(name: str, path: Path) -> Candidate:
    """Return the candidate of a TFLite file in the runtime that ships, on one thread and on all."""
    return Candidate(name, "slipway_edge.interpreter:Interpreter", path, one_and_all())


def one_and_all() -> tuple[int, ...]:
    """Return the numbers of threads to measure with."""
    return tuple(sorted({1, processors()}))


def measure(
    candidates: Sequence[Candidate], inputs: np.ndarray, *, runs: int, warmup: int, batch: int
) -> dict[str, dict[str, Any]]:
    """Measure all candidates on encoded `inputs` [n, *shape] and return by name, as JSON values:

    - `size_bytes`: of the file, or of all files in the folder;
    - `start`: in a fresh process, `import_ms`, `load_ms`, `first_ms` (the first prediction), and `memory_bytes`: the
      increase of the process's peak memory over bare Python with NumPy, up to one batch on the most threads;
    - `single` and `batch`, each by threads ("1" or "8"): `rows` per call, `calls`,
      `mean_ms`, `p50_ms`, `p95_ms`, `p99_ms` per call, and `rows_per_second`.

    `runs` calls are timed (fewer if they take more than `PATIENCE` seconds), after `warmup` calls (fewer if they take
    more than `WARMUP` seconds).

    Raises:
        ModelError: a candidate cannot be loaded or does not run.
    """
    results: dict[str, dict[str, Any]] = {
        candidate.name: {"size_bytes": size(candidate.path), "start": _start(candidate, inputs, batch)}
        for candidate in candidates
    }
    loaded: dict[tuple[str, str], Predict] = {}
    for candidate in candidates:
        load = pkgutil.resolve_name(candidate.load)
        for count in candidate.threads:
            loaded[candidate.name, str(count)] = load(candidate.path, count)
    for kind, rows in (("single", 1), ("batch", batch)):
        times = _times(list(loaded.values()), inputs, rows, runs, warmup)
        for (name, threads), seconds in zip(loaded, times, strict=True):
            results[name].setdefault(kind, {})[threads] = _summary(seconds, rows)
    return results


def fingerprint() -> dict[str, Any]:
    """Return what the times depend on: processor, cores, memory, system, Python and libraries, but no machine name."""
    versions: dict[str, str | None] = {}
    for library in LIBRARIES:
        try:
            versions[library] = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:
            versions[library] = None
    return {
        "processor": _processor(),
        "cores": psutil.cpu_count(logical=False),
        "threads": processors(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "libraries": versions,
    }


def processors() -> int:
    """Return the number of hardware threads that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def size(path: Path) -> int:
    """Return the size in bytes of a file, or of all files below a folder."""
    return path.stat().st_size if path.is_file() else sum(f.stat().st_size for f in path.rglob("*") if f.is_file())


def _times(predicts: Sequence[Predict], inputs: np.ndarray, rows: int, runs: int, warmup: int) -> list[np.ndarray]:
    """Seconds of each call for each of `predicts`, in turns of `BLOCK` calls, over changing rows of `inputs`."""
    calls = [inputs.take(range(i * rows, (i + 1) * rows), axis=0, mode="wrap") for i in range(min(runs, 64))]
    for predict in predicts:
        begin = time.perf_counter()
        for call in range(warmup):
            if time.perf_counter() - begin > WARMUP:
                break
            predict(calls[call % len(calls)])
    seconds: list[list[float]] = [[] for _ in predicts]
    collecting = gc.isenabled()
    gc.disable()
    gc.freeze()  # gc.collect() after every block need not scan the objects of the libraries
    try:
        for first in range(0, runs, BLOCK):
            for predict, taken in zip(predicts, seconds, strict=True):
                if sum(taken) > PATIENCE:
                    continue
                predict(calls[first % len(calls)])  # loads the model back into the caches
                for call in range(first, min(first + BLOCK, runs)):
                    begin = time.perf_counter()
                    predict(calls[call % len(calls)])
                    taken.append(time.perf_counter() - begin)
            gc.collect()
    finally:
        gc.unfreeze()
        if collecting:
            gc.enable()
    return [np.array(taken) for taken in seconds]


def _summary(seconds: np.ndarray, rows: int) -> dict[str, float]:
    p50, p95, p99 = np.percentile(seconds, [50, 95, 99]) * 1e3
    return {
        "rows": rows,
        "calls": len(seconds),
        "mean_ms": float(seconds.mean() * 1e3),
        "p50_ms": float(p50),
        "p95_ms": float(p95),
        "p99_ms": float(p99),
        "rows_per_second": float(rows / seconds.mean()),
    }


def _start(candidate: Candidate, inputs: np.ndarray, batch: int) -> dict[str, float]:
    """The result of `_child` in a fresh process."""
    with tempfile.TemporaryDirectory() as folder:
        rows, result = Path(folder) / "inputs.npy", Path(folder) / "result.json"
        np.save(rows, inputs.take(range(batch), axis=0, mode="wrap"))
        command = [
            sys.executable,
            "-m",
            __name__,
            str(rows),
            str(result),
            candidate.load,
            str(candidate.path),
            str(max(candidate.threads)),
        ]
        finished = subprocess.run(command, capture_output=True, text=True, check=False)
        if finished.returncode:
            last = (finished.stderr.strip().splitlines() or ["no message"])[-1]
            raise ModelError(f"{candidate.path}: {candidate.name} does not run in a fresh process: {last}")
        measured: dict[str, float] = json.loads(result.read_bytes())
        return measured


def _child(rows: str, result: str, load: str, path: str, threads: str) -> None:
    inputs = np.load(rows)
    before = _peak_memory()
    begin = time.perf_counter()
    function = pkgutil.resolve_name(load)
    imported = time.perf_counter()
    predict = function(Path(path), int(threads))
    loaded = time.perf_counter()
    predict(inputs[:1])
    first = time.perf_counter()
    predict(inputs)
    measured = {
        "import_ms": (imported - begin) * 1e3,
        "load_ms": (loaded - imported) * 1e3,
        "first_ms": (first - loaded) * 1e3,
        "memory_bytes": _peak_memory() - before,
    }
    Path(result).write_text(json.dumps(measured))


def _peak_memory() -> int:
    """The peak resident memory of this process, in bytes."""
    status = Path("/proc/self/status")
    # On Linux, getrusage includes the peak of the process that started this one.
    found = re.search(r"VmHWM:\s*(\d+) kB", status.read_text()) if status.exists() else None
    if found:
        return int(found.group(1)) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS


def _processor() -> str:
    """The processor with its family, model and caches: kernels depend on them, and virtual machines hide the name."""
    path = Path("/proc/cpuinfo")
    fields = dict(re.findall(r"^(.+?)\s*: (.+)$", path.read_text().split("\n\n")[0], re.M)) if path.exists() else {}
    details = [f"{name} {fields[key]}" for name, key in (("family", "cpu family"), ("model", "model")) if key in fields]
    details += [
        f"L{size.with_name('level').read_text().strip()} {size.read_text().strip()}"
        for size in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index[23]/size"))
    ]
    name = fields.get("model name", platform.processor() or platform.machine()).strip()
    return f"{name} ({', '.join(details)})" if details else name


if __name__ == "__main__":
    _child(*sys.argv[1:])
