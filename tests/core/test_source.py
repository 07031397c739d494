"""The files that a module runs, and what changes their digest."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.core import source

MODULES = [path for name, folder in source.FOLDERS.items() for path in sorted((folder / name).rglob("*.py"))]
MODULE = '''"""What it is.

# no comment
"""
import os  # for paths


# A comment.
class Kept:
    """A class."""

    name = "a"
    """An attribute."""

    def text(self):
        """A method."""
        return """first

# not a comment
""" + 'a # b'
'''


def test_comments_docstrings_and_empty_lines_are_removed_and_strings_are_kept() -> None:
    assert source.statements(MODULE) == (
        'import os\nclass Kept:\n    name = "a"\n    def text(self):\n'
        '        return """first\n\n# not a comment\n""" + \'a # b\'\n'
    )


@pytest.mark.parametrize(
    "path",
    sorted(path for name, folder in source.FOLDERS.items() for path in (folder / name).rglob("*.py")),
    ids=lambda path: path.stem,
)
def test_the_stripped_source_of_each_module_means_the_same(path: Path) -> None:
    def meaning(text: str) -> str:
        tree = ast.parse(text)
        for node in ast.walk(tree):
            body = getattr(node, "body", None)
            if isinstance(body, list):
                kept = [one for one in body if not _text(one)]
                node.body = kept or [ast.Pass()]  # type: ignore[attr-defined]
        return ast.dump(tree)

    text = path.read_text()
    left = source.statements(text)
    try:
        ast.parse(left)
    except SyntaxError:  # a class with a docstring alone
        pytest.skip("nothing is left of a body")
    assert meaning(left) == meaning(text)
    assert len(left.splitlines()) <= len(text.splitlines())


def _text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


STARTS = sorted({node.lineno - 1 for node in ast.walk(ast.parse(MODULE)) if isinstance(node, ast.stmt)})


@given(st.sampled_from(STARTS), st.sampled_from(["# x", "", "   # ünï", "\t"]))
def test_a_comment_between_statements_changes_nothing(row: int, comment: str) -> None:
    lines = MODULE.splitlines()
    assert source.statements("\n".join([*lines[:row], comment, *lines[row:], ""])) == source.statements(MODULE)


def test_a_module_runs_what_it_imports_the_packages_above_and_its_templates() -> None:
    names = {
        path.relative_to(source.FOLDERS["slipway"]).as_posix()
        for path in source.files(["slipway.release.card"])
        if path.is_relative_to(source.FOLDERS["slipway"])
    }
    assert {
        "slipway/__init__.py",
        "slipway/release/__init__.py",
        "slipway/release/card.py",
        "slipway/release/card.md.jinja",
        "slipway/release/markdown.py",
        "slipway/core/errors.py",
    } <= names
    assert not [name for name in names if name.startswith(("slipway/cli", "slipway/release/report"))]


def test_what_the_packages_above_import_runs_too() -> None:
    """The module's own imports do not lead to data/rows/columns.py; the package `slipway.data.rows` imports it."""
    names = {path.name for path in source.files(["slipway.data.rows.proposal"])}
    assert {"proposal.py", "columns.py"} <= names


def test_a_missing_module_is_named() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"no module slipway\.nothing"):
        source.digest(["slipway.nothing"])


def test_only_code_and_templates_change_the_digest(repository: Path) -> None:
    def digest() -> str:
        command = "from slipway.core import source; print(source.digest(['slipway.release.card']))"
        done = subprocess.run(
            [sys.executable, "-c", command],
            env={"PYTHONPATH": f"{repository / 'src'}:{repository / 'edge/src'}", "PATH": ""},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    def edit(path: str, more: str) -> str:
        file = repository / "src/slipway" / path
        file.write_text(file.read_text() + more)
        return digest()

    first = digest()
    assert edit("core/errors.py", "\n# A comment.\n") == first
    assert edit("release/report.py", "\nNEW = 1\n") == first
    changed = edit("core/errors.py", "\nNEW = 1\n")
    assert changed != first
    assert edit("release/card.md.jinja", "More.\n") not in (first, changed)


def test_a_module_that_is_not_python_is_named_with_the_line(repository: Path) -> None:
    (repository / "src/slipway/tasks/broken.py").write_text("x = 1\ndef f(:\n")
    done = subprocess.run(
        [sys.executable, "-m", "slipway.stages.code"],
        cwd=repository,
        env={"PYTHONPATH": f"{repository / 'src'}:{repository / 'edge/src'}", "PATH": ""},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "tasks/broken.py: line 2 is not Python: def f(:" in done.stderr
