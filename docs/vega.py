"""Write .dvc/plots/page.html, the page of `dvc plots show`, with Vega in it, so that it works without a network.

    python docs/vega.py

The scripts are those of three packages of npm, each checked against its hash: the newest releases that read the charts
of DVC (Vega-Lite 5). They are under the BSD 3-Clause licence, which the page quotes. .dvc/config names the page
(https://dvc.org/doc/user-guide/project-structure/configuration#plots).
"""

import base64
import hashlib
import io
import json
import subprocess
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

from slipway.core import atomic

PAGE = Path(__file__).parents[1] / ".dvc" / "plots" / "page.html"
PACKAGES = {
    "vega@5.33.1": "1fArfVDUqVbb5z8n+/nVQb+VNBzx8svY6CrsyTK4Ujm4yrd9I1auoKxBAPXLCavY1LcrbHUskQbGUP8gXOzyQw==",
    "vega-lite@5.23.0": "l4J6+AWE3DIjvovEoHl2LdtCUkfm4zs8Xxx7INwZEAv+XVb6kR6vIN1gt3t2gN2gs/y4DYTs/RPoTeYAuEg6mA==",
    "vega-embed@6.29.0": "PmlshTLtLFLgWtF/b23T1OwX53AugJ9RZ3qPE2c01VFAbgt3/GSNI/etzA/GzdrkceXFma+FDHNXUppKuM0U6Q==",
}
"""The packages in the order in which a page loads them, with the SHA-512 of each, as npm states it."""
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
<!-- Written by docs/vega.py.
%(licences)s
-->
%(scripts)s
</head>
<body>
{plot_divs}
</body></html>
"""


def page(archives: dict[str, bytes]) -> str:
    """Return the page.

    Args:
        archives: the packages by name and version, as npm packs them.

    Raises:
        ValueError: an archive does not have the hash that is expected.
    """
    scripts, licences = [], []
    for package, digest in PACKAGES.items():
        found = base64.b64encode(hashlib.sha512(archives[package]).digest()).decode()
        if found != digest:
            raise ValueError(f"{package} has the SHA-512 {found}, not {digest}")
        name, _, version = package.partition("@")
        with tarfile.open(fileobj=io.BytesIO(archives[package])) as archive:
            script = _read(archive, f"build/{name}.min.js")
            if "package/LICENSE" in archive.getnames():
                licences.append(f"{name} {version}\n{_read(archive, 'LICENSE').strip()}")
            else:
                stated = json.loads(_read(archive, "package.json"))
                licences.append(f"{name} {version}\nCopyright {stated['author']}. {stated['license']}, as below.")
        script = "".join(line for line in script.splitlines(True) if not line.startswith("//# sourceMappingURL="))
        scripts.append(f"<script>{script}</script>")
    return TEMPLATE % {"scripts": "\n".join(scripts), "licences": "\n\n".join(licences)}


def _read(archive: tarfile.TarFile, path: str) -> str:
    file = archive.extractfile(f"package/{path}")
    if file is None:
        raise ValueError(f"{path} is not a file")
    return file.read().decode()


def main() -> None:
    """Fetch the packages, and write the page."""
    archives = {}
    with TemporaryDirectory() as folder:
        for package in PACKAGES:
            done = subprocess.run(["npm", "pack", "--silent", package], cwd=folder, check=True, capture_output=True)
            archives[package] = Path(folder, done.stdout.decode().split()[-1]).read_bytes()
    atomic.write_text(PAGE, page(archives))


if __name__ == "__main__":
    main()
