"""A task declares all its properties; code that evaluates, shows or registers its models names no task."""

import ast
import pkgutil
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import slipway
from conftest import ROOT
from slipway import tasks
from slipway.core.metric import CONVERSION, LATENCY

sys.path.insert(0, str(ROOT / "docs"))
import metrics

PACKAGE = Path(slipway.__file__).parent
TASKS = [module.name for module in pkgutil.iter_modules(tasks.__path__)]
OBJECTIVES = sorted({tasks.kind(name).objective for name in TASKS})
KNOWN = re.compile(rf"\b({'|'.join([*TASKS, *OBJECTIVES])})\b")
PACKAGES = ("gate", "registry", "release", "cli")
FILES = sorted(
    path
    for package in PACKAGES
    for end in ("py", "jinja", "html", "js")
    for path in (PACKAGE / package).rglob(f"*.{end}")
)


def texts(path: Path) -> Iterator[str]:
    """Yield the strings and docstrings of a module and the names that it imports; of a template, the whole text."""
    if path.suffix != ".py":
        yield path.read_text()
        return
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield getattr(node, "module", None) or ""
            yield from (name.name for name in node.names)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_task_and_no_objective_is_named_in_shared_code(path: Path) -> None:
    named = {found for text in texts(path) for found in KNOWN.findall(text)}
    assert not named, "get what differs between tasks from the task: see slipway.core.protocol.Task"


def test_the_search_covers_all_tasks_and_kinds_of_files() -> None:
    assert len(TASKS) >= 6 and len(OBJECTIVES) == 6
    assert {path.suffix for path in FILES} == {".py", ".jinja", ".html", ".js"}
    assert KNOWN.search("slipway.metrics.keypoints") and KNOWN.search('{% if spec.objective == "boxes" %}')


@pytest.mark.parametrize("name", TASKS)
def test_a_task_declares_each_of_its_metrics(name: str) -> None:
    task = tasks.kind(name)
    assert set(task.headline) <= task.metrics.keys()
    assert not task.metrics.keys() & (LATENCY.keys() | CONVERSION.keys())
    for key, metric in {**task.metrics, **LATENCY, **CONVERSION}.items():
        assert metric.name == key and metric.better in ("higher", "lower")
        assert metric.meaning and "\n" not in metric.meaning and not metric.meaning.endswith(".")
        assert metric.decimals is None or 0 <= metric.decimals <= 9
    assert sum(metric.right for metric in task.metrics.values()) <= 1


@pytest.mark.parametrize("page", metrics.PAGES)
def test_the_table_of_a_page_matches_the_code(page: str) -> None:
    text = (metrics.DOCS / page).read_text()
    assert text == metrics.written(page), "run `python docs/metrics.py` and commit the result"
    assert text.count("| unit | better |") == 1
