"""Put files into a scratch folder without copying them, where the file system allows it."""

import os
import shutil
from pathlib import Path


def link(source: Path, to: Path) -> None:
    """Make `to` the same file as `source`, as a hard link, or as a copy where there are no hard links."""
    to.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, to)
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(source, to)
