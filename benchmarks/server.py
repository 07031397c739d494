"""Server CPU a row, a picture and a forecast of `slipway serve`, beside `mlflow models serve` and loops; prints JSON.

    python benchmarks/server.py [--requests 2000] [--rounds 5]

The model of rows is 500 trees of depth 6 on 69 features, one row a request, with a token. MLflow serves the same
release by its pyfunc. The client keeps 1, 8 or 64 connections busy from a process of its own; both servers are asked
in turn, one worker each. CPU time is that of all processes of a server. A picture is a JPEG of 640 x 480 pixels, for
EfficientNet-Lite0 in INT8 at 224 px with random weights. Both are also compared with `Predictor.predict` on the same
example in a loop. A forecast is of 24 hours of one place, from 400 days of nine places that the server keeps, beside
`Predictor.predict` on the table with all rows.
"""

import argparse
import asyncio
import contextlib
import io
import json
import os
import shutil
import socket
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import requests
from PIL import Image

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
AUTHOR = {"NAME": "Benchmark", "EMAIL": "benchmark@example.org"}
Figures = dict[str, Any]


class Server(psutil.Popen):
    """A running server with its port."""

    port: int


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
    raw = request("/api/v1/predict/trees", headers, json.dumps([dict(row)]).encode())
    split = {"dataframe_split": {"columns": list(row), "data": [list(row.values())]}}
    encoded = request("/invocations", {"content-type": "application/json"}, json.dumps(split).encode())
    trees = Predictor.load(root / "models" / "trees")
    with slipway(root, folder, "trees") as ours, mlflow(root / "models" / "trees", folder / "mlflow") as theirs:
        rows = {
            str(connections): beside_mlflow(
                (ours, raw), (theirs, encoded), lambda: trees.predict([row]), connections, requests, rounds
            )
            for connections in CONNECTIONS
        }
        memory = {name: resident(server) for name, server in (("slipway", ours), ("mlflow", theirs))}
    content = jpeg()
    predictor = Predictor.load(root / "models" / "shot")
    of_picture = request("/api/v1/predict/shot", {**headers, "content-type": "image/jpeg"}, content)
    with slipway(root, folder, "shot") as server:
        pictures = {
            str(connections): beside_loop(
                server, of_picture, lambda: predictor.predict(content), connections, requests // 4, rounds
            )
            for connections in CONNECTIONS
        }
    return {"rows": rows, "memory_mib": memory, "pictures": pictures, "forecast": forecast(root, folder, headers)}


def forecast(root: Path, folder: Path, headers: dict[str, str]) -> Figures:
    """Return the CPU in ms of a forecast by the server and from the whole table, and the largest difference."""
    import house

    table = house.demand([f"place {number}" for number in range(PLACES)], 24 * DAYS)
    latest = set(sorted({row["hour"] for row in table})[-24:])
    past = [row for row in table if row["hour"] not in latest]
    ahead = [{**row, "visitors": None} for row in table if row["hour"] in latest and row["spot"] == "place 0"]
    predictor = Predictor.load(root / "models" / "demand")
    begin = time.process_time()
    expected = predictor.predict([*past, *ahead])
    whole = 1e3 * (time.process_time() - begin)
    with slipway(root, folder, "demand") as server:
        address = f"http://127.0.0.1:{server.port}/api/v1"
        for start in range(0, len(past), MOST_ROWS):
            rows = past[start : start + MOST_ROWS]
            requests.post(f"{address}/history/demand", json=rows, headers=headers, timeout=60).raise_for_status()
        answer = requests.post(f"{address}/predict/demand", json=ahead, headers=headers, timeout=60).json()
        content = request("/api/v1/predict/demand", headers, json.dumps(ahead).encode())
        taken = ask(server, content, 1, 200)[0] / 1e3
    differences = [
        abs(one["visitors"] - other["visitors"]) / max(1, abs(other["visitors"]))
        for one, other in zip(answer["predictions"], expected, strict=True)
    ]
    return {"rows": len(past), "slipway_ms": taken, "table_ms": whole, "largest_difference": max(differences)}


def build(root: Path) -> dict[str, float]:
    """Create the repository with both models in production, and return a row."""
    import house
    from catboost import CatBoostRegressor

    from slipway.frameworks.catboost.conversion import convert

    rng = np.random.default_rng(0)
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
    house.begin(root)
    house.build(root, "trees", "row_regression", data, spec, tflite, inputs[:2])
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
    return dict(zip(names, inputs[0].tolist(), strict=True))


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
    """Create a token for predictions and observed rows."""
    from slipway.serving import tokens

    return tokens.create(root / tokens.FILE, "benchmark", ["predict", "outcome"])


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


@contextlib.contextmanager
def serving(command: Sequence[str], path: str) -> Iterator[Server]:
    """Run a server on a free port until the block ends."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryFile() as log:
        server = Server([*command, "--port", str(port)], stdout=log, stderr=log, start_new_session=True)
        try:
            for _ in range(1200):
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


def request(path: str, headers: dict[str, str], content: bytes) -> bytes:
    """Return a request of HTTP/1.1."""
    lines = {"host": "127.0.0.1", "content-length": str(len(content)), **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + content


def beside_mlflow(
    ours: tuple[Server, bytes],
    theirs: tuple[Server, bytes],
    predict: Callable[[], Any],
    connections: int,
    requests: int,
    rounds: int,
) -> Figures:
    """Return the median CPU in µs a request of both servers and of a loop, in turn, and the requests a second."""
    found: dict[str, list[float]] = {name: [] for name in ("slipway", "mlflow", "loop", "slipway_rate", "mlflow_rate")}
    for number in range(rounds + 1):
        taken = {}
        taken["slipway"], taken["slipway_rate"] = ask(*ours, connections, requests)
        taken["mlflow"], taken["mlflow_rate"] = ask(*theirs, connections, requests // 4)
        taken["loop"] = loop(predict, requests // 4)
        for name, value in taken.items() if number else ():  # the first round is for warming up
            found[name].append(value)
    medians = {name: statistics.median(values) for name, values in found.items()}
    return {**medians, "times_less": medians["mlflow"] / medians["slipway"]}


def beside_loop(
    server: Server, content: bytes, predict: Callable[[], Any], connections: int, requests: int, rounds: int
) -> Figures:
    """Return the median CPU in µs a request of the server and of a loop, in turn, and their ratio."""
    found: list[tuple[float, float]] = []
    for number in range(rounds + 1):
        taken = ask(server, content, connections, requests)[0], loop(predict, requests)
        if number:
            found.append(taken)
    ours, alone = (statistics.median(one) for one in zip(*found, strict=True))
    return {"slipway": ours, "loop": alone, "ratio": ours / alone}


def ask(server: Server, content: bytes, connections: int, requests: int) -> tuple[float, float]:
    """Send requests; return the CPU in µs that the server takes for one, and the requests a second."""
    before, begin = cpu(server), time.perf_counter()
    in_another_process(server.port, content, connections, requests)
    seconds = time.perf_counter() - begin
    return 1e6 * (cpu(server) - before) / requests, requests / seconds


def loop(predict: Callable[[], Any], count: int) -> float:
    """Return the CPU in µs of a call."""
    begin = time.process_time()
    for _ in range(count):
        predict()
    return 1e6 * (time.process_time() - begin) / count


def in_another_process(port: int, content: bytes, connections: int, requests: int) -> None:
    """Send requests over so many connections, each one after the other, from another process."""
    process = get_context("fork").Process(target=_run, args=(port, content, connections, requests))
    process.start()
    process.join()
    if process.exitcode:
        raise RuntimeError("the client failed")


def _run(port: int, content: bytes, connections: int, requests: int) -> None:
    asyncio.run(_send(port, content, connections, requests))


async def _send(port: int, content: bytes, connections: int, requests: int) -> None:
    left = iter(range(requests))

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in left:
            writer.write(content)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head + await reader.read(2000)
            length = next(
                int(line.partition(b":")[2])
                for line in head.lower().split(b"\r\n")
                if line.startswith(b"content-length")
            )
            await reader.readexactly(length)
        writer.close()

    await asyncio.gather(*(one() for _ in range(connections)))


if __name__ == "__main__":
    main()
