"""Tell people what a server did by itself: by a webhook, a command, or both.

Neither can be set in the repository: whoever can push a tag could then run commands on the server.
"""

import json
import logging
import shlex
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping

from slipway.serving.settings import Settings

SECONDS = 10.0
"""The time limit for each of the two."""
TRIES = 3
logger = logging.getLogger("slipway.serving")


class Alerting:
    """Sends alerts as JSON, each on a thread of its own; one that cannot be sent is logged."""

    def __init__(self, settings: Settings) -> None:
        self._webhook = settings.alert_webhook
        self._command = None if settings.alert_command is None else shlex.split(settings.alert_command)

    def send(self, alert: Mapping[str, object]) -> None:
        """Send an alert: POST it to the webhook, and give it to the command on standard input."""
        content = json.dumps(alert, ensure_ascii=False).encode()
        for name, way in (("webhook", self._post), ("command", self._run)):
            if getattr(self, f"_{name}") is not None:
                threading.Thread(target=_try, args=(name, way, content), daemon=True).start()

    def _post(self, content: bytes) -> None:
        assert self._webhook is not None  # checked by `send`
        request = urllib.request.Request(self._webhook, content, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=SECONDS):
            pass

    def _run(self, content: bytes) -> None:
        assert self._command is not None  # checked by `send`
        subprocess.run(self._command, input=content, timeout=SECONDS, check=True, capture_output=True)


def _try(name: str, way: Callable[[bytes], None], content: bytes) -> None:
    for count in range(TRIES):
        try:
            way(content)
            return
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            logger.warning("the %s for alerts failed: %s", name, type(error).__name__)
            time.sleep(2.0**count)
