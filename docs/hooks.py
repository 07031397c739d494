"""MkDocs hooks (see mkdocs.yml): the site has the layout of the repository, so that a link works in both.

The pages are docs/, edge/README.md and the Markdown files at the top, with README.md as home page. A file of code or
parameters that a page links to is in the site as text, so that a browser shows it.
"""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel

_LINK = re.compile(r"\]\(([^)#:\s]+)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Replace each folder in the navigation by its pages, sorted by name."""
    root = Path(config.config_file_path).resolve().parent
    for chapter in config.nav or []:
        for title, pages in chapter.items() if isinstance(chapter, dict) else ():
            if isinstance(pages, str) and pages.endswith("/"):
                chapter[title] = sorted(_name(path, root) for path in (root / pages).glob("*.md"))
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Replace the files that MkDocs found in docs/ by the repository's pages and the files that they link to."""
    root = Path(config.config_file_path).resolve().parent
    for found in [one for one in files if one.src_dir == config.docs_dir]:
        files.remove(found)
    pages = {*root.glob("[A-Z]*.md"), root / "edge" / "README.md", *(root / "docs").rglob("*.md")}
    linked = {(page.parent / link).resolve() for page in pages for link in _LINK.findall(page.read_text())}
    for path in sorted(pages):
        files.append(File(_name(path, root), str(root), config.site_dir, config.use_directory_urls))
    for path in sorted(one for one in linked - pages if one.is_file() and one.is_relative_to(root)):
        name = _name(path, root)
        shown = None if path.suffix == ".svg" else f"source/{name.removeprefix('.')}.txt"
        text = File(name, str(root), config.site_dir, config.use_directory_urls, dest_uri=shown)
        text.inclusion = InclusionLevel.INCLUDED  # MkDocs would exclude .github/
        files.append(text)
    return files


def _name(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()
