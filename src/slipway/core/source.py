"""The code that a module runs, and a digest of it that does not depend on comments and docstrings.

Imports are read from the source, not executed. A template belongs to the module of the same name in its folder:
`card.md.jinja` belongs to `card.py`.
"""

import hashlib
import io
import tokenize
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import grimp
from grimp.exceptions import SourceSyntaxError

import slipway
import slipway_edge
from slipway.core.errors import ConfigError

FOLDERS = {package.__name__: Path(package.__path__[0]).parent for package in (slipway, slipway_edge)}
"""The folders that hold the packages with the code of the stages."""


def files(roots: Iterable[str]) -> list[Path]:
    """Return the files that run when `roots` are imported: these modules, their imports, parent packages and templates.

    Raises:
        ModuleNotFoundError: there is no module with such a name.
        ConfigError: a module is not valid Python.
    """
    modules = sorted({module for root in roots for module in _imported(root)})
    return [path for module in modules for path in _files(module)]


def digest(roots: Iterable[str]) -> str:
    """Return 32 hex digits of the SHA-256 of the code that `roots` run, the same on every version of Python."""
    found = hashlib.sha256()
    for path in files(roots):
        if code := _code(path):
            found.update(f"{_relative(path)}\0{code}\0".encode())
    return found.hexdigest()[:32]


def statements(text: str) -> str:
    """Return the source of a module without comments, docstrings and empty lines."""
    lines = io.StringIO(text).readlines()
    for (first, start), (last, end) in sorted(_ignored(text), reverse=True):
        left = (lines[first][:start] + lines[last][end:]).rstrip()
        lines[first : last + 1] = [f"{left}\n" if left else ""]
    return "".join(lines)


def _ignored(text: str) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Yield the start and end (line and column, from 0) of each comment, docstring and empty line."""
    before, docstring = tokenize.NEWLINE, None
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        place = (token.start[0] - 1, token.start[1]), (token.end[0] - 1, token.end[1])
        if token.type == tokenize.COMMENT or (token.type == tokenize.NL and not token.line.strip()):
            yield place
        elif token.type != tokenize.NL:
            if docstring is not None and token.type == tokenize.NEWLINE:
                yield docstring
            alone = token.type == tokenize.STRING and before in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
            before, docstring = token.type, place if alone else None


def _relative(path: Path) -> str:
    """Return the path relative to the folder that holds the package, so that it is the same in every checkout."""
    folder = next(folder for folder in FOLDERS.values() if path.is_relative_to(folder))
    return path.relative_to(folder).as_posix()


@cache
def _imported(root: str) -> frozenset[str]:
    if root not in _graph().modules:
        raise ModuleNotFoundError(f"no module {root}", name=root)
    found: set[str] = set()
    left = {root}
    while left:
        modules = left | {one for module in left for one in _graph().find_upstream_modules(module)}
        found |= modules
        left = {parent for module in modules for parent in _packages(module)} - found  # what they import runs too
    return frozenset(found)


def _packages(module: str) -> Iterator[str]:
    """Yield the packages that contain a module."""
    parts = module.split(".")
    for length in range(1, len(parts)):
        yield ".".join(parts[:length])


@cache
def _files(module: str) -> tuple[Path, ...]:
    base = FOLDERS[module.partition(".")[0]].joinpath(*module.split("."))
    path = base / "__init__.py" if base.is_dir() else base.with_suffix(".py")
    return path, *sorted(path.parent.glob(f"{path.stem}.*.jinja"))


@cache
def _code(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    return statements(text) if path.suffix == ".py" else text


@cache
def _graph() -> grimp.ImportGraph:
    try:
        return grimp.build_graph(*FOLDERS, cache_dir=None)
    except SourceSyntaxError as error:
        raise ConfigError(f"{error.filename}: line {error.lineno} is not Python: {(error.text or '').strip()}")
