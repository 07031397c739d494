"""`slipway replay` on versions of a built repository: its output, and that it leaves no files behind."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import chdir
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from filelock import FileLock
from typer.testing import CliRunner

from slipway.cli import doctor
from slipway.cli.app import app
from slipway.core import config
from slipway.metrics import latency
from slipway.registry import promotion, rebuilt, registration, releases
from smoke import TABLE, sh

GOOD, EDITED = f"{TABLE}#production#1", f"{TABLE}#staging#2"


@pytest.fixture(scope="module")
def root(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build with a version in production, and one in staging whose record says pass and should say fail."""
    root = tmp_path_factory.mktemp("replay") / "repository"
    sh(f"cp -r {built.parent / 'untouched'} {root}", built)
    with chdir(root):
        registration.register(TABLE)
        sh(f"dvc push -q prepare@{TABLE} train@{TABLE} convert-tflite@{TABLE}", root)
        promotion.promote(f"{TABLE}@v1.0.0", "production")
        Path(".slipway/promoters").write_text("tester@example.org\n")
        tighten("smoke:1,", "smoke:0.5,", 1, 0.5)
        registration.register(TABLE)
        promotion.promote(f"{TABLE}@v1.1.0", "staging", force=True, reason="it is better than it looks")
    return root


def tighten(before: str, after: str, was: float, now: float) -> None:
    """Commit a lower ceiling, which the model breaks, and a record that was edited to say pass."""
    conf = Path("conf/gate/demand.yaml")
    assert before in conf.read_text()
    conf.write_text(conf.read_text().replace(before, after))
    sh(f"python -m slipway.stages.compose {TABLE}", Path.cwd(), PYTHONPATH="src:edge/src")
    path = Path("models") / TABLE / "release.json"
    record = json.loads(path.read_text())
    (rule,) = (rule for rule in record["gate"]["rules"] if rule["max"] == was)
    rule["max"] = now
    path.write_text(json.dumps(record))
    sh("git commit -q -a -m tighter", Path.cwd())


@pytest.fixture
def clone(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone with an empty cache, which is the working directory of the test."""
    clone = tmp_path / "clone"
    sh(f"git clone -q {root} {clone}", tmp_path)
    monkeypatch.chdir(clone)
    return clone


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["replay", *arguments])
    return result.exit_code, result.stdout, result.stderr


def replayed(*arguments: str) -> tuple[int, dict[str, Any]]:
    code, out, stderr = run(*arguments, "--json")
    assert out, stderr
    return code, json.loads(out)


def test_an_environment_without_the_stages_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text("all:\n  mine: {task: image_classification, framework: keras}\n")
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    code, _, stderr = run("mine@v1.0.0")
    assert code == 5
    assert stderr == (
        "error: a replay runs the stages, and the packages of requirements/build.lock are not installed\n"
    )


def snapshot(root: Path) -> Mapping[str, Any]:
    """The state that a replay must not change: all files, except in DVC's temporary folder and its cache."""
    outside = (root / ".dvc" / "tmp", root / ".dvc" / "cache")
    return {
        "files": {
            str(path): (path.stat().st_mtime_ns, path.stat().st_size)
            for path in root.rglob("*")
            if path.is_file() and not any(path.is_relative_to(one) for one in (*outside, root / ".git"))
        },
        "status": sh("git status --porcelain", root),
        "refs": sh("git for-each-ref", root),
        "worktrees": sh("git worktree list", root),
        "scratch": (root / ".dvc/tmp/replay").exists(),
    }


def test_a_promotion_is_reproduced_in_a_clone_that_fetches_its_files(root: Path, clone: Path) -> None:
    sh(f"dvc remote modify -q --local local url {root / '.dvc/storage'}", clone)
    before = snapshot(clone)
    code, result = replayed(GOOD)
    assert [line for line in result["lines"] if not line["same"]] == []
    assert (code, result["same"], result["recorded"], result["derived"]) == (0, True, "pass", "pass")
    named = {line["what"] for line in result["lines"]}
    assert {f"{GOOD}: Verdict", "verdict", "mae_ratio_to_naive", "latency_p95_ms", "model.tflite"} <= named
    assert snapshot(clone) == before
    assert len(before["worktrees"].splitlines()) == 1


def test_a_rebuilt_version_has_the_same_bytes(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    before, cache = snapshot(root), sh("find .dvc/cache -type f -exec md5sum {} + | sort", root)
    code, result = replayed(f"{TABLE}@v1.0.0", "--rebuild")
    assert [line for line in result["lines"] if not line["same"]] == []
    assert code == 0
    (compared,) = (line for line in result["lines"] if line["what"] == "outputs with the bytes of dvc.lock")
    assert int(compared["derived"]) == 19
    assert snapshot(root) == before
    assert sh("find .dvc/cache -type f -exec md5sum {} + | sort", root) == cache


OTHER_BYTES = """
import sys
if "slipway.stages.train" in sys.orig_argv:
    from slipway.core import config
    read = config.read
    config.read = lambda variant: read(variant) | {"seed": 99}
"""
"""Trains with another seed, to get different bytes as on another kind of processor."""


@pytest.fixture
def other_bytes(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    (tmp_path / "sitecustomize.py").write_text(OTHER_BYTES)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


@pytest.mark.usefixtures("other_bytes")
def test_different_bytes_on_the_same_processor_are_a_difference(root: Path) -> None:
    code, result = replayed(f"{TABLE}@v1.0.0", "--rebuild")
    assert (code, result["same"], result["processors"]) == (1, False, None)


@pytest.mark.usefixtures("other_bytes")
def test_different_bytes_on_another_processor_are_compared_with_the_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency, "fingerprint", lambda: {"processor": "another"})
    code, result = replayed(f"{TABLE}@v1.0.0", "--rebuild")
    different = {line["what"] for line in result["lines"] if not line["same"]}
    assert {f"models/{TABLE}/model.tflite", f"models/{TABLE}/native"} <= different
    assert "verdict" not in different
    assert (code, result["same"], result["processors"][1]) == (0, True, "another")


def test_doctor_compares_a_model_of_another_processor_with_the_committed_one(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shutil.copytree(root, tmp_path / "copy", symlinks=True))
    record, benchmark = Path("models", TABLE, "release.json"), Path("reports", TABLE, "benchmark.json")
    values, timed = (json.loads(path.read_text()) for path in (record, benchmark))
    values["artifacts"]["model.tflite"]["sha256"], timed["machine"]["processor"] = "f" * 64, "another"
    record.write_text(json.dumps(values))
    benchmark.write_text(json.dumps(timed))
    (found,) = doctor.examine(["models"])
    assert found.wrong.startswith(f"{TABLE}: same verdict, other bytes, another processor (another here, ")


def test_a_rebuilt_model_that_loses_more_than_allowed_has_another_verdict(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model has the same verdict on its own rules, but is much worse than the version."""
    monkeypatch.chdir(root)
    release = releases.read([(TABLE, sh(f"git rev-parse {TABLE}@v1.0.0^{{}}", root).strip())])[0]
    shipped = Path("reports", TABLE, "shipped.parquet")
    worse = pd.read_parquet(shipped)
    worse[f"predicted {release.record.spec['outputs'][0]}"] *= 3
    worse.to_parquet(tmp := root.parent / "worse.parquet")
    params = config.read(TABLE)
    params["gate"]["baseline"] = {"overall": {"mae": {"most": 0.1, "relative": True}}}
    assert [
        rule.verdict for rule in rebuilt.lost(release, shipped.read_bytes(), release, tmp.read_bytes(), params)
    ] == ["fail"]


def test_a_record_that_was_edited_differs(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    code, result = replayed(EDITED)
    assert (code, result["same"], result["recorded"], result["derived"]) == (1, False, "pass", "fail")
    differing = {line["what"]: line["derived"] for line in result["lines"] if not line["same"]}
    edited = {"conf/gate", f"models/{TABLE}/release.json", f"params/{TABLE}.yaml", "release.json: lineage.params"}
    assert differing.keys() == {f"{EDITED}: Verdict", "verdict", "mae_ratio_to_naive", *edited}
    assert "is above the ceiling 0.5" in differing["mae_ratio_to_naive"]


def test_bytes_that_cannot_be_fetched_give_one_line_and_exit_code_5(clone: Path) -> None:
    sh("git worktree add -q --detach .dvc/tmp/replay", clone)  # as left by a killed replay
    code, _, stderr = run(GOOD)
    assert code == 5
    why = f"data/prepared/{TABLE} is neither in the DVC cache nor in the remote; run `dvc push` where it was built"
    assert stderr == f"error: {TABLE} cannot be replayed: {why}\n"
    assert len(sh("git worktree list", clone).splitlines()) == 1
    assert not Path(".dvc/tmp/replay").exists()


@pytest.mark.parametrize(
    ("tag", "why"),
    [
        (f"{TABLE}@v9.0.0", "no such version"),
        (f"{TABLE}#production#9", "holds production#9"),
        (f"{TABLE}#production!#3", "does not assign anything"),
        ("nothing@v1.0.0", "nothing has no versions"),
    ],
)
def test_a_tag_that_is_not_a_promotion_is_refused(clone: Path, tag: str, why: str) -> None:
    sh(f"git tag -a '{TABLE}#production!#3' -m 'take it back' '{GOOD}^{{}}'", clone)
    code, _, stderr = run(tag)
    assert code == 5
    assert why in stderr
    assert len(stderr.splitlines()) == 1


def test_a_second_replay_at_the_same_time_is_refused(clone: Path) -> None:
    Path(".dvc/tmp").mkdir(exist_ok=True)
    with FileLock(".dvc/tmp/replay.lock"):
        code, _, stderr = run(GOOD)
    assert (code, "another replay" in stderr) == (5, True)


def test_a_stopped_replay_leaves_no_files(root: Path) -> None:
    before = snapshot(root)
    process = subprocess.Popen(
        [sys.executable, "-m", "slipway.cli.app", "replay", GOOD], cwd=root, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    assert process.stderr.readline() == f"compose@{TABLE}:\n"
    process.terminate()
    assert process.wait(60) == 128 + signal.SIGTERM
    assert snapshot(root) == before
