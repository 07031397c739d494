"""The measures of a server as Prometheus reads them: GET /metrics.

The workers of a server share a folder of memory-mapped files (the multi-process mode of prometheus-client), so the
worker that is asked answers for all. The files are named by the number of a worker and not by the id of its process, so
restarts continue them and leave no files behind.

Labels are models, versions that hold a role, roles, outcomes of `OUTCOMES`, experiments that run with their metrics and
arms, and numbers of workers. A request cannot make a label: all versions without a role are counted as one.
"""

import math
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import prometheus_client
import psutil
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, multiprocess, values
from prometheus_client.parser import text_string_to_metric_families

from slipway.serving.worker_number import free

CONTENT_TYPE = prometheus_client.CONTENT_TYPE_LATEST
OUTCOMES = ("answered", "refused", "overload", "deadline", "failed", "gone")
"""What can become of a request: an answer; a refusal, since it cannot be answered (4xx); 429; 504; another error of the
server (5xx); the client went away."""
SECONDS = (
    *(0.0005, 0.001, 0.002, 0.003, 0.005, 0.007, 0.008, 0.009, 0.01, 0.011, 0.0125, 0.015, 0.0175, 0.02, 0.0225, 0.025),
    *(
        0.0275,
        0.03,
        0.035,
        0.04,
        0.045,
        0.05,
        0.055,
        0.065,
        0.08,
        0.09,
        0.1,
        0.11,
        0.125,
        0.15,
        0.2,
        0.225,
        0.25,
        0.275,
    ),
    *(0.35, 0.5, 0.75, 0.9, 1, 1.1, 1.5, 2.5, 5, 10, 30),
)
"""Bounds of the histogram of latencies. They are dense around 10, 25, 50, 100 and 250 ms and 1 s, where limits are."""
VERDICTS = {"pass": 1, "hold": 0, "fail": -1}
"""The values of the verdicts of experiments."""
OTHER = "other"
"""The label of all versions without a role, so that requests for many versions do not make many series."""
LOADING = (0.1, 0.3, 1, 3, 10, 30, 100, 300)


class Measures:
    """The measures of a worker, in a folder that the workers of a server share.

    A process can have one instance: it sets the value class of prometheus-client.
    """

    def __init__(self, folder: Path, worker: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
        values.ValueClass = values.MultiProcessValue(lambda: worker)  # type: ignore[no-untyped-call]
        self._folder = folder
        self._worker = str(worker)
        self._process = psutil.Process()
        made: dict[str, Any] = {"registry": CollectorRegistry()}  # of this worker alone; nobody reads it
        model = ("model", "version")
        self._requests = Counter("slipway_requests", "Requests for predictions.", (*model, "outcome"), **made)
        self._seconds = Histogram(
            "slipway_request_seconds", "Time from a request to its answer.", model, buckets=SECONDS, **made
        )
        self._inference = Histogram(
            "slipway_inference_seconds",
            "Time of a model for the examples that went through it together.",
            model,
            buckets=SECONDS,
            **made,
        )
        self._examples = Counter("slipway_examples", "Examples that were predicted.", model, **made)
        self._loads = Histogram(
            "slipway_load_seconds", "Time to fetch, check and load a version.", buckets=LOADING, **made
        )
        worker_gauge: dict[str, Any] = {"labelnames": ("worker",), "multiprocess_mode": "livemostrecent", **made}
        self._waiting = Gauge("slipway_waiting_requests", "Jobs of a worker that wait for its models.", **worker_gauge)
        self._loaded = Gauge("slipway_loaded_bytes", "Size of the model files in memory of a worker.", **worker_gauge)
        self._memory = Gauge("slipway_worker_resident_bytes", "Resident memory of a worker.", **worker_gauge)
        self._cpu = Gauge("slipway_worker_cpu_seconds", "CPU time of a worker since its start.", **worker_gauge)
        self._lost = Gauge("slipway_lost_records", "Records that could not be written since the start.", **worker_gauge)
        self._ready = Gauge(
            "slipway_release_ready",
            "Whether the version that holds a role in Git answers.",
            ("model", "role"),
            multiprocess_mode="livemin",
            **made,
        )
        self._captured = Counter(
            "slipway_captured_examples", "Examples that were kept for labelling.", ("model", "why"), **made
        )
        self._dropped = Counter(
            "slipway_dropped_captures", "Examples that were not kept for labelling.", ("model", "reason"), **made
        )
        self._fetched = Gauge(
            "slipway_registry_fetched_timestamp_seconds",
            "When the Git remote was last read, in seconds since 1970.",
            multiprocess_mode="livemax",
            **made,
        )

        self._share = Gauge(
            "slipway_rollout_share",
            "Share of the units that a rollout gives the new version, in percent; 0 when it has ended.",
            ("model",),
            multiprocess_mode="livemostrecent",
            **made,
        )
        self._canary = Gauge(
            "slipway_rollout_canary_units",
            "Units that the new version had at its share.",
            ("model",),
            multiprocess_mode="livemostrecent",
            **made,
        )
        self._paused = Gauge(
            "slipway_rollout_paused",
            "Whether a rollout makes no steps.",
            ("model",),
            multiprocess_mode="livemostrecent",
            **made,
        )
        self._e_values = Gauge(
            "slipway_rollout_e_value",
            "Evidence that a rule of a rollout is broken.",
            ("model", "rule"),
            multiprocess_mode="livemostrecent",
            **made,
        )
        self._taken_back = Gauge(
            "slipway_rollout_taken_back_timestamp_seconds",
            "When a version was taken back by itself, in seconds since 1970.",
            ("model",),
            multiprocess_mode="livemostrecent",
            **made,
        )
        of_experiment: dict[str, Any] = {"multiprocess_mode": "livemostrecent", **made}
        self._verdict = Gauge(
            "slipway_experiment_verdict", "Verdict so far: 1 pass, 0 hold, -1 fail.", ("experiment",), **of_experiment
        )
        self._split = Gauge(
            "slipway_experiment_sample_ratio_e",
            "Evidence that the arms did not get their shares; above 1000 the split is not sound.",
            ("experiment",),
            **of_experiment,
        )
        self._units = Gauge(
            "slipway_experiment_units", "Units of an arm that count.", ("experiment", "arm"), **of_experiment
        )
        self._p = Gauge(
            "slipway_experiment_p",
            "P-value of a metric in an arm beside the control, of all looks together.",
            ("experiment", "metric", "arm"),
            **of_experiment,
        )
        self._of_experiment: dict[str, list[Any]] = {}

    def rollout(self, model: str, share: float, paused: bool, units: int, e_values: Mapping[str, float]) -> None:
        """Tell a rollout: its share in percent, the units of the new version at it, and the e-value of each rule."""
        self._share.labels(model).set(share)
        self._paused.labels(model).set(paused)
        self._canary.labels(model).set(units)
        for rule, value in e_values.items():
            self._e_values.labels(model, rule).set(value)

    def rollout_ended(self, model: str) -> None:
        """Tell that no rollout of a model goes on."""
        self._share.labels(model).set(0)
        self._paused.labels(model).set(False)

    def taken_back(self, model: str) -> None:
        """Tell that a version was taken back."""
        self._taken_back.labels(model).set(time.time())

    def experiment(
        self, name: str, verdict: str, split_e: float, units: Mapping[str, int], p: Mapping[tuple[str, str], float]
    ) -> None:
        """Tell the findings about an experiment.

        Args:
            name: its id.
            verdict: pass, hold or fail.
            split_e: the e-value against the shares of its arms.
            units: the units of each arm.
            p: the p-value of each metric in each treatment.
        """
        told: list[tuple[Any, float]] = [
            (self._verdict.labels(name), VERDICTS[verdict]),
            (self._split.labels(name), split_e),
            *((self._units.labels(name, arm), count) for arm, count in units.items()),
            *((self._p.labels(name, *of), value) for of, value in p.items()),
        ]
        for gauge, value in told:
            gauge.set(value)
        self._of_experiment[name] = [gauge for gauge, _ in told]

    def no_experiment(self, name: str) -> None:
        """Tell nothing of an experiment any more; a value of the multi-process mode cannot be removed, so it is NaN."""
        for gauge in self._of_experiment.pop(name, ()):
            gauge.set(math.nan)

    def request(self, model: str, version: str, outcome: str, seconds: float) -> None:
        """Count a request; `model` and `version` are empty if the request names none that there is."""
        self._requests.labels(model, version, outcome).inc()
        self._seconds.labels(model, version).observe(seconds)

    def predicted(self, model: str, version: str, examples: int, seconds: float) -> None:
        """Count the examples of an answer, and the time of the model."""
        self._examples.labels(model, version).inc(examples)
        self._inference.labels(model, version).observe(seconds)

    def loaded(self, seconds: float) -> None:
        """Count a version that was loaded."""
        self._loads.observe(seconds)

    def captured(self, model: str, why: str) -> None:
        """Count an example that was kept for labelling: `why` is `sampled`, or otherwise `unsure`."""
        self._captured.labels(model, why).inc()

    def dropped(self, model: str, reason: str, examples: int) -> None:
        """Count examples that should have been kept for labelling.

        Args:
            model: the variant.
            reason: `busy` (too many waited), `full` (no room), `unfit` (no table can hold it) or `failed`.
            examples: their number.
        """
        self._dropped.labels(model, reason).inc(examples)

    def worker(
        self, waiting: int, loaded: int, lost: int, fetched: float | None, ready: Mapping[tuple[str, str], bool]
    ) -> None:
        """Set the state of this worker.

        Args:
            waiting: the jobs that wait for its models.
            loaded: the bytes of model files in memory.
            lost: the records that it could not write.
            fetched: when the Git remote was last read, in seconds since 1970; None before.
            ready: for each model and role in use, whether the version that Git names answers.
        """
        name = self._worker
        self._waiting.labels(name).set(waiting)
        self._loaded.labels(name).set(loaded)
        self._lost.labels(name).set(lost)
        with self._process.oneshot():
            used = self._process.cpu_times()
            self._memory.labels(name).set(self._process.memory_info().rss)
            self._cpu.labels(name).set(used.user + used.system)
        if fetched is not None:
            self._fetched.set(fetched)
        for (model, role), is_ready in ready.items():
            self._ready.labels(model, role).set(is_ready)

    def text(self, folder: Path) -> bytes:
        """Return the measures of all workers as Prometheus reads them; `folder` has the numbers of the workers."""
        for number in free(folder):
            multiprocess.mark_process_dead(number, str(self._folder))  # type: ignore[no-untyped-call]
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry, str(self._folder))  # type: ignore[no-untyped-call]
        return prometheus_client.generate_latest(registry)


@dataclass(frozen=True)
class Resources:
    """What the workers of a server use together: memory in bytes, CPU time in seconds since their start."""

    workers: int
    resident_bytes: int
    cpu_seconds: float
    lost_records: int


def resources(text: str) -> Resources:
    """Return what the workers use, from the text of `Measures.text`."""
    families = {one.name: [sample.value for sample in one.samples] for one in text_string_to_metric_families(text)}
    memory = families.get("slipway_worker_resident_bytes", [])
    return Resources(
        workers=len(memory),
        resident_bytes=int(sum(memory)),
        cpu_seconds=sum(families.get("slipway_worker_cpu_seconds", [])),
        lost_records=int(sum(families.get("slipway_lost_records", []))),
    )
