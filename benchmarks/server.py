"""Server CPU a row, a picture and a forecast of `slipway serve`, beside MLflow, LitServe and loops; prints JSON.

    python benchmarks/server.py [--requests 2000] [--rounds 5]

The model of rows is 500 trees of depth 6 on 69 features, one row a request, with a token, the log and the measures. It
is asked by nobody in particular, and by users who take part in an experiment with a second model like it. MLflow
serves the same release by its pyfunc, of encoded features, and LitServe by its `Predictor`, of the same rows: as it
comes, one by one, and with the rows of a millisecond together. The client keeps 1, 8 or 64 connections busy from a
process of its own; all servers are asked in turn, one worker each. CPU time is that of all processes of a server. A
picture is a JPEG of 640 x 480 pixels, for EfficientNet-Lite0 in INT8 at 224 px with random weights. Rows and pictures
are also compared with `Predictor.predict` on the same example in a loop. A forecast is of 24 hours of one place, from
400 days of nine places that the server keeps, beside `Predictor.predict` on the table with all rows.

LitServe is installed into an environment of its own, in `.dvc/tmp/litserve`. If that fails, its figures are missing.
"""

import argparse
import contextlib
import io
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib import metadata
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import requests
from PIL import Image
from rich.console import Console

from client import request, send
from slipway.metrics.latency import fingerprint
from slipway.records import release
from slipway.registry import pyfunc
from slipway_edge.predictor import Predictor

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "serving"))

FEATURES = 69
SIDE = 224
PLACES, DAYS, MOST_ROWS = 9, 400, 10_000
CONNECTIONS = (1, 8, 64)
LITSERVE = "0.2.19"
WAIT = 0.001
"""The seconds in which LitServe collects rows: the setting with which it took the least CPU at 64 connections."""
UNITS = 1000
EXPERIMENT = {
    "hypothesis": "Other trees are better.",
    "model": "trees",
    "arms": {"control": "v1.0.0", "other": "v0.9.0"},
    "allocation": {"control": 50, "other": 50},
    "metrics": {"satisfaction": {"role": "goal", "better": "higher"}},
    "minimum_sample": 100,
}
AUTHOR = {"NAME": "Benchmark", "EMAIL": "benchmark@example.org"}
Figures = dict[str, Any]


class Server(psutil.Popen):
    """A running server with its port."""

    port: int


@dataclass(frozen=True)
class Asked:
    """A server, the requests that it is sent in turn, and how many of them in a round."""

    server: Server
    contents: Sequence[bytes]
    requests: int


def main() -> None:
    """Build, serve, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    os.environ |= {f"GIT_{who}_{key}": value for who in ("AUTHOR", "COMMITTER") for key, value in AUTHOR.items()}
    with tempfile.TemporaryDirectory() as folder:
        result = measure(Path(folder), options.requests, options.rounds)
    print(json.dumps({**result, "machine": fingerprint()}, indent=2))


def measure(folder: Path, requests: int, rounds: int) -> Figures:
    """Return all figures."""
    root = folder / "repository"
    row = build(root)
    headers = {"authorization": f"Bearer {token(root)}", "content-type": "application/json"}
    path, content = "/api/v1/predict/trees", json.dumps([row]).encode()
    split = {"dataframe_split": {"columns": list(row), "data": [list(row.values())]}}
    encoded = request("/invocations", {"content-type": "application/json"}, json.dumps(split).encode())
    release_folder = root / "models" / "trees"
    trees = Predictor.load(release_folder)
    with contextlib.ExitStack() as servers:
        ours = servers.enter_context(slipway(root, folder, "trees"))
        asked = {
            "slipway": Asked(ours, [request(path, headers, content)], requests),
            "mlflow": Asked(servers.enter_context(mlflow(release_folder, folder / "mlflow")), [encoded], requests // 4),
        }
        if (python := with_litserve(ROOT / ".dvc" / "tmp" / "litserve")) is not None:
            alone = request("/predict", {"content-type": "application/json"}, json.dumps(row).encode())
            for name, options in (("litserve", ()), ("litserve_together", ("--wait", str(WAIT)))):
                theirs = servers.enter_context(litserve(python, release_folder, options))
                asked[name] = Asked(theirs, [alone], requests // 4)
        for one in asked.values():
            ask(one, CONNECTIONS[-1])
        memory = {name: resident(one.server) for name, one in asked.items()}
        start_experiment(root, ours, headers)
        of_units = [request(path, {**headers, "x-unit": f"user-{number}"}, content) for number in range(UNITS)]
        asked["experiment"] = Asked(ours, of_units, requests)
        rows = {
            str(connections): in_turn(asked, lambda: trees.predict([row]), requests // 4, connections, rounds)
            for connections in CONNECTIONS
        }
    for figures in rows.values():
        figures["times_less"] = figures["mlflow"] / figures["slipway"]
    picture = jpeg()
    predictor = Predictor.load(root / "models" / "shot")
    of_picture = request("/api/v1/predict/shot", {**headers, "content-type": "image/jpeg"}, picture)
    with slipway(root, folder, "shot") as server:
        asked = {"slipway": Asked(server, [of_picture], requests // 4)}
        pictures = {
            str(connections): in_turn(asked, lambda: predictor.predict(picture), requests // 4, connections, rounds)
            for connections in CONNECTIONS
        }
    for figures in pictures.values():
        figures["ratio"] = figures["slipway"] / figures["loop"]
    return {
        "rows": rows,
        "experiment": {"units": UNITS},
        **({} if python is None else {"litserve": {"version": LITSERVE}}),
        "memory_mib": memory,
        "pictures": pictures,
        "forecast": forecast(root, folder, headers),
    }


def forecast(root: Path, folder: Path, headers: dict[str, str]) -> Figures:
    """Return the CPU and the time of a forecast by the server and from the whole table, in ms, and the largest
    difference."""
    import house

    table = house.demand([f"place {number}" for number in range(PLACES)], 24 * DAYS)
    latest = set(sorted({row["hour"] for row in table})[-24:])
    past = [row for row in table if row["hour"] not in latest]
    ahead = [{**row, "visitors": None} for row in table if row["hour"] in latest and row["spot"] == "place 0"]
    predictor = Predictor.load(root / "models" / "demand")
    begin, begun = time.process_time(), time.perf_counter()
    expected = predictor.predict([*past, *ahead])
    whole, whole_wall = 1e3 * (time.process_time() - begin), 1e3 * (time.perf_counter() - begun)
    with slipway(root, folder, "demand") as server:
        address = f"http://127.0.0.1:{server.port}/api/v1"
        for start in range(0, len(past), MOST_ROWS):
            rows = past[start : start + MOST_ROWS]
            requests.post(f"{address}/history/demand", json=rows, headers=headers, timeout=60).raise_for_status()
        answer = requests.post(f"{address}/predict/demand", json=ahead, headers=headers, timeout=60).json()
        content = request("/api/v1/predict/demand", headers, json.dumps(ahead).encode())
        taken, rate = ask(Asked(server, [content], 200), 1)
    differences = [
        abs(one["visitors"] - other["visitors"]) / max(1, abs(other["visitors"]))
        for one, other in zip(answer["predictions"], expected, strict=True)
    ]
    return {
        "rows": len(past),
        "slipway_ms": taken / 1e3,
        "table_ms": whole,
        "slipway_wall_ms": 1e3 / rate,
        "table_wall_ms": whole_wall,
        "largest_difference": max(differences),
    }


def build(root: Path) -> dict[str, float]:
    """Create the repository with the models in production, and return a row."""
    import house

    house.begin(root)
    trees(root, seed=1)
    house.commit(root)
    house.register(root, "trees", "v0.9.0")
    row = trees(root, seed=0)[0]
    classes = ["a", "b"]
    spec = {
        "objective": "multiclass",
        "classes": classes,
        "outputs": classes,
        "input": {"shape": [SIDE, SIDE, 3], "dtype": "uint8"},
    }
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:  # TensorFlow stays out of this process
        picture_model = pool.submit(network).result()
    pictures = np.random.default_rng(1).integers(0, 256, (2, SIDE, SIDE, 3), np.uint8)
    house.build(root, "shot", "image_classification", {}, spec, picture_model, pictures)
    house.forecasts(root)
    house.commit(root)
    for variant in ("trees", "shot", "demand"):
        house.register(root, variant, "v1.0.0")
        house.assign(root, variant, "v1.0.0", "production", 1)
    return row


def trees(root: Path, seed: int) -> list[dict[str, float]]:
    """Write a build of `trees`, trained on random numbers, and return a few rows."""
    import house
    from catboost import CatBoostRegressor

    from slipway.frameworks.catboost.conversion import convert

    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(5000, FEATURES)).astype(np.float32)
    targets = inputs[:, 0] + inputs[:, 1:9].prod(axis=1) + rng.normal(size=5000)
    model = CatBoostRegressor(iterations=500, depth=6, random_seed=0, verbose=0, allow_writing_files=False)
    with tempfile.TemporaryDirectory() as native:
        model.fit(inputs, targets).save_model(f"{native}/model.cbm")
        tflite = convert(Path(native), inputs[:1], "float32")
    names = [f"feature_{number}" for number in range(FEATURES)]
    data = {"target": "value", "numeric": names, "categorical": [], "derived": {}}
    spec = {
        "objective": "regression",
        "outputs": ["value"],
        "input": {"shape": [FEATURES], "dtype": "float32", "names": names},
        "categories": {},
        "spread": {"relative": False, "low": -1.0, "high": 1.0},
    }
    house.build(root, "trees", "row_regression", data, spec, tflite, inputs[:2])
    return [dict(zip(names, row, strict=True)) for row in inputs[:8].tolist()]


def start_experiment(root: Path, server: Server, headers: dict[str, str]) -> None:
    """Start the experiment, and let the server load its versions."""
    import house

    house.start_experiment(root, "other-trees", EXPERIMENT)
    refreshed = requests.post(f"http://127.0.0.1:{server.port}/api/v1/refresh", headers=headers, timeout=60)
    refreshed.raise_for_status()
    assert not refreshed.json()["problems"], refreshed.json()


def network() -> bytes:
    """Return EfficientNet-Lite0 in INT8 with random weights, as TFLite."""
    from slipway.frameworks.keras import native
    from slipway.frameworks.keras.conversion import convert
    from slipway.frameworks.keras.native.runtime import keras
    from slipway.frameworks.keras.objectives.image_classification import networks
    from slipway.frameworks.keras.schema.image_classification import Model

    keras.utils.set_random_seed(0)
    spec = {"objective": "multiclass", "input": {"shape": [SIDE, SIDE, 3]}, "outputs": ["a", "b"]}
    made = networks.build(Model.model_validate({"network": "efficientnet_lite0"}), spec)
    pictures = np.random.default_rng(0).integers(0, 256, (8, SIDE, SIDE, 3), np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        native.save(made, Path(folder) / "native")
        return convert(Path(folder) / "native", pictures, "int8")


def token(root: Path) -> str:
    """Create a token for predictions, observed rows and changes of the tags."""
    from slipway.serving import tokens

    return tokens.create(root / tokens.FILE, "benchmark", ["predict", "outcome", "promote"])


def jpeg() -> bytes:
    """Return a picture with structure, as JPEG."""
    rng = np.random.default_rng(0)
    small = Image.fromarray(rng.integers(0, 256, (48, 64, 3), np.uint8))
    buffer = io.BytesIO()
    small.resize((640, 480), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


@contextlib.contextmanager
def slipway(root: Path, folder: Path, model: str) -> Iterator[Server]:
    """Serve a model of the repository."""
    command = [sys.executable, "-m", "slipway", "serve", model, "--repo", str(root), "--cache", str(folder / "cache")]
    with serving([*command, "--poll", "0"], "/healthz") as server:
        yield server


@contextlib.contextmanager
def mlflow(model: Path, folder: Path) -> Iterator[Server]:
    """Serve a release as MLflow serves the version that `slipway registry sync` writes, with one worker."""
    shutil.copytree(model, folder)
    pyfunc.add(folder, release.read((folder / "release.json").read_bytes(), "release.json", model.name))
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", str(folder), "--env-manager", "local"]
    with serving([*command, "--workers", "1"], "/ping") as server:
        yield server


def with_litserve(folder: Path) -> Path | None:
    """Return the Python of the environment with LitServe in a folder, which is made unless it is there.

    Everything else in it has the version that it has here. If it cannot be installed, a line says why, and the result
    is None.
    """
    python = folder / "bin" / "python"
    version = [str(python), "-c", "import ai_edge_litert, litserve, PIL; print(litserve.__version__)"]
    if python.exists():
        found = subprocess.run(version, capture_output=True, text=True)
        if found.stdout.strip() == LITSERVE:
            return python
    constraints = "\n".join(
        f"{one.name}=={one.version}" for one in metadata.distributions() if one.name != "slipway-edge"
    )
    install = [str(python), "-m", "pip", "install", "--quiet", "--constraint", str(folder / "constraints.txt")]
    try:
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True, stdout=sys.stderr)
        (folder / "constraints.txt").write_text(constraints)
        needed = [f"litserve=={LITSERVE}", "ai-edge-litert", "numpy", "pillow"]
        subprocess.run([*install, *needed], check=True, stdout=sys.stderr)
    except (OSError, subprocess.CalledProcessError) as error:
        Console(stderr=True).print(f"LitServe {LITSERVE} cannot be installed, so its figures are left out: {error}")
        return None
    return python


@contextlib.contextmanager
def litserve(python: Path, model: Path, options: Sequence[str]) -> Iterator[Server]:
    """Serve a release by LitServe, with one worker."""
    command = [str(python), str(ROOT / "benchmarks" / "litserve_server.py"), str(model), *options]
    with serving(command, "/health", {"PYTHONPATH": str(ROOT / "edge" / "src")}) as server:
        yield server


@contextlib.contextmanager
def serving(command: Sequence[str], path: str, environment: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Run a server on a free port until the block ends; it is there when it answers at a path."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryFile() as log:
        server = Server(
            [*command, "--port", str(port)],
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, **(environment or {})},
        )
        try:
            for _ in range(3000):
                assert server.poll() is None, command
                with contextlib.suppress(OSError):
                    urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5).close()
                    break
                time.sleep(0.1)
            else:
                raise TimeoutError(command)
            server.port = port
            yield server
        finally:
            for process in (*server.children(recursive=True), server):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.terminate()
            server.wait(30)


def cpu(server: Server) -> float:
    """Return the CPU seconds of a server and of all its processes."""
    times = [one.cpu_times() for one in (server, *server.children(recursive=True))]
    return sum(one.user + one.system for one in times)


def resident(server: Server) -> float:
    """Return the resident memory of a server and of all its processes, in MiB."""
    return sum(one.memory_info().rss for one in (server, *server.children(recursive=True))) / 2**20


def in_turn(
    asked: Mapping[str, Asked], predict: Callable[[], Any], calls: int, connections: int, rounds: int
) -> Figures:
    """Ask servers and call a function in turn; return the medians.

    Returns:
        Under the name of each server, and `loop`, the CPU of a request in µs; under the same with `_rate`, how many
        there are in a second.
    """
    found: dict[str, list[float]] = {}
    for number in range(rounds + 1):
        for name, of in (*asked.items(), ("loop", None)):
            taken = loop(predict, calls) if of is None else ask(of, connections)
            for key, value in zip((name, f"{name}_rate"), taken, strict=True) if number else ():  # the first warms up
                found.setdefault(key, []).append(value)
    return {name: statistics.median(values) for name, values in found.items()}


def ask(asked: Asked, connections: int) -> tuple[float, float]:
    """Send requests; return the CPU in µs that the server takes for one, and the requests a second."""
    before, begin = cpu(asked.server), time.perf_counter()
    send(asked.server.port, asked.contents, connections, asked.requests)
    seconds = time.perf_counter() - begin
    return 1e6 * (cpu(asked.server) - before) / asked.requests, asked.requests / seconds


def loop(predict: Callable[[], Any], calls: int) -> tuple[float, float]:
    """Return the CPU in µs of a call, and the calls a second."""
    begin, begun = time.process_time(), time.perf_counter()
    for _ in range(calls):
        predict()
    return 1e6 * (time.process_time() - begin) / calls, calls / (time.perf_counter() - begun)


if __name__ == "__main__":
    main()
