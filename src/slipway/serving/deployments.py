"""Servers that run in the background, one for each file in `deployments/`: start, look at, roll back and stop them.

    from slipway.serving.deployments import Deployments

    deployments = Deployments()
    deployments.deploy_model("ads", "base-ad-detector")
    deployments.run_inference("ads", Path("picture.jpg").read_bytes())

`.slipway/run/<id>.json` says which process is the server of a deployment. Git ignores it.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import urllib3
import yaml
from prometheus_client.parser import text_string_to_metric_families
from urllib3.exceptions import HTTPError

from slipway.core import atomic
from slipway.core.errors import ConfigError, SlipwayError
from slipway.registry.grammar import LIVE
from slipway.serving import deployment
from slipway.serving.deployment import FOLDER, Deployment
from slipway.serving.measures import resources

RUN = Path(".slipway/run")
LOGS = Path("logs/deployments")
START = 120.0
"""The most seconds until a server answers that has just been started."""
STOP = 20.0
FIRST_PORT = 8000


class DeploymentError(SlipwayError):
    """A deployment does not run as it should."""

    exit_code = 5


@dataclass(frozen=True)
class Status:
    """A deployment and its server.

    `state` is `stopped`, `starting` (it does not answer yet), `ready`, or `not ready`: then `problems` says why.
    `version` is the one that answers, `named` the one that Git names.
    """

    id: str
    variant: str
    follow: str
    environment: str
    address: str
    state: str
    version: str | None = None
    named: str | None = None
    workers: int = 0
    problems: tuple[str, ...] = ()


class Deployments:
    """The deployments of a repository.

    Args:
        repository: its root.
        token: a token for the servers; by default, the environment variable SLIPWAY_TOKEN.
    """

    def __init__(self, repository: str | Path = ".", token: str | None = None) -> None:
        self._root = Path(repository).resolve()
        token = token or os.environ.get("SLIPWAY_TOKEN")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = urllib3.PoolManager(retries=False, timeout=10)

    def create(self, name: str, variant: str, **options: Any) -> Path:
        """Write the file of a new deployment, and return its path.

        Args:
            name: its id.
            variant: the model.
            options: other keys of the file (`slipway.serving.deployment`); without a port, the first one that no other
                deployment has.

        Raises:
            ConfigError: there is such a file, or there are mistakes.
        """
        deployment.check_id(name)
        path = self._root / FOLDER / f"{name}.yaml"
        if path.exists():
            raise ConfigError(f"{FOLDER / path.name} is there already; edit it, or choose another name")
        taken = {one.port for one in deployment.read_all(self._root / FOLDER).values()}
        port = next(port for port in range(FIRST_PORT, 65536) if port not in taken)
        values = {"variant": variant, "port": port, **options}
        try:
            atomic.write_text(path, yaml.safe_dump(values, sort_keys=False))
            deployment.read_all(path.parent)
        except ConfigError:
            path.unlink()
            raise
        return path

    def deploy_model(self, name: str, variant: str | None = None, **options: Any) -> Status:
        """Start the server of a deployment, or one with a file that has changed anew, and wait until it is ready.

        Args:
            name: its id.
            variant: the model of a new deployment, whose file is written first; None for one that has its file.
            options: other keys of a new file.

        Raises:
            ConfigError: the file has mistakes, or is there or not there.
            DeploymentError: the server ended, or does not answer in time; its log says why.
        """
        if variant is not None:
            self.create(name, variant, **options)
        found = self._read(name)
        if self._process(name) is not None:
            if self._run(name)["deployment"] == found.model_dump(mode="json"):
                return self._until_ready(name)
            self.undeploy(name)
        if _is_taken(found):
            raise DeploymentError(f"{_address(found)} is the address of another program; give {name} another port")
        log = self._root / LOGS / f"{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "slipway", "serve", "--deployment", name]
        with log.open("ab") as file:
            process = subprocess.Popen(
                command,
                cwd=self._root,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,  # it outlives this terminal
            )
        atomic.write_json(
            self._root / RUN / f"{name}.json",
            {
                "pid": process.pid,
                "created": psutil.Process(process.pid).create_time(),
                "deployment": found.model_dump(mode="json"),
            },
        )
        return self._until_ready(name, process)

    def undeploy(self, name: str) -> bool:
        """Stop the server of a deployment, which answers what it has; return whether one was running.

        Raises:
            ConfigError: there is no such deployment.
        """
        process = self._process(name)
        path = self._root / RUN / f"{name}.json"
        if process is None:
            if not path.exists():
                self._read(name)
            path.unlink(missing_ok=True)
            return False
        children = process.children(recursive=True)
        process.send_signal(signal.SIGTERM)
        _, alive = psutil.wait_procs([process, *children], timeout=STOP)
        for one in alive:
            one.kill()
        psutil.wait_procs(alive, timeout=STOP)
        path.unlink(missing_ok=True)
        return True

    def statuses(self) -> list[Status]:
        """Return all deployments.

        Raises:
            ConfigError: a file has mistakes.
        """
        return [self.status(name) for name in deployment.read_all(self._root / FOLDER)]

    def status(self, name: str) -> Status:
        """Return one deployment.

        Raises:
            ConfigError: there is no such deployment, or its file has mistakes.
        """
        found = self._read(name)
        known = Status(name, found.variant, found.follow, found.environment, _address(found), "stopped")
        process = self._process(name)
        if process is None:
            return known
        workers = sum("spawn_main" in " ".join(_command(one)) for one in process.children())
        try:
            answer = self._request(found, "GET", "/readyz", (200, 503))
        except DeploymentError as error:
            return _with(known, state="starting", workers=workers, problems=(str(error),))
        mine = [one for one in answer["models"] if one["model"] == found.variant and one["role"] == found.follow]
        return _with(
            known,
            state="ready" if answer["ready"] else "not ready",
            workers=workers,
            version=mine[0]["answers"] if mine else None,
            named=mine[0]["version"] if mine else None,
            problems=tuple(answer["problems"]),
        )

    def run_inference(self, name: str, examples: Any, content_type: str = "application/octet-stream") -> dict[str, Any]:
        """Return the answer of a deployment for examples: a file as bytes, rows as dictionaries, or one of them.

        Raises:
            ConfigError: there is no such deployment.
            DeploymentError: it does not answer, or refuses the examples.
        """
        found = self._read(name)
        path = f"/api/v1/predict/{found.variant}"
        if isinstance(examples, bytes):
            return dict(self._request(found, "POST", path, (200,), examples, content_type))
        return dict(self._request(found, "POST", path, (200,), json.dumps(examples).encode(), "application/json"))

    def current_metrics(self, name: str) -> dict[str, Any]:
        """Return what a deployment did since its start: counts, rates, latencies in seconds, memory and CPU.

        Percentiles are the upper bounds of the buckets of `/metrics` that they are in.

        Raises:
            ConfigError: there is no such deployment.
            DeploymentError: it does not answer.
        """
        found = self._read(name)
        text = self._request(found, "GET", "/metrics", (200,), parse=False)
        return summary(text, found.variant)

    def rollback_deployment(self, name: str, reason: str | None = None, *, force: bool = False) -> Status:
        """Give the role that a deployment follows back to the version before, in Git, and wait until that answers.

        It is `slipway rollback`, with the same checks, which `force` with a reason overrules.

        Raises:
            ConfigError: there is no such deployment, or it serves a version and no role.
            RegistryError: there is no earlier version, or it may not have the role.
        """
        from slipway.registry import git, promotion

        found = self._read(name)
        if found.follow not in LIVE:
            raise ConfigError(f"{FOLDER / name}.yaml: it serves {found.follow}, and only a role can be given back")
        before = Path.cwd()
        os.chdir(self._root)
        try:
            promotion.rollback(
                found.variant, role=found.follow, force=force, reason=reason, push=git.remote() is not None
            )
        finally:
            os.chdir(before)
        if self._process(name) is None:
            return self.status(name)
        self._request(found, "POST", "/api/v1/refresh", (200,), b"", "application/json")
        return self.status(name)

    def _read(self, name: str) -> Deployment:
        deployment.check_id(name)
        return deployment.read(self._root / FOLDER / f"{name}.yaml")

    def _run(self, name: str) -> dict[str, Any]:
        return dict(json.loads((self._root / RUN / f"{name}.json").read_bytes()))

    def _process(self, name: str) -> psutil.Process | None:
        """The process of a deployment; None if it has none. Its start tells it from one that got its number later."""
        try:
            run = self._run(name)
            process = psutil.Process(run["pid"])
            alive = process.status() != psutil.STATUS_ZOMBIE
            return process if alive and abs(process.create_time() - run["created"]) < 1 else None
        except (FileNotFoundError, psutil.NoSuchProcess):
            return None

    def _until_ready(self, name: str, started: "subprocess.Popen[bytes] | None" = None) -> Status:
        log = LOGS / f"{name}.log"
        end = time.monotonic() + START
        while True:
            found = self.status(name)
            if found.state == "ready":
                return found
            if found.state == "stopped" or (started is not None and started.poll() is not None):
                (self._root / RUN / f"{name}.json").unlink(missing_ok=True)
                raise DeploymentError(f"{name} ended: {_last_line(self._root / log)}; see {log}")
            if time.monotonic() > end:
                why = "; ".join(found.problems) or "it does not answer"
                raise DeploymentError(f"{name} is not ready after {START:.0f} s: {why}; it goes on; see {log}")
            time.sleep(0.1)

    def _request(
        self,
        found: Deployment,
        method: str,
        path: str,
        accepted: tuple[int, ...],
        body: bytes | None = None,
        content_type: str = "",
        *,
        parse: bool = True,
    ) -> Any:
        headers = {**self._headers, **({"Content-Type": content_type} if body is not None else {})}
        try:
            response = self._http.request(method, _address(found) + path, headers=headers, body=body)
        except HTTPError as error:
            raise DeploymentError(f"{_address(found)} does not answer ({type(error).__name__})")
        if response.status not in accepted:
            try:
                detail = response.json()["detail"]
            except (ValueError, KeyError, TypeError):
                detail = response.reason
            raise DeploymentError(f"{_address(found)}{path}: {response.status}, {detail}")
        return response.json() if parse else response.data.decode()


def summary(text: str, variant: str) -> dict[str, Any]:
    """Return the figures of a model from the text of `/metrics`."""
    families = {one.name: one.samples for one in text_string_to_metric_families(text)}
    mine = [one for one in families.get("slipway_requests", []) if one.labels.get("model") == variant]
    outcomes: dict[str, int] = {}
    for sample in mine:
        if sample.name.endswith("_total"):
            outcomes[sample.labels["outcome"]] = outcomes.get(sample.labels["outcome"], 0) + int(sample.value)
    total = sum(outcomes.values())
    failed = sum(outcomes.get(name, 0) for name in ("failed", "deadline", "overload"))
    buckets: dict[float, float] = {}
    seconds = 0.0
    for sample in families.get("slipway_request_seconds", []):
        if sample.labels.get("model") != variant:
            continue
        if sample.name.endswith("_bucket"):
            bound = float(sample.labels["le"])
            buckets[bound] = buckets.get(bound, 0) + sample.value
        elif sample.name.endswith("_sum"):
            seconds += sample.value

    used = resources(text)
    return {
        "requests": total,
        "outcomes": outcomes,
        "error_rate": failed / total if total else None,
        "mean_seconds": seconds / total if total else None,
        **{f"p{percent}_seconds": percentile(buckets, percent / 100) for percent in (50, 95, 99)},
        "resident_bytes": used.resident_bytes,
        "cpu_seconds": used.cpu_seconds,
    }


def percentile(buckets: Mapping[float, float], share: float) -> float | None:
    """Return the upper bound of the bucket in which a share of the requests is complete; None without requests.

    Args:
        buckets: the number of requests up to each bound, infinity among them.
        share: between 0 and 1.
    """
    total = max(buckets.values(), default=0)
    if not total:
        return None
    bounds = sorted(buckets)
    found = next(bound for bound in bounds if buckets[bound] >= share * total)
    return found if found != float("inf") else bounds[-2]


def _with(status: Status, **values: Any) -> Status:
    return Status(**{**asdict(status), **values})


def _address(found: Deployment) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(found.host, found.host)
    return f"http://{host}:{found.port}"


def _is_taken(found: Deployment) -> bool:
    """Whether a program listens at the address of a deployment."""
    address = urlsplit(_address(found))
    try:
        with socket.create_connection((address.hostname or "", found.port), timeout=1):
            return True
    except OSError:
        return False


def _command(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


def _last_line(path: Path) -> str:
    lines = [line for line in path.read_text(errors="replace").splitlines() if line.strip()] if path.exists() else []
    return lines[-1] if lines else "it left no message"
