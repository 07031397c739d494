"""The version that a model is compared with, and what is known of it at its commit.

It is the one that holds `production`: the newest tag `VARIANT#production#N` (https://github.com/iterative/gto), or any
revision that is asked for. What Git keeps is read from the commit without checking it out; what DVC keeps is looked up
by the hash that the commit's dvc.lock names, in the cache and then at the remote.
"""

import json
import re
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from slipway.errors import ConfigError, ModelError

LOCK = "dvc.lock"
CACHE = Path(".dvc/cache/files/md5")


@dataclass(frozen=True)
class Version:
    """A commit, and the tag or revision by which it was found."""

    name: str
    commit: str

    def text(self, path: str) -> str | None:
        """A file that Git keeps, None where the commit has none."""
        done = _git("show", f"{self.commit}:./{path}")
        return done.stdout.decode() if done.returncode == 0 else None

    def json(self, path: str) -> dict[str, Any]:
        """The same, as JSON.

        Raises:
            ModelError: the commit has no such file, or one that is no JSON object.
        """
        text = self.text(path)
        try:
            values = json.loads(text or "")
        except json.JSONDecodeError:
            values = None
        if not isinstance(values, dict):
            raise ModelError(f"{path} {'is not there' if text is None else 'is no JSON object'} in {self.name}")
        return values

    def artifact(self, path: str) -> bytes:
        """A file that DVC keeps.

        Raises:
            ModelError: it is neither in the cache nor at a remote, or the commit knows no such file.
        """
        md5 = _hashes(self.commit).get(path)
        if md5 is None:
            raise ModelError(f"{path} is not in the {LOCK} of {self.name}")
        cached = CACHE / md5[:2] / md5[2:]
        return cached.read_bytes() if cached.is_file() else fetched(path, self.commit, f"{path} of {self.name}")


def find(variant: str, revision: str | None) -> Version | None:
    """The baseline: `revision`, or else the version that holds production; None where there is none yet.

    Raises:
        ConfigError: there is no such revision, or this is no Git repository.
    """
    name = revision or production(variant)
    if name is None:
        return None
    done = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    if done.returncode:
        raise ConfigError(f"{name}: no such revision in this repository; see `git log`, or fetch it: git fetch --tags")
    return Version(name, done.stdout.decode().strip())


def production(variant: str) -> str | None:
    """The tag that gave a version of the variant `production` last, None where none has it or it was taken back."""
    done = _git("tag", "--list", f"{variant}#production*")
    if done.returncode:
        raise ConfigError("this is no Git repository; run slipway in the repository's root")
    written = re.compile(rf"{re.escape(variant)}#production(?P<taken_back>!?)#(?P<number>\d+)")
    tags = [found for found in map(written.fullmatch, done.stdout.decode().split()) if found]
    newest = max(tags, key=lambda tag: int(tag["number"]), default=None)
    return None if newest is None or newest["taken_back"] else newest.group()


def fetched(path: str, commit: str | None, name: str) -> bytes:
    """A file of DVC's at a commit, None for the working tree, from the cache or from the default remote.

    Raises:
        ModelError: it can be found in neither.
    """
    import dvc.api  # a second, which most comparisons need not spend

    try:
        content: bytes = dvc.api.read(path, rev=commit, mode="rb")
    except Exception as error:  # whatever the remote raises
        said = " ".join(str(error).split()) or type(error).__name__
        raise ModelError(f"{name} cannot be fetched ({said[:200]})")
    return content


@lru_cache(maxsize=8)
def _hashes(commit: str) -> dict[str, str]:
    """DVC's hash of every output, as dvc.lock of a commit has it."""
    done = _git("show", f"{commit}:./{LOCK}")
    if done.returncode:
        return {}
    locked = yaml.load(done.stdout, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # safe in both
    stages = (locked or {}).get("stages") or {}
    return {out["path"]: out["md5"] for stage in stages.values() for out in stage.get("outs", []) if "md5" in out}


def _git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", *arguments], capture_output=True)
