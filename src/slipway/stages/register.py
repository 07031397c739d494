"""Write the release record, the model card and the description of the data set.

Latency depends on the machine. So the benchmark stage judges its rules in `benchmark.json`, outside the record, and
this stage only prints the joint verdict. The loss against the baseline depends on the version in production, so
`slipway gate` judges it and no stage does.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.markup import escape

from slipway import tasks
from slipway.core import atomic, config
from slipway.core import spec as specs
from slipway.core.config import PARAMS, Evaluate, Register
from slipway.core.protocol import Task
from slipway.core.spec import Spec
from slipway.core.terminal import Console
from slipway.gate import floors, verdict
from slipway.gate.contributions import Scored
from slipway.gate.rules import Gate
from slipway.records import predictions
from slipway.records import release as record
from slipway.records.verdict import Judgement, Verdict, worst
from slipway.release import card, croissant
from slipway.stages import run
from slipway_edge.predictor import GOLDEN, read_golden


def register(variant: str) -> None:
    """Judge, record, describe."""
    values = config.read(variant)
    models, reports = Path("models") / variant, Path("reports") / variant
    dataset, conversion, benchmark, evaluation, point = (
        json.loads((reports / f"{name}.json").read_text())
        for name in ("dataset", "conversion", "benchmark", "evaluation", "operating_point")
    )
    spec = {**specs.prepared(Path("data/prepared") / variant), **point}
    released = {name: models / name for name in record.FILES}
    gate = Gate(**values["gate"]).of_model
    counts = {unit: evaluation[unit] for unit in verdict.COUNTED}
    task = tasks.load(values["task"], values["data"])
    judged = verdict.judge(gate, _measured(conversion), evaluation["metrics"], conversion["lost"], counts, task.metrics)
    judged = Verdict.of([*judged.rules, *_by_slice(task, reports / "shipped.parquet", values, gate, spec)])
    made = record.build(
        variant,
        values,
        spec,
        dataset,
        conversion,
        evaluation,
        judged,
        record.artifacts(released),
        record.lineage(Path("dvc.lock"), variant, PARAMS / f"{variant}.yaml"),
    )
    atomic.write_json(models / "release.json", made.to_json())
    settings = Register(**values["register"])
    golden = read_golden((models / GOLDEN).read_bytes())
    atomic.write_text(models / "card.md", card.card(made, task, golden, settings))
    described = croissant.describe(made, Path("data/prepared") / variant, settings.data_license)
    atomic.write_json(reports / "croissant.json", described)
    joined = worst([judged.verdict, benchmark["gate"]["verdict"]])
    why = "" if joined == "pass" else f"; {models / 'card.md'} and {reports / 'benchmark.json'} say why"
    Console().print(escape(f"{variant}: {joined}{why}"), soft_wrap=True)


def _by_slice(task: Task, shipped: Path, values: Mapping[str, Any], gate: Gate, spec: Spec) -> list[Judgement]:
    """Judge the rules by class and by group, on the predictions of the model that ships."""
    statistics = Evaluate(**values["evaluate"])
    scored = Scored(task, spec, *predictions.read(shipped.read_bytes()))
    return floors.judge(gate, scored, **statistics.model_dump(), seed=values["seed"])


def _measured(conversion: Mapping[str, Any]) -> dict[str, dict[str, float | None]]:
    """Return the figures that the gate judges: the scores of the model that ships, and those of its conversion."""
    parity = {name: value for name, value in conversion["parity"].items() if isinstance(value, int | float)}
    points = parity | {"size_bytes": conversion["size_bytes"]}
    return {**conversion["metrics"], **{name: {"value": value} for name, value in points.items()}}


if __name__ == "__main__":
    run(register)
