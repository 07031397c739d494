"""`dvc plots show`: the page has Vega in it, so that it works without a network."""

import re
import sys
from pathlib import Path

import pytest
import yaml

from browser import browser
from conftest import ROOT, copy_repository
from smoke import sh

sys.path.insert(0, str(ROOT / "docs"))
import vega

WIDTHS = (400, 1280)


@pytest.fixture(scope="module")
def plots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page with the plots of all variants, as they are committed."""
    root = copy_repository(tmp_path_factory.mktemp("plots") / "repository")
    vega.write(root)
    sh("dvc plots show", root)
    return root / "dvc_plots" / "index.html"


def test_the_page_loads_nothing(plots: Path) -> None:
    assert not re.search(r"<script[^>]+src=|<link|@import", plots.read_text())
    assert sh("git status --porcelain", plots.parents[1]) == "", "DVC's page is ignored by Git"


def test_every_plot_is_drawn_without_a_network(plots: Path) -> None:
    described = [yaml.safe_load(path.read_text())["plots"] for path in (ROOT / "reports").glob("*/dvc.yaml")]
    with browser() as page:
        for width in WIDTHS:
            page.open(plots, width)
            assert page.overflow() <= 0
            assert page.errors == [] and page.requests == []
            drawn = page.run("document.querySelectorAll('.vega-embed svg.marks').length")
            assert drawn == sum(len(of) for of in described)


def test_bins_stand_in_order_and_axes_begin_at_0(plots: Path) -> None:
    specs = re.findall(r"var spec = (\{.*?\});", plots.read_text(), re.DOTALL)
    bars = [spec for spec in specs if '"bar"' in spec]
    assert bars and all('"sort": null' in spec and '"zero": true' in spec for spec in bars)
    lines = [spec for spec in specs if '"type": "line"' in spec and '"loess"' not in spec]
    assert lines and not any('"zero": false' in spec for spec in lines)
