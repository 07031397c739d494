"""Every checkout: the files that Git ignores for DVC, line endings, and what `make repro` measures."""

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
import yaml
from dvc.repo import Repo

from released import git

ROOT = Path(__file__).resolve().parents[1]
FILES = (".gitignore", ".gitattributes")


def outputs() -> tuple[list[str], list[str]]:
    """Return the outputs of the stages of a variant `x`: those in DVC, and those in Git."""
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"].values()
    outs = [one for stage in stages for kind in ("outs", "metrics") for one in stage.get("do", stage).get(kind, [])]
    kept = [one for one in outs if isinstance(one, str)]
    others = [path for one in outs if isinstance(one, dict) for path, how in one.items() if how["cache"] is False]
    return [path.replace("${key}", "x") for path in kept], [path.replace("${key}", "x") for path in others]


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty repository with the Git settings of this one."""
    (tmp_path / "repository").mkdir()
    monkeypatch.chdir(tmp_path / "repository")
    git("init", "-q", "-b", "main")
    for name in FILES:
        shutil.copyfile(ROOT / name, name)
    return tmp_path


def test_outputs_of_dvc_are_ignored_before_any_stage_ends(scratch: Path) -> None:
    """DVC does not know the outputs of a stage that failed or was stopped; `git add --all` must not add them."""
    kept, others = outputs()
    assert len(kept) > 6
    for path in (*kept, *others):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text("left")
    Path("models/x/.native.tmp").mkdir()
    Path("models/x/.native.tmp/half").write_text("left")
    Path("data/raw/x.dvc").write_text("outs: []\n")
    git("add", "--all")
    assert git("ls-files").splitlines() == sorted({*FILES, *others, "data/raw/x.dvc"})


def test_dvc_adds_raw_data_and_outputs_although_git_ignores_them(scratch: Path) -> None:
    """DVC finds its files ignored already, and adds no line to .gitignore."""
    subprocess.run(["dvc", "init", "-q"], check=True)
    for folder in ("data/raw/mine", "data/prepared/mine"):
        Path(folder).mkdir(parents=True)
        Path(folder, "one").write_text("1")
    stage = {"cmd": "true", "outs": ["data/prepared/mine"]}
    Path("dvc.yaml").write_text(yaml.safe_dump({"stages": {"prepare": stage}}))
    git("add", "--all")
    subprocess.run(["dvc", "add", "-q", "data/raw/mine"], check=True)
    subprocess.run(["dvc", "commit", "-q", "-f", "prepare"], check=True)
    with Repo() as repo:
        assert sorted(map(str, repo.index.outs)) == ["data/prepared/mine", "data/raw/mine"]
    git("add", "--all")
    assert git("ls-files", "--", ".", ":!.dvc").splitlines() == [
        ".dvcignore", ".gitattributes", ".gitignore", "data/raw/mine.dvc", "dvc.lock", "dvc.yaml",
    ]  # fmt: skip


def test_a_checkout_by_git_for_windows_has_the_same_bytes(scratch: Path) -> None:
    texts = ("params.yaml", "reports/x/plots/roc.csv", "models/x/release.json", "src/x.py", "Makefile")
    for name in texts:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(b"one\ntwo\n")
    Path("picture.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    git("add", "--all")
    git("commit", "-q", "-m", "Begin")
    git("-c", "core.autocrlf=true", "clone", "-q", ".", "../other")
    for name in texts:
        assert (scratch / "other" / name).read_bytes() == b"one\ntwo\n"
    assert (scratch / "other/picture.png").read_bytes() == b"\x89PNG\r\n\x1a\n"


FAKE = """#!/bin/sh
echo "$@" >> "$LOG"
case "$*" in
  "stage list"*) printf 'compose@one\\nbenchmark@one\\nbenchmark@two\\nregister@one\\nregister@two\\n' ;;
  repro) sleep 0.05; for variant in $MEASURES; do echo {} > reports/$variant/benchmark.json; done ;;
esac
"""
"""Stands in for DVC; its `dvc repro` runs the benchmark of some variants."""


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files that `make repro` needs, with two variants measured on another machine, and programs that log."""
    programs = tmp_path / ".venv/bin"
    programs.mkdir(parents=True)
    for name, text in (("dvc", FAKE), ("slipway", "#!/bin/sh\necho slipway $@ >> $LOG\n")):
        (programs / name).write_text(text)
        (programs / name).chmod(stat.S_IRWXU)
    (tmp_path / "requirements").mkdir()
    for name in ("Makefile", "requirements/build.lock", "pyproject.toml"):
        shutil.copy2(ROOT / name, tmp_path / name)
    (tmp_path / ".venv/build").touch()
    for variant in ("one", "two"):
        (tmp_path / "reports" / variant).mkdir(parents=True)
        file = tmp_path / "reports" / variant / "benchmark.json"
        file.write_text("{}")
        os.utime(file, (1, 1))
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    monkeypatch.setenv("MEASURES", "")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def log() -> list[str]:
    return Path("log").read_text().splitlines()


@pytest.mark.parametrize(
    ("measures", "forced"),
    [
        ("one two", []),
        ("one", ["repro --force --single-item benchmark@two register@two"]),
        ("", ["repro --force --single-item benchmark@one register@one benchmark@two register@two"]),
    ],
)
def test_make_repro_measures_once(
    measures: str, forced: list[str], made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variant that `dvc repro` has just measured on this machine is not measured again."""
    monkeypatch.setenv("MEASURES", measures)
    for _ in range(2):  # the second run has nothing to measure
        subprocess.run(["make", "repro"], check=True, capture_output=True)
    assert [line for line in log() if "--force" in line] == forced


@pytest.mark.parametrize(
    ("names", "targets", "forced"),
    [
        ("two", "register@two", "benchmark@two register@two"),
        ("two one", "register@two register@one", "benchmark@two register@two benchmark@one register@one"),
    ],
)
def test_make_repro_builds_measures_and_shows_only_the_named_variants(
    names: str, targets: str, forced: str, made: Path
) -> None:
    subprocess.run(["make", "repro", f"ONLY={names}"], check=True, capture_output=True)
    assert [line for line in log() if not line.startswith("stage list")] == [
        f"repro {targets}", f"repro --force --single-item {forced}", f"slipway releases {names}",
    ]  # fmt: skip


def test_variants_left_out_by_only_are_measured_by_the_next_make_repro(made: Path) -> None:
    subprocess.run(["make", "repro", "ONLY=two"], check=True, capture_output=True)
    Path("log").unlink()
    subprocess.run(["make", "repro"], check=True, capture_output=True)
    assert "repro --force --single-item benchmark@one register@one benchmark@two register@two" in log()


def test_make_repro_refuses_an_unknown_variant(made: Path) -> None:
    done = subprocess.run(["make", "repro", "ONLY=two nobody"], capture_output=True, text=True)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.endswith("*** ONLY: params.yaml has no variant nobody; it has one two.  Stop.")
    assert "repro" not in " ".join(log())
