"""Write .dvc/plots/page.html, the page of `dvc plots show`, with Vega in it, so that it works without a network.

    python docs/vega.py

`make` runs it when it installs what builds. The scripts are those of the package vl-convert-python, in the newest
release of Vega-Lite 5, the version of DVC's charts. .dvc/config names the page
(https://dvc.org/doc/user-guide/project-structure/configuration#plots).
"""

from pathlib import Path

import vl_convert

from slipway.core import atomic

PAGE = Path(__file__).parents[1] / ".dvc" / "plots" / "page.html"
VERSION = "5.21"
"""The version of Vega-Lite."""
TEMPLATE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
{refresh_tag}
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src 'self' data:; \
style-src 'unsafe-inline'; script-src 'unsafe-inline' 'unsafe-eval'">
<title>Plots</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 1rem; }
body > div { max-width: 100%%; overflow-x: auto; }
</style>
<script>{%(script)s}</script>
</head>
<body>
{plot_divs}
</body></html>
"""


def page() -> str:
    """Return the page."""
    script = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed", VERSION)
    return TEMPLATE % {"script": script.replace("</script", r"<\/script")}


if __name__ == "__main__":
    atomic.write_text(PAGE, page())
