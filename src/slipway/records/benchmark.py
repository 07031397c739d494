"""The benchmark, `reports/<variant>/benchmark.json`: the times on one machine, and the verdict of the rules on them."""

import json
from typing import Annotated, Any

from pydantic import Field

from slipway.core import documents
from slipway.records.release import MODEL, SHA256, Count, Figures, Part, validated, with_kinds
from slipway.records.verdict import Verdict

Latency = Annotated[str, Field(pattern=r"^latency_(mean|p50|p95|p99)_ms$")]


class Timed(Part):
    """The times of one model in milliseconds, by the number of threads (`own` in old ones: TensorFlow's choice)."""

    size_bytes: Count
    sha256: SHA256 | None = None
    single: dict[str, dict[str, float]]
    batch: dict[str, dict[str, float]] = Field(default_factory=dict)
    start: dict[str, float | None] = Field(default_factory=dict)


class Benchmark(Part):
    """A benchmark: the machine, the times of each model, the metrics of the model that ships, and their verdict."""

    machine: dict[str, Any]
    models: dict[str, Timed]
    metrics: dict[Latency, Figures]
    gate: Verdict

    @property
    def model(self) -> Timed | None:
        """The model that ships."""
        return self.models.get(MODEL)

    def p95_ms(self) -> float | None:
        """Return the 95th percentile time of the model that ships, in milliseconds on one thread; None if unknown."""
        return self.metrics.get("latency_p95_ms", {}).get("value")


def read(content: bytes, path: str) -> Benchmark:
    """Read a benchmark.

    Raises:
        MalformedError: the content is not a benchmark.
    """
    values = documents.strict_json(content, path)
    whole = with_kinds(values)
    return validated(Benchmark, content if whole is values else json.dumps(whole).encode(), path)
