"""The declaration of a metric: the one place that says how to show it, compare it and plot it.

A task declares the metrics of its scores. The metrics that every model has, whatever its task, are here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal


@dataclass(frozen=True)
class Metric:
    """One metric of a model.

    `better`: whether a higher or a lower value is better. `unit`: in words, empty for a number without a unit.
    `meaning`: one line. `decimals`: how many are shown; None if the unit is that of the data, which is shown with four
    significant digits.

    `share`: whether the values 0 and 1 mean that something never occurred: a mistake, a hit, a false alarm. `right`:
    whether it is the share of examples that are decided right. Then every example counts the same, a model that always
    predicts the most common class scores that class's share, and McNemar's test applies. `by_class`: whether it also
    exists for each class.
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
        """Whether a lower value is better."""
        return self.better == "lower"


def named(*metrics: Metric) -> Mapping[str, Metric]:
    """Return metrics by name, in the given order."""
    return MappingProxyType({metric.name: metric for metric in metrics})


LATENCY = named(
    Metric("latency_mean_ms", "lower", "milliseconds", "mean time of one example, on one thread", 3),
    Metric("latency_p50_ms", "lower", "milliseconds", "median time of one example, on one thread", 3),
    Metric("latency_p95_ms", "lower", "milliseconds", "95 of 100 examples take at most this time, on one thread", 3),
    Metric("latency_p99_ms", "lower", "milliseconds", "99 of 100 examples take at most this time, on one thread", 3),
)
"""Times on one machine: model.tflite runs one row at a time on one thread; the benchmark stage checks them."""
CONVERSION = named(
    Metric("agreement", "higher", "share of examples", "native model and the one that ships decide the same", 4),
    Metric("max_difference", "lower", "", "largest difference of a prediction, native model to the one that ships", 6),
    Metric("mean_difference", "lower", "", "mean difference of predictions, native model to the one that ships", 6),
    Metric("size_bytes", "lower", "bytes", "size of the model that ships", 0),
)
"""The metrics of the conversion, for every task."""
COUNTS = named(
    Metric("examples", "higher", "examples", "how many the test split has", 0),
    Metric("groups", "higher", "groups", "how many groups these examples belong to", 0),
)
"""The size of the test split behind a verdict."""
