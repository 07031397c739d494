"""The whole pipeline as a user runs it: what `dvc repro` builds, and what it rebuilds after a change."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from conftest import ROOT
from slipway.core import source
from slipway.metrics.latency import one_and_all
from slipway.stages import code
from slipway_edge.predictor import Predictor
from smoke import PICTURES, TABLE, TASKS, VARIANTS, sh, stale


def test_every_variant_has_a_record_with_the_hashes_of_its_files(built: Path) -> None:
    from slipway.records.release import digest

    for variant in VARIANTS:
        record = json.loads((built / "models" / variant / "release.json").read_text())
        assert record["gate"]["verdict"] in ("pass", "hold", "fail")
        for name, artifact in record["artifacts"].items():
            path = built / "models" / variant / name
            assert artifact == {"sha256": digest(path), "bytes": path.stat().st_size}


def test_a_second_repro_does_nothing(built: Path) -> None:
    assert "Data and pipelines are up to date" in sh("dvc repro", built)
    assert sh("git status --porcelain", built) == ""


def test_the_digest_of_a_stage_covers_all_modules_that_it_imported(built: Path) -> None:
    top, seen = yaml.safe_load((built / "params.yaml").read_text()), set()
    for path in (built.parent / "loaded").glob("*.json"):
        stage, variant = path.stem.replace("_", "-").split("@")
        seen.add((stage, variant))
        facts = top["all"][variant] | {"simulator": top["simulated"][variant]}
        known = {file.relative_to(ROOT) for file in source.files(code.roots(stage, **facts))}
        for name in json.loads(path.read_text()):
            assert not name.startswith(".."), f"{stage}@{variant} ran {name}, which is outside its checkout"
            assert Path(name) in known or not source.statements((built / name).read_text()), (
                f"{stage}@{variant}: {name}"
            )
    stages = code.LOADS.keys() - {"baseline"}  # no variant here has one; tests/stages/test_baseline.py checks it
    assert seen == {(stage, variant) for stage in stages for variant in VARIANTS}


def test_the_predictor_reproduces_the_accuracy_from_raw_pictures(built: Path) -> None:
    import numpy as np
    import pandas as pd

    predictor = Predictor.load(built / "models" / PICTURES)
    examples = pd.read_parquet(built / "reports" / PICTURES / "predictions.parquet")
    paths = [built / "data/raw" / PICTURES / name for name in examples["example"]]
    chosen = np.array([max(one, key=one.__getitem__) for one in predictor.predict(paths)])
    record = json.loads((built / "models" / PICTURES / "release.json").read_text())
    assert (chosen == examples["label"]).mean() == pytest.approx(record["metrics"]["accuracy"]["value"], abs=1e-6)


def test_the_predictor_reproduces_the_forecasts_from_a_table_of_history(built: Path) -> None:
    import numpy as np
    import pandas as pd

    table = pd.read_csv(built / "data/raw" / TABLE / "demand.csv", parse_dates=["timestamp"])
    ahead = table["timestamp"] > table["timestamp"].max() - pd.Timedelta(hours=24)
    forecast = Predictor.load(built / "models" / TABLE).predict_array(
        table.assign(visitors=table["visitors"].mask(ahead))
    )
    kept = pd.read_parquet(built / "reports" / TABLE / "predictions.parquet").set_index(["group", "time"])
    wanted = pd.MultiIndex.from_frame(table.loc[ahead, ["place", "timestamp"]])
    known = wanted.isin(kept.index)
    expected = kept.loc[wanted[known], "predicted visitors"].to_numpy()
    assert known.sum() > 100
    np.testing.assert_allclose(forecast[known, 0], expected, rtol=1e-4)


def test_every_network_runs_in_one_partition_and_cards_state_the_number_of_partitions(built: Path) -> None:
    for variant in VARIANTS:
        record = json.loads((built / "models" / variant / "release.json").read_text())
        counted = json.loads((built / "reports" / variant / "conversion.json").read_text())["delegation"]
        assert record["delegation"] == counted
        assert (
            f"runs the model in {counted['partitions']} partition"
            in (built / "models" / variant / "card.md").read_text()
        )
        assert record["framework"] != "keras" or counted == {"partitions": 1, "outside": {"QUANTIZE": 1}}


def test_every_data_set_can_be_read_from_its_croissant_description(built: Path) -> None:
    import mlcroissant
    import pandas as pd

    for variant in VARIANTS:
        dataset = mlcroissant.Dataset(str(built / "reports" / variant / "croissant.json"))
        for side in ("train", "val", "test"):
            packed = pd.read_parquet(built / "data/prepared" / variant / side / "examples.parquet")
            assert sum(1 for _ in dataset.records(side)) == len(packed)


def test_golden_examples_of_every_variant_hold_on_this_machine(built: Path) -> None:
    for variant in VARIANTS:
        assert Predictor.load(built / "models" / variant).check_golden() == 3


def test_models_are_timed_on_one_thread_and_on_all_if_the_library_allows_it(built: Path) -> None:
    both = {str(count) for count in one_and_all()}
    for variant, native in ((PICTURES, {"1"}), (TABLE, both)):
        models = json.loads((built / "reports" / variant / "benchmark.json").read_text())["models"]
        for kind in ("single", "batch"):
            assert set(models["native"][kind]) == native
            assert set(models["model.tflite"][kind]) == both


def test_releases_lists_every_variant(built: Path) -> None:
    table = sh("slipway releases", built)
    rows = json.loads(sh("slipway releases --json", built))
    assert [row["variant"] for row in rows] == VARIANTS
    for row in rows:
        assert row["variant"] in table
        assert row["verdict"] in table
        assert (built / row["report"]).exists()


def test_dvc_shows_metrics_params_and_plots(built: Path, tmp_path: Path) -> None:
    metrics = json.loads(sh("dvc metrics show --json", built).splitlines()[-1])[""]["data"]
    assert metrics[f"reports/{PICTURES}/metrics.json"]["data"].keys() >= {
        "accuracy",
        "precision",
        "recall",
        "f1",
        "roc_auc",
    }
    assert metrics[f"reports/{TABLE}/metrics.json"]["data"].keys() >= {"mae", "rmse", "mape", "mae_ratio_to_naive"}
    sh(f"dvc plots show -o {tmp_path}/plots", built)
    page = (tmp_path / "plots" / "index.html").read_text()
    for variant in VARIANTS:
        for plot in yaml.safe_load((built / "reports" / variant / "dvc.yaml").read_text())["plots"]:
            ((title, drawn),) = plot.items()
            tables = [(built / "reports" / variant / file).read_text().splitlines() for file in drawn["y"]]
            empty = all(len(rows) == 1 for rows in tables)  # a detector of profile smoke may find nothing
            assert empty or title in page


def test_a_change_of_one_parameter_reruns_only_the_stages_that_use_it(copy: Path) -> None:
    path = copy / f"conf/variant/{TABLE}.yaml"
    path.write_text(path.read_text() + "\nbenchmark:\n  warmup: 21\n")
    sh(f"dvc repro compose@{TABLE}", copy)
    assert set(stale(copy)) == {f"benchmark@{TABLE}", f"register@{TABLE}"}


def test_editing_a_task_reruns_only_the_variants_of_that_task(copy: Path) -> None:
    before: set[str] = set()
    for task in sorted(set(TASKS.values())):
        variants = [variant for variant in VARIANTS if TASKS[variant] == task]
        module = copy / f"src/slipway/tasks/{task}/__init__.py"
        module.write_text(module.read_text() + "\nEDITED = True\n")
        assert "Running stage 'code'" in sh("dvc repro code", copy)
        after = set(stale(copy))
        changed = {address for address in after - before if not address.startswith("compose@")}
        assert {address.split("@")[1] for address in changed} == set(variants), task
        for variant in variants:
            assert {f"prepare@{variant}", f"evaluate@{variant}", f"convert-tflite@{variant}"} <= changed
            assert not {f"simulate@{variant}", f"train@{variant}", f"transfer@{variant}"} & changed
        before = after


def test_a_comment_reruns_nothing(copy: Path) -> None:
    module = copy / "src/slipway/core/errors.py"
    module.write_text(module.read_text() + "\n# edited\n")
    sh("dvc repro", copy)
    assert sh("git status --porcelain", copy).split() == ["M", "dvc.lock", "M", "src/slipway/core/errors.py"]


def test_a_new_base_retrains_its_transfers(copy: Path) -> None:
    shutil.rmtree(copy / "models" / PICTURES / "native")
    changed = stale(copy)
    assert {f"train@{PICTURES}", "transfer@sports-ad-detector"} <= set(changed)
    dag = sh("dvc dag --dot", copy)
    assert f'"train@{PICTURES}" -> "transfer@sports-ad-detector"' in dag


def test_a_parameter_file_edited_by_hand_stops_repro_and_is_kept(copy: Path) -> None:
    path = copy / f"params/{TABLE}.yaml"
    path.write_text(path.read_text().replace("warmup: 20", "warmup: 5"))
    output = sh("dvc repro", copy, check=False)
    assert f"error: {TABLE}: params/{TABLE}.yaml was edited by hand: benchmark.warmup: 5" in output
    assert "Traceback" not in output
    assert "warmup: 5" in path.read_text()


def test_user_data_replaces_the_simulation(copy: Path) -> None:
    """As in the guide: remove the variant from `simulated`, copy the data to data/raw, `dvc add`, `dvc repro`."""
    own = copy.parent / "own"
    shutil.move(copy / "data/raw" / PICTURES, own)
    for path in sorted((own / "ad").iterdir())[::2]:
        path.unlink()
    metadata = (own / "metadata.csv").read_text().splitlines()
    (own / "metadata.csv").write_text(
        "\n".join(line for line in metadata if "/" not in line or (own / line.split(",")[0]).exists())
    )
    top = copy / "params.yaml"
    top.write_text(top.read_text().replace(f"  {PICTURES}: tv\n", ""))
    shutil.copytree(own, copy / "data/raw" / PICTURES)
    sh(f"dvc add data/raw/{PICTURES}", copy)
    sh(f"dvc repro prepare@{PICTURES}", copy)
    report = json.loads((copy / f"reports/{PICTURES}/dataset.json").read_text())
    assert report["found"] == sum(len(list((own / name).iterdir())) for name in ("ad", "content"))
    assert any("outside 40% to 60%" in warning for warning in report["warnings"])
    assert f"simulate@{PICTURES}" not in sh("dvc stage list", copy)


def test_bad_data_ends_the_stage_with_a_message_and_its_exit_code(copy: Path) -> None:
    victim = next((copy / "data/raw" / PICTURES / "ad").iterdir())
    victim.write_bytes(victim.read_bytes()[:200])
    done = subprocess.run(
        ["python", "-m", "slipway.stages.prepare", PICTURES],
        cwd=copy,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": "src:edge/src"},
    )
    assert done.returncode == 3
    assert "examples are bad" in done.stderr
    assert "Traceback" not in done.stderr
