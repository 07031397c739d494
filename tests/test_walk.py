"""docs/first-rollout.md, command by command, on the repository built in profile smoke, against a server of its own."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from conftest import ROOT
from serving.process import until
from smoke import sh

PAGE = (ROOT / "docs" / "first-rollout.md").read_text()
VARIANT = "handball-context"


def blocks(heading: str) -> list[str]:
    """Return the commands of a chapter, block by block."""
    chapter = PAGE[PAGE.index(f"\n## {heading}") :].split("\n## ")[1]
    return re.findall("```sh\n(.*?)```", chapter, re.DOTALL)


class Walker:
    """Somebody who types the commands of the page, but for the port, so that two tests can run at once."""

    def __init__(self, repository: Path, place: Path) -> None:
        self._place, self.clone, self._log = place, place / "models", place / "server.log"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self._address = f"http://127.0.0.1:{self._port}"
        self._environment = {
            **os.environ,
            "REPOSITORY": str(repository),
            "PYTHONPATH": f"{self.clone}/src:{self.clone}/edge/src:{os.environ['PYTHONPATH']}",
            "XDG_CACHE_HOME": str(place / "cache"),
        }

    def types(self, block: str, folder: Path | None = None) -> str:
        """Run a block, which must succeed, and return its output."""
        block = block.replace("http://127.0.0.1:8000", self._address)
        block = block.replace("python examples/users.py", f"python examples/users.py --server {self._address}")
        block = block.replace("make ", "make --assume-old=.venv/serve --assume-old=.venv/build ")
        command = ["bash", "-euc", block]
        folder = folder or self.clone
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=self._environment)
        log = self._log.read_text()[-2000:] if self._log.exists() else ""
        assert done.returncode == 0, f"{block}\n{done.stdout[-4000:]}{done.stderr[-4000:]}\n{log}"
        return done.stdout

    def clones(self, repository: Path, block: str) -> None:
        """Run the first block; the build, which takes minutes, comes from the cache of the repository."""
        clone, _, rest = block.partition("\n")
        self.types(clone, self._place)
        (self.clone / ".venv").symlink_to(sys.prefix)
        shutil.copytree(repository / ".dvc" / "cache", self.clone / ".dvc" / "cache")
        self.types(rest)

    @contextmanager
    def second_terminal(self, block: str) -> Iterator[None]:
        """Run the block of the server in the background, until it is interrupted as by Ctrl-C."""
        block = block.replace("slipway serve", f"exec slipway serve --port {self._port}")
        with self._log.open("wb") as log:
            process = subprocess.Popen(
                ["bash", "-euc", block], cwd=self.clone, env=self._environment, stdout=log, stderr=log
            )

        def answers() -> bool:
            assert process.poll() is None, self._log.read_text()
            try:
                return requests.get(f"{self._address}/readyz", timeout=60).status_code == 200
            except requests.ConnectionError:
                return False

        try:
            until(answers, "the server answers")
            yield
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)

    def versions(self) -> dict[str, list[str]]:
        """Return the roles of each version."""
        rows = json.loads(self.types(f"slipway registry list {VARIANT} --json"))
        return {row["version"]: row["roles"] for row in rows}

    def tags(self, pattern: str) -> list[str]:
        """Return the names of the tags."""
        return sh(f"git tag --list '{pattern}'", self.clone).split()


def test_the_page_leads_from_a_clone_to_a_rollout_that_takes_itself_back(copy: Path, tmp_path: Path) -> None:
    place = tmp_path / "somewhere"
    place.mkdir()
    walker = Walker(copy, place)
    clone, change = blocks("Two versions")
    walker.clones(copy, clone)
    walker.types(change)
    assert walker.versions() == {"v1.0.0": ["production"], "v1.1.0": []}

    serve, request = blocks("A server")
    with walker.second_terminal(serve):
        answer = json.loads(walker.types(request))
        assert (answer["model_version"], answer["predictions"][0].keys()) == ("v1.0.0", {"hand_ball", "decision"})

        create, traffic, replay = blocks("An experiment")
        walker.types(create)
        assert "verdict: pass" in walker.types(traffic)
        until(lambda: walker.tags("experiments/*/stop") == ["experiments/more-found/stop"], "a stop", seconds=300)
        assert "more-found: the verdict is the same" in walker.types(replay)

        (good,) = blocks("A rollout\n")
        assert "the rollout has ended: v1.1.0 answers" in walker.types(good)
        assert walker.versions() == {"v1.0.0": [], "v1.1.0": ["production"]}

        bad, why = blocks("A bad version")
        assert "the rollout has ended: v1.1.0 answers" in walker.types(bad)
        found = walker.types(why)
        assert f"{VARIANT}#canary!#7: the decision is the same: take back" in found
        assert re.search(r"correct: .* worse, at least ", found)
        assert walker.versions() == {"v1.0.0": [], "v1.1.0": ["production"], "v1.2.0": []}
    assert set(walker.tags(f"{VARIANT}#*")) == {
        *(f"{VARIANT}#{one}" for one in ("production#1", "canary#2", "canary#3", "production#4", "canary!#5")),
        *(f"{VARIANT}#{one}" for one in ("canary#6", "canary!#7")),
    }
