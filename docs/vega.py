"""Write .dvc/plots/page.html, the page of `dvc plots show`, with Vega in it, so that it works without a network.

    python docs/vega.py

`make` runs it when it installs what builds. The scripts are those of the package vl-convert-python, in the newest
release of Vega-Lite 5, the version of DVC's charts. .dvc/config.local names the page, and not .dvc/config, since DVC
refuses to plot if the page is absent (https://dvc.org/doc/user-guide/project-structure/configuration#plots).
"""

import subprocess
from pathlib import Path

import vl_convert

from slipway.core import atomic

PAGE = Path(".dvc/plots/page.html")
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


def write(root: Path) -> None:
    """Write the page into the repository with this root, and make it DVC's."""
    script = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed", VERSION)
    atomic.write_text(root / PAGE, TEMPLATE % {"script": script.replace("</script", r"<\/script")})
    name = PAGE.relative_to(".dvc").as_posix()
    subprocess.run(["dvc", "config", "--quiet", "--local", "plots.html_template", name], cwd=root, check=True)


if __name__ == "__main__":
    write(Path(__file__).parents[1])
