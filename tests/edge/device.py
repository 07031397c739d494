"""A device in a folder: the wheel of slipway-edge and, from this environment, only what the wheel requires."""

import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
LISTING = """
{program}
import sys
from pathlib import Path
files = {{Path(module.__file__) for module in list(sys.modules.values()) if getattr(module, "__file__", None)}}
packages = next(Path(sys.prefix).glob("lib/python*/site-packages"))
print(*{{file.relative_to(packages).parts[0] for file in files if file.is_relative_to(packages)}})
"""


def make(folder: Path, extras: Iterable[str]) -> Path:
    """The Python of a new environment in `folder` with the wheel, its requirements and those of its extras."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    apart = ["--no-deps", "--no-index"]
    wheel = [*pip, "wheel", *apart, "--no-build-isolation", "--wheel-dir", folder, ROOT / "edge"]
    subprocess.run(wheel, check=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "device"], check=True)
    packages = next((folder / "device").glob("lib/python*/site-packages"))
    subprocess.run([*pip, "install", *apart, "--target", packages, next(folder.glob("*.whl"))], check=True)
    for one in needed(extras).values():
        for top in {Path(str(file)).parts[0] for file in one.files or []} - {"..", "__pycache__"}:
            if not (packages / top).exists():
                (packages / top).symlink_to(Path(str(one.locate_file(top))).resolve())
    return folder / "device" / "bin" / "python"


def needed(extras: Iterable[str]) -> dict[str, Distribution]:
    """By name, the distributions that the package and its extras require, directly or indirectly."""
    project = tomllib.loads((ROOT / "edge" / "pyproject.toml").read_text())["project"]
    required = [*project["dependencies"], *(one for extra in extras for one in project["optional-dependencies"][extra])]
    found: dict[str, Distribution] = {}
    names = list(_names(required))
    while names:
        name = names.pop()
        if name not in found:
            found[name] = distribution(name)
            names += _names(found[name].requires or [])
    return found


def _names(requirements: Iterable[str]) -> Iterator[str]:
    for one in map(Requirement, requirements):
        if one.marker is None or one.marker.evaluate({"extra": ""}):
            yield canonicalize_name(one.name)


def imports(python: Path, program: str) -> set[str]:
    """The packages that a program had imported when it ended, without the standard library."""
    done = subprocess.run(
        [python, "-c", LISTING.format(program=program)],
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin"},
        cwd=python.parent,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return set(done.stdout.splitlines()[-1].split())
