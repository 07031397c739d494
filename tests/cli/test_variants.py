"""`slipway rename` and `slipway remove`: only what can be brought back goes, and other variants stay as they are."""

import re
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from conftest import ROOT, fingerprints
from slipway.cli import entries, variants
from slipway.cli.app import app
from slipway.core import config
from slipway.core.config import TOP
from slipway.core.errors import ConfigError, DataError

VARIANT = "shop-front"


def sh(command: str) -> str:
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def shop(repository: Path) -> Path:
    """A repository with a variant that was made and built, and is committed."""
    for path, text in {
        f"conf/variant/{VARIANT}.yaml": "# @package _global_\n",
        f"data/raw/{VARIANT}/one.jpg": "a picture",
        f"params/{VARIANT}.yaml": "seed: 7\n",
        f"reports/{VARIANT}/metrics.json": "{}",
        f"models/{VARIANT}/native/model": "weights",
        f"models/{VARIANT}/card.md": "A card",
        f"data/prepared/{VARIANT}/train/0": "packed",
    }.items():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text)
    line = "{task: image_classification, framework: keras}"
    TOP.write_text(entries.add(TOP.read_text(), TOP, "variants", VARIANT, line))
    artifact = f"{{path: models/{VARIANT}/model.tflite, type: model}}"
    entries.GRAPH.write_text(entries.add(entries.GRAPH.read_text(), entries.GRAPH, "artifacts", VARIANT, artifact))
    lock = entries.LOCK.read_text()
    entries.LOCK.write_text(entries.add(lock, entries.LOCK, "stages", f"compose@{VARIANT}", "{cmd: compose}"))
    sh(f"dvc add -q data/raw/{VARIANT} && git add --all && git commit -q -m 'Add {VARIANT}'")
    return repository


def traces(name: str) -> list[str]:
    """The paths and the lines of the repository's own files that still name a variant."""
    files = sh("git ls-files --cached --others --exclude-standard").splitlines()
    named = [path for path in files if name in path]
    named += [str(path) for path in Path().rglob(f"*{name}*") if path.parts[0] not in (".git", ".dvc")]
    return named + [str(path) for path in (TOP, entries.GRAPH, entries.LOCK) if name in path.read_text()]


def test_a_variant_is_renamed_and_removed_with_the_commands_of_the_page(shop: Path) -> None:
    page = (ROOT / "docs/add-a-variant.md").read_text()
    chapter = page[page.index("## Rename or remove a variant") : page.index("## Frames from video")]
    rename, remove = re.findall("```sh\n(.*?)```", chapter, re.DOTALL)
    before = Path("params.yaml").read_text()
    sh("set -e\n" + re.sub("dvc repro .*", "", rename))
    assert Path("data/raw/shop-window/one.jpg").read_text() == "a picture"
    assert "shop-window" in config.top()["all"] and traces(VARIANT) == []
    assert sh("git status --porcelain") == ""
    sh(f"set -e\n{remove}")
    assert traces("shop-window") == []
    assert Path("params.yaml").read_text() == "".join(
        line for line in before.splitlines(keepends=True) if VARIANT not in line
    )
    assert sh("git status --porcelain") == ""
    sh("git revert --no-edit HEAD && dvc checkout -q data/raw/shop-window")
    assert Path("data/raw/shop-window/one.jpg").read_text() == "a picture"


def test_a_plain_baseline_follows_its_variant(shop: Path) -> None:
    TOP.write_text(entries.add(TOP.read_text(), TOP, "baselines", VARIANT, "image_classification"))
    variants.rename(VARIANT, "shop-window")
    assert config.top()["baselines"] == {"shop-window": "image_classification"}
    variants.remove("shop-window", force=True)
    assert config.top()["baselines"] == {} and traces("shop-window") == []


def test_a_removal_that_was_killed_goes_on(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(variants.entries, "remove", killed)
        variants.remove(VARIANT)
    assert VARIANT in config.top()["all"]
    sh("git reset -q")  # as if it had been killed before it staged the files
    variants.remove(VARIANT)
    assert traces(VARIANT) == []


def test_a_rename_that_was_killed_goes_on(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(variants.entries, "rename", killed)
        variants.rename(VARIANT, "shop-window")
    variants.rename(VARIANT, "shop-window")
    assert traces(VARIANT) == [] and "shop-window" in config.top()["all"]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (f"echo '# an edit' >> conf/variant/{VARIANT}.yaml", ConfigError, "is not committed"),
        (f"rm data/raw/{VARIANT}/one.jpg && echo another > data/raw/{VARIANT}/one.jpg", DataError, "run `dvc add"),
        ("rm -rf .dvc/cache", DataError, "DVC could not bring it back"),
    ],
)
def test_what_could_not_be_brought_back_is_removed_only_by_force(
    shop: Path, change: str, error: type[Exception], message: str
) -> None:
    sh(change)
    before = fingerprints(shop)
    with pytest.raises(error, match=message):
        variants.remove(VARIANT)
    changed = {path for path, digest in fingerprints(shop).items() if before.get(path) != digest}
    assert all(path.startswith((".dvc/", ".git/")) for path in changed)
    variants.remove(VARIANT, force=True)
    assert traces(VARIANT) == []


def test_raw_data_that_nobody_tracks_stays(shop: Path) -> None:
    Path(f"data/raw/{VARIANT}.dvc").unlink()
    sh("git commit -qam 'No longer tracked'")
    assert variants.remove(VARIANT).left == (f"data/raw/{VARIANT}",)
    assert Path(f"data/raw/{VARIANT}/one.jpg").exists()


def test_a_base_of_others_and_a_version_in_use_stay(shop: Path) -> None:
    with pytest.raises(ConfigError, match="sports-ad-detector, news-ad-detector starts from its weights"):
        variants.remove("base-ad-detector")
    sh(f"git tag -a -m v1.0.0 {VARIANT}@v1.0.0 && git tag -a -m 'ship it' '{VARIANT}#staging#1'")
    with pytest.raises(ConfigError, match=r"shop-front@v1\.0\.0 holds staging; .* slipway retire shop-front@v1\.0\.0"):
        variants.remove(VARIANT)


def test_the_base_of_others_is_renamed_in_their_lines_too(repository: Path) -> None:
    """Its simulated data is not moved, as the simulate stage writes it again."""
    before = {path: digest for path, digest in fingerprints(Path("conf")).items() if "base-ad" not in path}
    done = CliRunner().invoke(app, ["rename", "base-ad-detector", "ads"])
    assert done.exit_code == 0, done.output
    assert "then: dvc repro register@ads" in done.output
    top = config.top()
    assert {top["all"][name]["from"] for name in ("sports-ad-detector", "news-ad-detector")} == {"ads"}
    assert top["simulated"]["ads"] == "tv" and "base-ad-detector" not in top["simulated"]
    assert before.items() <= fingerprints(Path("conf")).items()
    assert "train@ads" in sh("dvc stage list --name-only")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("nothing", "mine", "params.yaml has no variant nothing; it has base-ad-detector, "),
        (VARIANT, "demand-predictor", "demand-predictor: this variant exists already"),
        (VARIANT, "DEMAND-predictor", "demand-predictor: this variant exists already"),
        (VARIANT, VARIANT, "shop-front: this variant exists already"),
        (VARIANT, "my_shop", "letters, digits and -"),
        (VARIANT, "yes", "letters, digits and -"),
    ],
)
def test_a_name_that_cannot_be_used_is_refused_and_nothing_changes(
    shop: Path, old: str, new: str, message: str
) -> None:
    done = CliRunner().invoke(app, ["rename", old, new])
    assert done.exit_code == 2 and message in done.stderr
    assert sh("git status --porcelain") == ""
