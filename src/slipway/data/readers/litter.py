"""Files that systems and file managers leave in data folders, such as thumbnails and recycle bins."""

import os
from collections import Counter
from pathlib import Path

LITTER = frozenset(
    {
        "thumbs.db",
        "ehthumbs.db",
        "desktop.ini",
        "icon\r",
        "@eadir",
        "@tmp",
        "#recycle",
        "@recycle",
        "#snapshot",
        "$recycle.bin",
        "system volume information",
        "lost+found",
        "__macosx",
        "__pycache__",
    }
)
"""Names, in lower case, of files and folders that are ignored, in addition to names that begin with a dot."""
NAMED = 5
"""The most names that the note lists."""


def litter(name: str) -> bool:
    """Whether a file or folder with this name is not part of the data."""
    return name.startswith(".") or name.casefold() in LITTER


def subfolders(folder: Path) -> list[str]:
    """Return the sorted names of the folders in `folder` that are part of the data."""
    return sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and not litter(entry.name))


def passed_over(raw: Path) -> list[str]:
    """Return a sentence that counts the ignored files below `raw`; an empty list if there are none."""
    counts: Counter[str] = Counter()
    for parent, folders, files in os.walk(raw):
        for name in [name for name in folders if litter(name)]:
            folders.remove(name)
            counts[name] += sum(len(below) for *_, below in os.walk(Path(parent, name)))
        counts.update("._*" if name.startswith("._") else name for name in files if litter(name))
    if not counts.total():
        return []
    listed = [f"{n} of {name!r}" for name, n in sorted(counts.items(), key=lambda one: (-one[1], one[0])) if n]
    listed = [*listed[:NAMED], *(["others"] if len(listed) > NAMED else [])]
    return [f"{counts.total():,} files that operating systems leave behind were ignored: {', '.join(listed)}"]
