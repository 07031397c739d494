"""Chromium, to open pages as a reader does: what a page logs and requests, how wide it is, what its script does.

It is driven by its own DevTools protocol over a pipe (https://chromedevtools.github.io/devtools-protocol/), so it
needs no package and no port.
"""

import base64
import fcntl
import json
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-pipe"),
)


class Page:
    """A tab of the browser. `errors` are the messages of errors, `requests` the addresses that are no files."""

    def __init__(self, read: IO[bytes], write: IO[bytes]) -> None:
        self._read, self._write, self._number, self._session = read, write, 0, None
        self.errors: list[str] = []
        self.requests: list[str] = []
        self._loaded: set[str] = set()
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._call(f"{domain}.enable")
        self._call("Page.setLifecycleEventsEnabled", enabled=True)

    def open(self, place: Path | str, width: int, height: int = 900) -> None:
        """Open a file or an address in a window of this width, and wait until it is loaded."""
        self.errors.clear()
        self.requests.clear()
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._call("Emulation.setDeviceMetricsOverride", **size)
        address = place if isinstance(place, str) else place.resolve().as_uri()
        loader = self._call("Page.navigate", url=address)["loaderId"]
        while loader not in self._loaded:
            self._receive()

    def run(self, script: str) -> Any:
        """Return the value of a JavaScript expression; promises are awaited."""
        done = self._call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def screenshot(self, to: Path, whole: bool = True) -> None:
        """Write a picture of the page as PNG."""
        taken = self._call("Page.captureScreenshot", captureBeyondViewport=whole)
        to.write_bytes(base64.b64decode(taken["data"]))

    def overflow(self) -> int:
        """Return by how many pixels the page is wider than its window."""
        return int(self.run("document.documentElement.scrollWidth - document.documentElement.clientWidth"))

    def _call(self, method: str, **params: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        self._write.write(json.dumps(message).encode() + b"\0")
        self._write.flush()
        while (answer := self._receive()).get("id") != self._number:
            pass
        assert "error" not in answer, f"{method}: {answer['error']}"
        result: dict[str, Any] = answer["result"]
        return result

    def _receive(self) -> dict[str, Any]:
        """Read one message, and note what it says about the page."""
        content = bytearray()
        while (byte := self._read.read(1)) != b"\0":
            assert byte, "the browser has ended"
            content += byte
        message: dict[str, Any] = json.loads(content)
        params = message.get("params", {})
        match message.get("method"):
            case "Page.lifecycleEvent" if params["name"] == "load":
                self._loaded.add(params["loaderId"])
            case "Runtime.exceptionThrown":
                self.errors.append(json.dumps(params["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if params["type"] in ("error", "assert"):
                self.errors.append(json.dumps(params["args"]))
            case "Log.entryAdded" if params["entry"]["level"] == "error":
                self.errors.append(params["entry"]["text"])
            case "Network.requestWillBeSent" if not params["request"]["url"].startswith(("file:", "data:", "blob:")):
                self.requests.append(params["request"]["url"])
        return message


@contextmanager
def browser() -> Iterator[Page]:
    """Start Chromium; skip the test where it is not installed."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip(f"no browser: install one of {', '.join(NAMES)}")
    theirs, ours = os.pipe(), os.pipe()
    high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in (theirs[0], ours[1])]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        moves = [(os.POSIX_SPAWN_DUP2, high[0], 3), (os.POSIX_SPAWN_DUP2, high[1], 4)]
        moves += [(os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0)]
        arguments = [program, *OPTIONS, f"--user-data-dir={profile}", "about:blank"]
        process = os.posix_spawn(program, arguments, os.environ, file_actions=moves, setpgroup=0)
        for end in (theirs[0], ours[1], *high):
            os.close(end)
        try:
            with os.fdopen(ours[0], "rb") as read, os.fdopen(theirs[1], "wb") as write:
                yield Page(read, write)
        finally:
            os.killpg(process, signal.SIGKILL)
            os.waitpid(process, 0)
