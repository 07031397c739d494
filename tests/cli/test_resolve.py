"""`slipway resolve`, and the message of every command if merge conflicts are left."""

import contextlib
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from dvc.cli import main
from dvc.repo import Repo
from typer.testing import CliRunner

from released import git
from slipway.cli.app import app
from slipway.cli.doctor import examine

GRAPH = """
stages:
  compose:
    foreach: ${all}
    do:
      cmd: |-
        mkdir -p params && (cat conf/${key}.yaml shared.txt && echo "sum: $(cksum < shared.txt)") > params/${key}.yaml
      deps: [shared.txt, 'conf/${key}.yaml']
      outs:
      - params/${key}.yaml: {cache: false, persist: true}
  register:
    foreach: ${all}
    do:
      cmd: mkdir -p models/${key} && cp params/${key}.yaml models/${key}/release.json
      deps: ['params/${key}.yaml']
      outs:
      - models/${key}/release.json: {cache: false}
"""
"""Two stages per variant that depend on a shared file, as real stages depend on the code."""
SHARED = "ordinary: {number}\n"


def dvc(*arguments: str) -> None:
    assert main(list(arguments)) == 0


def up_to_date() -> bool:
    with Repo() as repo:
        return not repo.status()


def commit(message: str) -> None:
    git("add", "--all")
    git("commit", "-q", "-m", message)


def add(*variants: str) -> None:
    lines = Path("params.yaml").read_text() if Path("params.yaml").exists() else "all:\n"
    Path("params.yaml").write_text(lines + "".join(f"  {name}: {{}}\n" for name in variants))
    for name in variants:
        Path("conf", f"{name}.yaml").write_text(f"name: {name}\n")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two branches that both changed the shared file; one of them also adds a variant."""
    root = tmp_path_factory.mktemp("parted") / "repository"
    root.mkdir()
    with contextlib.chdir(root):
        _part()
    return root


def _part() -> None:
    git("init", "-q", "-b", "main")
    dvc("init", "-q")
    Path("conf").mkdir()
    Path("dvc.yaml").write_text(GRAPH)
    add("one", "two")
    Path("shared.txt").write_text(SHARED.format(number=1) + "\n" * 4 + "other: 1\n")
    dvc("repro", "-q")
    commit("Begin")
    git("switch", "-q", "-c", "branch")
    Path("shared.txt").write_text(Path("shared.txt").read_text().replace("other: 1", "other: 2"))
    add("three")
    dvc("repro", "-q")
    commit("Change the other end")
    git("switch", "-q", "main")
    Path("shared.txt").write_text(Path("shared.txt").read_text().replace("ordinary: 1", "ordinary: 2"))
    dvc("repro", "-q")
    commit("Change one end")


@pytest.fixture
def parted(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The two branches, with the conflicts of their merge."""
    shutil.copytree(built, tmp_path / "repository", symlinks=True)
    monkeypatch.chdir(tmp_path / "repository")
    merged = subprocess.run(["git", "merge", "-q", "branch"], capture_output=True, text=True)
    assert merged.returncode == 1


def test_a_merge_is_resolved_and_repro_brings_it_up_to_date(parted: None) -> None:
    result = CliRunner().invoke(app, ["resolve"])
    assert result.exit_code == 0, result.output
    assert "resolved: dvc.lock, " in result.output
    assert "resolved: params/one.yaml, 1 conflict\n" in result.output
    assert git("diff", "--name-only", "--diff-filter=U") == ""
    assert list(yaml.safe_load(Path("dvc.lock").read_text())["stages"])[-2:] == ["compose@three", "register@three"]
    dvc("repro", "-q")
    assert up_to_date()
    merged = yaml.safe_load(Path("models/three/release.json").read_text())
    assert (merged["name"], merged["ordinary"], merged["other"]) == ("three", 2, 2)
    commit("Merge")
    assert CliRunner().invoke(app, ["resolve"]).output == "no merge conflicts found\n"


def test_doctor_reports_only_the_conflicts(parted: None) -> None:
    found = {one.wrong.partition(":")[0]: one for one in examine()}
    assert set(found) == {"dvc.lock", *(f"params/{name}.yaml" for name in ("one", "two"))} | {
        f"models/{name}/release.json" for name in ("one", "two")
    }
    assert {one.check for one in found.values()} == {"merge"}
    assert "conflicts here" in found["dvc.lock"].wrong
    assert {one.fix for one in found.values()} == {"slipway resolve && dvc repro"}


def test_a_stage_that_only_one_side_changed_is_taken_from_that_side(parted: None) -> None:
    git("merge", "--abort")
    git("checkout", "-q", "-B", "other", "branch~1")
    Path("conf/two.yaml").write_text("name: second\n")
    dvc("repro", "-q")
    commit("Change two")
    git("switch", "-q", "main")
    subprocess.run(["git", "merge", "-q", "other"], capture_output=True)
    theirs = yaml.safe_load(git("show", "other:dvc.lock"))["stages"]["compose@two"]["deps"]
    Path("dvc.lock").write_text("<<<<<<< HEAD\n" + Path("dvc.lock").read_text() + ">>>>>>> other\n")
    CliRunner().invoke(app, ["resolve"])
    assert yaml.safe_load(Path("dvc.lock").read_text())["stages"]["compose@two"]["deps"] != theirs, "both changed it"
    dvc("repro", "-q")
    assert up_to_date()
    assert "second" in Path("models/two/release.json").read_text()


def add_markers(path: str, at: int = 1) -> None:
    """Write conflict markers into a file, starting at line `at` (from 0)."""
    lines = Path(path).read_text().splitlines()
    lines[at : at + 1] = ["<<<<<<< HEAD", lines[at], "=======", lines[at], ">>>>>>> branch"]
    Path(path).write_text("\n".join(lines) + "\n")


def test_committed_conflict_markers_are_resolved_too(parted: None) -> None:
    git("merge", "--abort")
    before = Path("dvc.lock").read_text()
    add_markers("dvc.lock", 5)
    commit("Forget the markers")
    assert [one.wrong for one in examine()] == [
        "dvc.lock: a merge left 1 conflict here; run `slipway resolve`, then `dvc repro`"
    ]
    assert CliRunner().invoke(app, ["resolve"]).exit_code == 0
    assert Path("dvc.lock").read_text() == before


def test_files_written_by_people_are_left_to_them(parted: None) -> None:
    git("merge", "--abort")
    add_markers("params.yaml")
    result = CliRunner().invoke(app, ["resolve"])
    assert result.exit_code == 2
    assert "resolve by hand: params.yaml: a merge left 1 conflict here; keep the right text" in result.output
    (found,) = examine()
    assert found.fix == "edit params.yaml"


def test_a_file_that_this_side_removed_stays_removed(parted: None) -> None:
    git("merge", "--abort")
    git("rm", "-q", "models/one/release.json")
    git("commit", "-q", "-m", "Remove one")
    subprocess.run(["git", "merge", "-q", "branch"], capture_output=True)
    assert CliRunner().invoke(app, ["resolve"]).exit_code == 0
    assert not Path("models/one/release.json").exists()
    assert git("diff", "--name-only", "--diff-filter=U") == ""


COMMANDS = {
    "releases": 2,
    "gate": 3,
    "report": 3,
    "folds one": 2,
    "new mine --task image_classification --data data": 2,
    "doctor": 1,
    "registry list": 2,
    "registry sync --strict": 2,
    "replay one@v1.0.0": 2,
    "register": 2,
}
BROKEN = {
    "conflict": (None, "params.yaml:2: a merge left 1 conflict here; keep the right text"),
    "yaml": ("all:\n  one: {\n", "params.yaml:3: not YAML"),
    "twice": ("all:\n  one: {}\n  one: {}\n", "params.yaml:3: not YAML (one is there twice)"),
    "list": ("- one\n", "params.yaml: `all` must be a mapping with a line for each variant"),
    "binary": (b"\xff\xfe", "params.yaml: not YAML"),
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("broken", BROKEN)
def test_no_command_ends_with_a_traceback_if_params_yaml_is_unreadable(
    command: str, broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    git("init", "-q")
    (tmp_path / "data").mkdir()
    content, message = BROKEN[broken]
    Path("params.yaml").write_bytes(content.encode() if isinstance(content, str) else content or b"all:\n  one: {}\n")
    if content is None:
        add_markers("params.yaml")
    git("add", "params.yaml")
    git("commit", "-q", "-m", "Begin")
    result = CliRunner().invoke(app, command.split())
    output = result.stderr
    if command == "doctor" and broken == "conflict":
        message, output = message.replace("params.yaml:2:", "params.yaml:"), result.output
    assert message in output, result.output
    assert result.exit_code == (2 if command == "doctor" and broken != "conflict" else COMMANDS[command])
    assert result.exception is None or isinstance(result.exception, SystemExit)


@pytest.mark.parametrize("path", ["models/one/release.json", "reports/one/benchmark.json"])
def test_conflicts_in_a_record_are_reported(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text("all:\n  one: {}\n")
    for name in ("models/one/release.json", "reports/one/benchmark.json"):
        Path(name).parent.mkdir(parents=True)
        Path(name).write_text('{\n "gate": 1\n}\n')
    add_markers(path)
    result = CliRunner().invoke(app, ["releases"])
    assert result.exit_code == 4
    assert result.stderr == f"error: {path}:2: a merge left 1 conflict here; run `slipway resolve`, then `dvc repro`\n"
