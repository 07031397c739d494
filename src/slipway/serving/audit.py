"""Who changed what, and who was refused: an append-only file with one JSON object a line.

    {"time": "2027-01-31T08:00:00.000Z", "token": "ci", "method": "POST", "path": "/api/v1/refresh", "status": 200,
     "problem": null, "request_id": "6f1e..."}

A record holds no token, input, unit or query. All workers append to one file (`slipway.traffic.append_only`), which
programs such as logrotate may move.
"""

import json
import logging
from datetime import UTC, datetime
from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from slipway.serving.problems import Problem
from slipway.serving.rules import Rule
from slipway.serving.tokens import FORM, Token
from slipway.traffic.append_only import AppendOnly

FILE = Path("logs/audit.jsonl")
"""Where the records go, unless an option says otherwise. Git ignores the folder."""
REFUSALS = frozenset({400, 401, 403, 408, 413, 415, 429, 431})
"""The statuses with which a request is refused before anything is done for it."""
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_CHANGES = frozenset({"promote", "admin"})
_log = logging.getLogger("slipway.serving")


class AuditLog:
    """A file of records. `written` and `lost` count records since the start; a lost one could not be written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.written = 0
        self.lost = 0
        self._file = AppendOnly(path)

    def __reduce__(self) -> tuple[type["AuditLog"], tuple[Path]]:
        """Let each worker open the file itself."""
        return AuditLog, (self.path,)

    def write(
        self, token: str | None, method: str | None, path: str | None, status: int, problem: str | None, request_id: str
    ) -> None:
        """Append a record. If the disk is full or the file cannot be opened, count it as lost and go on."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        record = {
            "time": now,
            "token": token,
            "method": method,
            "path": path if path is None else FORM.sub("***", path)[:500],
            "status": status,
            "problem": problem,
            "request_id": request_id,
        }
        try:
            self._file.append(json.dumps(record).encode() + b"\n")
        except OSError as error:
            self.lost += 1
            if self.lost & (self.lost - 1) == 0:  # the 1st, 2nd, 4th, 8th, ...: a full disk fills no log of errors
                _log.error(
                    "%s: %d records of the audit log are lost: %s", self.path, self.lost, error.strerror or error
                )
            return
        self.written += 1

    def refused(self, problem: Problem, request_id: str) -> None:
        """Append the refusal of a request whose path is not known yet; see `slipway.serving.deadline`."""
        self.write(None, None, None, problem.status, problem.title, request_id)

    def close(self) -> None:
        """Close the file; the next record opens it again."""
        self._file.close()


class Audited:
    """ASGI middleware, the outermost one: a record for each change and each refusal, before it is answered.

    A change is a request with a method other than GET that needs `promote` or `admin`, whatever came of it; its status
    is 0 if it ended without an answer. Predictions and outcomes are no changes; the logs of predictions have them.
    """

    def __init__(self, app: ASGIApp, log: AuditLog) -> None:
        self.app = app
        self.log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def answer(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                self._record(scope, message["status"])
            await send(message)

        try:
            await self.app(scope, receive, answer)
        finally:
            if not started:
                self._record(scope, 0)

    def _record(self, scope: Scope, status: int) -> None:
        state = scope["state"]
        if status not in REFUSALS and (scope["method"] in _SAFE or not _may_change(state.get("rule"))):
            return
        token: Token | None = state.get("token")
        name = None if token is None else token.name
        problem, identity = state.get("problem"), state.get("request_id", "")
        self.log.write(name, scope["method"], scope["path"], status, problem, identity)


def _may_change(rule: Rule | None) -> bool:
    return rule is not None and not _CHANGES.isdisjoint(rule.scopes)
