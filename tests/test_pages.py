"""The pages: same content on the site and in the repository, no broken links, and only commands that exist."""

import argparse
import functools
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import typer
import yaml
from dvc.cli.parser import get_main_parser
from markdown_it import MarkdownIt

from conftest import ROOT, copy_repository
from slipway.cli.app import app
from slipway.gate import verdict
from smoke import sh

sys.path.insert(0, str(ROOT / "docs"))
import picture

PAGES = sorted([*ROOT.glob("[A-Z]*.md"), ROOT / "edge" / "README.md", *(ROOT / "docs").rglob("*.md")])
NAMES = [path.relative_to(ROOT).as_posix() for path in PAGES]
MARKDOWN = MarkdownIt("commonmark").enable("table")
BLOCKS = {
    "tables": (("table_open",), r"<table>"),
    "code": (("fence", "code_block"), r"<pre>"),
    "items": (("list_item_open",), r"<li>"),
    "headings": (("heading_open",), r"<h\d"),
}
"""The Markdown tokens of each kind of block, and its HTML on the site."""


def build(root: Path, site: Path) -> subprocess.CompletedProcess[str]:
    """Build the site as `make docs` does; not with --quiet, because MkDocs would then not count its warnings."""
    command = [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(site)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(command, cwd=root, capture_output=True, text=True, env=environment)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All pages as a site."""
    folder = tmp_path_factory.mktemp("site")
    done = build(ROOT, folder)
    assert done.returncode == 0, done.stderr
    return folder


def article(site: Path, name: str) -> str:
    folder = site if name == "README.md" else site / name.removesuffix(".md").removesuffix("/README")
    found = re.search(r"<article.*?</article>", (folder / "index.html").read_text(), re.DOTALL)
    assert found is not None, name
    return found[0]


@pytest.mark.parametrize("name", NAMES)
def test_a_page_has_the_same_blocks_on_the_site_as_in_the_repository(name: str, site: Path) -> None:
    """Markdown parsers disagree on lists, tables and code if blank lines or indentation are missing."""
    shown, tokens = article(site, name), MARKDOWN.parse((ROOT / name).read_text())
    assert {what: len(re.findall(html, shown)) for what, (_, html) in BLOCKS.items()} == {
        what: sum(token.type in types for token in tokens) for what, (types, _) in BLOCKS.items()
    }


def test_nothing_on_the_site_is_loaded_from_another_host(site: Path) -> None:
    loaded = re.compile(r"""<(?:script|img|iframe|source)[^>]*\bsrc=["']?([^"'\s>]+)|<link([^>]+)>""")
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > len(PAGES)
    for page in pages:
        text = page.read_text()
        for source, link in loaded.findall(text):
            assert not re.match(r"(https?:)?//", source), f"{page}: {source}"
            assert not re.search(r"href=[\"']?(https?:)?//", link), f"{page}: {link}"
        assert 'class="mermaid"' not in text, f"{page}: Mermaid is loaded from another host"
    for style in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import )[\"']?(https?:)?//", style.read_text()), style


def test_the_search_knows_every_page(site: Path) -> None:
    found = {
        entry["location"].split("#")[0] for entry in json.loads((site / "search/search_index.json").read_text())["docs"]
    }
    assert {"", "docs/guide/", "docs/glossary/", "docs/decisions/", "CONTRIBUTING/"} <= found
    assert len(found) == len(PAGES)


def test_a_parameter_file_that_a_page_links_to_is_on_the_site_as_text(site: Path) -> None:
    link = re.search(r'href="([^"]+demand\.yaml[^"]*)"', article(site, "docs/tasks/tabular_regression.md"))
    assert link is not None
    shown = (site / "docs/tasks/tabular_regression" / link[1]).resolve()
    assert shown.suffix == ".txt"
    assert shown.read_bytes() == (ROOT / "conf/data/demand.yaml").read_bytes()


FAULTS = [
    ("docs/guide.md", "[here](nowhere.md)", "'nowhere.md'"),
    ("docs/guide.md", "[here](../conf/nowhere.yaml)", "conf/nowhere.yaml"),
    ("docs/guide.md", "[here](gitops.md#nowhere)", "#nowhere"),
    ("docs/guide.md", "![there](missing.svg)", "'missing.svg'"),
    ("docs/new.md", "# A page without a link", "docs/new.md"),
]
"""Pages, faulty texts that are added to them, and what MkDocs says about each."""


def test_a_broken_link_or_an_unlisted_page_is_refused(tmp_path: Path) -> None:
    root = copy_repository(tmp_path / "repository")
    for page, text, _ in FAULTS:
        with (root / page).open("a") as file:
            file.write(f"\n{text}\n")
    done = build(root, tmp_path / "site")
    assert done.returncode == 1
    warnings = re.split("^WARNING", done.stderr, flags=re.MULTILINE)[1:]
    assert len(warnings) == len(FAULTS), done.stderr
    for page, _, message in FAULTS:
        assert any(page in warning and message in warning for warning in warnings), message


def test_every_decision_is_listed_by_its_title() -> None:
    folder = ROOT / "docs/decisions"
    records = sorted(folder.glob("[0-9]*.md"))
    listed = [line for line in (folder / "README.md").read_text().splitlines() if line.startswith("- ")]
    titles = [record.read_text().splitlines()[0].removeprefix("# ") for record in records]
    assert listed == [
        f"- [{record.name[:4]}]({record.name}) {title}" for record, title in zip(records, titles, strict=True)
    ]


def test_the_page_on_the_architecture_has_the_layers_of_the_import_contract() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = "\n".join(contracts[0]["layers"]).replace("slipway.", "")
    assert f"```text\n{layers}\n```" in (ROOT / "docs/architecture.md").read_text()


def test_the_picture_is_the_output_of_its_script() -> None:
    committed = (ROOT / "docs/picture.svg").read_text()
    assert committed == picture.picture(), "run `python docs/picture.py` and commit the result"
    assert len(committed.encode()) < 150_000
    assert "prefers-color-scheme: dark" in committed
    assert re.findall(r"(?:href|src|url)\W?[=(]", committed) == []
    assert "](docs/picture.svg)" in (ROOT / "README.md").read_text()


def test_the_readme_begins_with_the_two_commands() -> None:
    first = re.search("```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert first is not None
    assert [line.split("#")[0].strip() for line in first[1].splitlines()] == ["make repro", "make test"]


def commands(name: str) -> list[str]:
    """Return the lines of a page's shell blocks, without comments and here-documents."""
    blocks = [token.content for token in MARKDOWN.parse((ROOT / name).read_text()) if token.info == "sh"]
    text = re.sub(r"(?ms)<<'END'$.*?^END$", "", "\n".join(blocks)).replace("\\\n", " ")
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


@pytest.mark.parametrize("name", [name for name in NAMES if commands(name)])
def test_every_command_of_a_page_exists(name: str) -> None:
    """The options of `slipway`, the targets of `make` and the commands of `dvc` exist."""
    targets = set(re.findall(r"^([\w./-]+):(?!=)", (ROOT / "Makefile").read_text(), re.MULTILINE))
    targets |= {f".venv/{lock.stem}" for lock in (ROOT / "requirements").glob("*.lock")}
    for line in commands(name):
        for words in _each(line):
            program, *rest = words
            if program == "make":
                named = [word for word in rest if "=" not in word and not word.startswith("-")]
                assert named and set(named) <= targets, line
            elif program == "dvc":
                assert rest[0] in _dvc(), line
            elif program == "slipway":
                _check_slipway(rest, line)


def _each(line: str) -> list[list[str]]:
    """Return the commands of a line, each as a list of words."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="&|;()<>")
    lexer.whitespace_split, lexer.commenters = True, "#"
    found: list[list[str]] = [[]]
    for word in lexer:
        if set(word) <= set("&|;()"):
            found.append([])
        else:
            found[-1].append(word)
    return [words for words in found if words]


@functools.cache
def _dvc() -> frozenset[str]:
    (commands,) = [one for one in get_main_parser()._actions if isinstance(one, argparse._SubParsersAction)]
    return frozenset(commands.choices)


def _check_slipway(words: list[str], line: str) -> None:
    command = typer.main.get_command(app)
    while words and (inner := getattr(command, "commands", None)):
        assert words[0] in inner, line
        command, words = inner[words[0]], words[1:]
    options = {name for one in command.params for name in (*one.opts, *one.secondary_opts)} | {"--help"}
    used = {word.split("=")[0] for word in words if word.startswith("--")}
    assert used <= options, f"{line}: {sorted(used - options)}"


def test_the_rule_of_the_page_on_rules_is_composed_and_has_the_verdicts_of_the_page(repository: Path) -> None:
    page = (ROOT / "docs/add-a-rule.md").read_text()
    write = next(block for block in re.findall("```sh\n(.*?)```", page, re.DOTALL) if "<<'END'" in block)
    by_profile, more = re.findall("```yaml\n(.*?)```", page, re.DOTALL)
    file = Path("conf/variant/demand-predictor.yaml")
    before = file.read_text()
    for added, bound in ((None, 0.8), (by_profile, 0.8), (more, 1.0)):
        if added is None:
            sh(write[: write.index("dvc repro")], Path())
        else:
            file.write_text(f"{before}\n{added}")
        sh("python -m slipway.stages.compose demand-predictor", Path(), PYTHONPATH="src:edge/src")
        gate = yaml.safe_load(Path("params/demand-predictor.yaml").read_text())["gate"]
        assert gate["rules"]["mae_ratio_to_naive"]["max"] == bound
        assert "latency_p95_ms" in gate["rules"]
    measured = json.loads(Path("models/demand-predictor/release.json").read_text())["metrics"]["mae_ratio_to_naive"]
    rows = re.findall(r"^\| (0\.\d+) \| (\w+) \| (\d) \|", page, re.MULTILINE)
    assert len(rows) == 3
    codes = {"pass": "0", "fail": "1", "hold": "2"}
    for bound, outcome, code in rows:
        judged = verdict.judge_bound("mae_ratio_to_naive", None, float(bound), measured, "interval")
        assert (judged.verdict, codes[judged.verdict]) == (outcome, code)


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("vendor.dependabot", ["dependabot.yml"]),
        ("vendor.github-issue-forms", ["ISSUE_TEMPLATE/fault.yml", "ISSUE_TEMPLATE/wish.yml"]),
        ("vendor.github-issue-config", ["ISSUE_TEMPLATE/config.yml"]),
    ],
)
def test_files_for_github_match_their_schema(schema: str, files: list[str]) -> None:
    subprocess.run(
        ["check-jsonschema", "--builtin-schema", schema, *(ROOT / ".github" / one for one in files)], check=True
    )


def test_the_wheel_has_the_marker_of_types_and_every_template(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path], cwd=ROOT, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    ends = ("jinja", "html", "css", "js")
    templates = {str(path.relative_to(ROOT / "src")) for end in ends for path in (ROOT / "src").rglob(f"*.{end}")}
    assert templates > {f"slipway/release/{name}" for name in ("card.md.jinja", "page.html", "page.css", "page.js")}
    assert {"slipway/py.typed"} | templates <= set(zipfile.ZipFile(wheel).namelist())


def test_each_target_that_is_not_reached_says_what_was_tried() -> None:
    table, _, tried = (ROOT / "docs/benchmarks.md").read_text().partition("What was tried")
    missed = [line.split(" | ")[0].removeprefix("| ") for line in table.splitlines() if line.endswith("| **no** |")]
    said = [
        line.removeprefix("- ") for line in tried.partition("Measured on:")[0].splitlines() if line.startswith("- ")
    ]
    assert missed
    for what, line in zip(missed, said, strict=True):
        assert line.startswith(f"{what}: ") and len(line) > len(what) + 30, line
