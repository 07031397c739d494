"""Real servers on this machine: MLflow over SQLite, S3, and one that refuses every request."""

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any


@contextmanager
def mlflow(folder: Path) -> Iterator[str]:
    """Run an MLflow server with its files in `folder`; yield its address."""
    folder.mkdir(parents=True, exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    options = ["--host", "127.0.0.1", "--port", address.rpartition(":")[2], "--workers", "1"]
    store = ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", str(folder / "files")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "server", *options, *store],
            cwd=folder,
            env=os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        for _ in range(900):
            assert process.poll() is None, (folder / "log").read_text()
            try:
                urllib.request.urlopen(f"{address}/health", timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        else:
            raise TimeoutError((folder / "log").read_text())
        yield address
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


@contextmanager
def refusing(status: int) -> Iterator[str]:
    """Run a server that answers every request with this HTTP status; yield its address."""
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)

    def answer(environ: dict[str, Any], start: Any) -> list[bytes]:
        start(f"{status} {HTTPStatus(status).phrase}", [("Content-Length", "0")])
        return [b""]

    server = make_server("127.0.0.1", 0, answer, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


class Bucket:
    """The bucket `models` of an S3 server that checks the signature of each request: only one key is accepted."""

    def __init__(self, address: str) -> None:
        import boto3

        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
        setup = {"endpoint_url": address, "region_name": "eu-west-1"}
        nobody = {"aws_access_key_id": "nobody", "aws_secret_access_key": "nothing"}
        users = boto3.client("iam", **setup, **nobody)
        users.create_user(UserName="team")
        users.put_user_policy(UserName="team", PolicyName="all", PolicyDocument=json.dumps(policy))
        made = users.create_access_key(UserName="team")["AccessKey"]
        self.address, self.key, self.secret = address, made["AccessKeyId"], made["SecretAccessKey"]
        self.client = boto3.client("s3", **setup, aws_access_key_id=self.key, aws_secret_access_key=self.secret)
        self.client.create_bucket(Bucket="models", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        self.stuck = threading.Event()
        self._over = threading.Event()
        self._left: threading.Semaphore | None = None

    def objects(self) -> list[str]:
        """Return the names of all objects in the bucket."""
        return [one["Key"] for one in self.client.list_objects_v2(Bucket="models").get("Contents", [])]

    def put(self, name: str, content: bytes) -> None:
        self.client.put_object(Bucket="models", Key=name, Body=content)

    def remove(self, name: str) -> None:
        self.client.delete_object(Bucket="models", Key=name)

    @contextmanager
    def stalled(self, after: int) -> Iterator[None]:
        """Let `after` uploads succeed; the next one hangs, sets `stuck`, and does not succeed."""
        self.stuck.clear()
        self._over.clear()
        self._left = threading.Semaphore(after)
        try:
            yield
        finally:
            self._left = None
            self._over.set()

    def is_lost(self, method: str) -> bool:
        """Whether a request is the one that hangs; returns only when the stall is over."""
        if method != "PUT" or self._left is None or self._left.acquire(blocking=False):
            return False
        self.stuck.set()
        self._over.wait(60)
        return True


@contextmanager
def s3() -> Iterator[Bucket]:
    """Run the S3 server of moto; yield its bucket."""
    from moto.core import enable_iam_authentication
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it logs a line per request
    moto = DomainDispatcherApplication(create_backend_app)
    server = make_server("127.0.0.1", 0, moto, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        bucket = Bucket(f"http://127.0.0.1:{server.server_port}")

        def answer(environ: dict[str, Any], start: Any) -> Any:
            if bucket.is_lost(environ["REQUEST_METHOD"]):
                start("503 Slow Down", [])
                return []
            return moto(environ, start)

        server.app = answer
        with enable_iam_authentication():
            yield bucket
    finally:
        server.shutdown()
