"""docs/security.md: each claim names the test that checks it, and that test exists."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", (ROOT / "docs" / "security.md").read_text())))


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_every_test_named_on_the_page_exists(path: str, name: str) -> None:
    functions = {
        node.name for node in ast.walk(ast.parse((ROOT / path).read_text())) if isinstance(node, ast.FunctionDef)
    }
    assert not name or name in functions


def test_each_row_of_a_table_names_a_test_or_trust() -> None:
    tables = re.findall(r"(?:^\|.*\n)+", (ROOT / "docs" / "security.md").read_text(), re.MULTILINE)
    held = [table.splitlines() for table in tables if table.splitlines()[0].endswith("| test |")]
    assert len(held) == 5
    for heading, _, *rows in held:
        for row in rows:
            last = row.removesuffix(" |").rsplit(" | ", 1)[1]
            assert last.startswith(("`tests/", "trust ")), f"{heading}: {row}"
