"""Write the tables of metrics in docs/tasks/ and docs/guide.md from the declarations of the tasks.

    python docs/metrics.py

A table is between two comments; the rest of a page does not change. A test checks that the tables agree with the code.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from slipway import tasks
from slipway.core import atomic
from slipway.core.metric import CONVERSION, LATENCY, Metric

DOCS = Path(__file__).parent
TASKS = sorted(path.parent.name for path in Path(tasks.__file__).parent.glob("*/__init__.py"))
PAGES = {f"tasks/{name}.md": [*tasks.metrics(name).values()] for name in TASKS} | {
    "guide.md": [*LATENCY.values(), *CONVERSION.values()]
}
"""The metrics of each page, by its path in docs/."""
_TABLE = re.compile(r"(?<=<!-- docs/metrics\.py -->\n).*?(?=<!-- end -->)", re.DOTALL)


def written(page: str) -> str:
    """The text of a page with the table from the code.

    Raises:
        ValueError: the page does not have the two comments exactly once.
    """
    text, count = _TABLE.subn(f"\n{table(PAGES[page])}\n".replace("\\", r"\\"), (DOCS / page).read_text())
    if count != 1:
        raise ValueError(f"docs/{page}: needs the lines <!-- docs/metrics.py --> and <!-- end --> exactly once")
    return text


def table(metrics: Iterable[Metric]) -> str:
    """A Markdown table of the metrics."""
    rows = [f"| `{one.name}` | {one.meaning} | {one.unit} | {one.better} |\n" for one in metrics]
    return "".join(["| metric | what it is | unit | better |\n| --- | --- | --- | --- |\n", *rows])


def main() -> None:
    """Write all tables."""
    for page in PAGES:
        atomic.write_text(DOCS / page, written(page))


if __name__ == "__main__":
    main()
