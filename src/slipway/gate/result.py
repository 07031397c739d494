"""The result of the gate for a variant, and the exit code for several results."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from slipway.core.metric import Metric
from slipway.gate.comparison import Comparison
from slipway.gate.contributions import Scored
from slipway.records.benchmark import Benchmark
from slipway.records.release import Record
from slipway.records.verdict import Judgement

Status = Literal["pass", "fail", "hold", "unjudged"]
EXIT_CODES: dict[Status, int] = {"pass": 0, "fail": 1, "hold": 2, "unjudged": 3}


@dataclass(frozen=True)
class Version:
    """The baseline of a model: a commit, and the name of the version or revision that it was found by."""

    name: str
    commit: str


@dataclass(frozen=True)
class Result:
    """The result of the gate for a variant.

    `why`: why the variant could not be judged, else None. `record`, `benchmark`: what was built. `version`: the
    baseline, with `old_record` and `old_benchmark`, each None where its commit has none. `old`, `new`: both models on
    the test examples, where they were compared.
    """

    variant: str
    verdict: Status
    why: str | None
    rules: tuple[Judgement, ...] = ()
    record: Record | None = None
    benchmark: Benchmark | None = None
    version: Version | None = None
    old_record: Record | None = None
    old_benchmark: Benchmark | None = None
    comparison: Comparison | None = None
    old: Scored | None = None
    new: Scored | None = None

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """The metrics that the task declares; empty where the models were not compared."""
        return {} if self.new is None else self.new.task.metrics

    @property
    def baseline_name(self) -> str:
        """The name of the baseline, for a message."""
        return "no baseline" if self.version is None else self.version.name

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values: variant, verdict, why, baseline, rules, and the comparison with what flipped."""
        compared = None
        if self.comparison is not None:
            compared = {name: one for name, one in asdict(self.comparison).items() if name != "rules"}
        return {
            "variant": self.variant,
            "verdict": self.verdict,
            "why": self.why,
            "baseline": None if self.version is None else asdict(self.version),
            "rules": [asdict(rule) for rule in self.rules],
            "comparison": compared,
        }


def named(judgement: Judgement) -> str:
    """Return a rule in words."""
    name = judgement.subject
    if judgement.kind != "bound":
        most = f"{100 * (judgement.max or 0):.4g} %" if judgement.relative else f"{judgement.max:,.6g}"
        return f"{name}: {'conversion' if judgement.kind == 'conversion' else 'baseline'}, ≤ {most} lost"
    floor, ceiling = judgement.min, judgement.max
    bounds = [f"≥ {floor:,.10g}" if floor is not None else "", f"≤ {ceiling:,.10g}" if ceiling is not None else ""]
    return f"{name} {' and '.join(bound for bound in bounds if bound)}"


def exit_code(judged: Sequence[Result]) -> int:
    """Return the exit code of the worst verdict, from worst to best: fail, unjudged, hold, pass."""
    order: list[Status] = ["fail", "unjudged", "hold", "pass"]
    return EXIT_CODES[min((one.verdict for one in judged), key=order.index, default="pass")]
