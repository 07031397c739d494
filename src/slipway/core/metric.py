"""What is to be known of a metric by whoever shows it, judges it or draws it: one declaration, that nobody repeats.

A task declares the metrics that its scores give. Those of every model, whatever its task, are here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal


@dataclass(frozen=True)
class Metric:
    """One figure that a model is judged by.

    `better`: which way it runs. `unit`: in words, empty for a number that has none. `meaning`: one line.
    `decimals`: as many are shown, None where the unit is the data's own and four significant digits are.

    `share`: whether 0 or 1 says that something was never seen: a mistake, a hit, a false alarm. `right`: whether it is
    the share of examples that are decided right, so that every example tells of it alike, a model that knows nothing
    has the share of the commonest class, and McNemar's test is of it. `by_class`: whether it is also known of one
    class by itself.
    """

    name: str
    better: Literal["higher", "lower"]
    unit: str
    meaning: str
    decimals: int | None
    share: bool = False
    right: bool = False
    by_class: bool = False

    @property
    def lower_is_better(self) -> bool:
        """Whether less is better."""
        return self.better == "lower"


def named(*metrics: Metric) -> Mapping[str, Metric]:
    """Metrics by name, in the order in which they are given."""
    return MappingProxyType({metric.name: metric for metric in metrics})


LATENCY = named(
    Metric("latency_mean_ms", "lower", "milliseconds", "mean time of one example, on one thread", 3),
    Metric("latency_p50_ms", "lower", "milliseconds", "median time of one example, on one thread", 3),
    Metric("latency_p95_ms", "lower", "milliseconds", "time that 95 of 100 examples keep to, on one thread", 3),
    Metric("latency_p99_ms", "lower", "milliseconds", "time that 99 of 100 examples keep to, on one thread", 3),
)
"""Facts of a machine: one row at a time through model.tflite on one thread, judged by the benchmark stage."""
CONVERSION = named(
    Metric("agreement", "higher", "share of examples", "native model and the one that ships decide the same", 4),
    Metric("max_difference", "lower", "", "largest difference of a prediction, native model to the one that ships", 6),
    Metric("mean_difference", "lower", "", "mean difference of predictions, native model to the one that ships", 6),
    Metric("size_bytes", "lower", "bytes", "size of the model that ships", 0),
)
"""What the conversion gives for every task."""
COUNTS = named(
    Metric("examples", "higher", "examples", "how many the test split has", 0),
    Metric("groups", "higher", "groups", "how many groups these are of", 0),
)
"""How much a verdict stands on."""
