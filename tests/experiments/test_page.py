"""The examples of docs/experiments.md."""

import doctest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_example_of_the_page_gives_what_the_page_says() -> None:
    done = doctest.testfile(str(ROOT / "docs/experiments.md"), module_relative=False)
    assert done.attempted > 20
    assert done.failed == 0
