"""The ten commands of docs/gitops.md, from a clone to production and back, on the repository built in profile smoke."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from conftest import ROOT
from smoke import TABLE, sh


def test_ten_commands_take_a_clone_to_production_and_back(copy: Path, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "gitops.md").read_text()
    chapter = page[page.index("## From a clone") : page.index("## Through staging")]
    commands = "".join(re.findall("```sh\n(.*?)```", chapter, re.DOTALL)).splitlines()
    assert len(commands) == 10
    place = tmp_path / "somewhere"
    place.mkdir()
    clone = place / "models"
    environment = {**os.environ, "REPOSITORY": str(copy), "PYTHONPATH": f"{clone}/src:{clone}/edge/src"}
    for number, command in enumerate(commands):
        if number == 1:
            (clone / ".venv").symlink_to(sys.prefix)
            shutil.copytree(copy / ".dvc" / "cache", clone / ".dvc" / "cache")
            sh("dvc checkout --quiet", clone)  # restores the build, which takes minutes
            (clone / ".dvc" / "tmp").mkdir(exist_ok=True)
            (clone / ".dvc" / "tmp" / "measured").touch()  # only one variant is measured, see below
            command = command.replace("make repro", "make repro --assume-old=.venv/build")
        done = subprocess.run(
            ["bash", "-euc", command],
            cwd=clone if number else place,
            capture_output=True,
            text=True,
            env=environment,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
        if number == 1:
            sh(f"dvc repro --force --single-item benchmark@{TABLE} register@{TABLE}", clone)
    rows = json.loads(sh(f"slipway registry list {TABLE} --json", clone, PYTHONPATH=f"{clone}/src:{clone}/edge/src"))
    assert {row["version"]: row["roles"] for row in rows} == {"v1.0.0": ["production"], "v1.1.0": []}
    shown = json.loads(sh(f"gto show '{TABLE}#production' --json", clone))
    assert [one["version"] for one in shown] == ["v1.0.0"]
    sh("slipway registry sync", clone, PYTHONPATH=f"{clone}/src:{clone}/edge/src")
    load = f"import mlflow; mlflow.set_tracking_uri('sqlite:///{clone}/mlflow.db'); " + (
        "model = mlflow.pyfunc.load_model('models:/demand_predictor@production'); "
        "print('predicted', model.predict(model.input_example).shape)"
    )
    assert "predicted (2, 1)" in sh(f'{sys.executable} -c "{load}"', clone, PYTHONPATH=f"{clone}/src:{clone}/edge/src")
