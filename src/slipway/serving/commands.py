"""Run a `slipway` command for a request, in a process of its own: the same code, checks and messages as in a terminal.

A command may read gigabytes of a remote, imports what a server does without, and can be ended if a remote hangs. Tags
that it writes have the name of the token as their author.
"""

import asyncio
import json
import os
import sys
from typing import IO, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from slipway.registry import git
from slipway.serving.problems import Problem
from slipway.serving.tokens import Token

SECONDS = 300.0
"""The time limit for a command, unless it has its own."""
MOST = 4
"""The most commands of a worker at once."""
_STATUS = {
    2: (422, "Invalid request"),
    3: (404, "Nothing to compare"),
    4: (422, "Release cannot be used"),
    5: (409, "Registry"),
    6: (409, "Refused"),
}
"""The status and title of a problem by the exit code of the command."""
_DOMAIN = "tokens.slipway.invalid"
"""The domain of the e-mail addresses of tokens: a name that no host can have (RFC 2606)."""


class Why(BaseModel):
    """The reason, stored in the tag."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(min_length=1, max_length=1000)]


class Commands:
    """The commands of a worker, in the folder of the repository."""

    def __init__(self) -> None:
        self._running = 0

    async def run(
        self,
        *arguments: str,
        token: Token | None,
        codes: tuple[int, ...] = (0,),
        stdin: str | IO[bytes] = "",
        seconds: float = SECONDS,
    ) -> Any:
        """Run `slipway ARGUMENTS --json`, and return what it prints.

        Args:
            arguments: the command and its arguments.
            token: whose name tags get; None for that of Git on this machine.
            codes: the exit codes with which the command has a result.
            stdin: its standard input: a text, or a file on the disk at the place where it begins.
            seconds: the time limit.

        Raises:
            Problem: 409 or 422 with its message if it refuses, 429 if too many run, 504 if it takes too long.
        """
        if self._running >= MOST:
            raise Problem(429, "Too many commands", f"{MOST} commands run; try again later", {"Retry-After": "10"})
        self._running += 1
        try:
            return await self._run(arguments, token, codes, stdin, seconds)
        finally:
            self._running -= 1

    async def _run(
        self,
        arguments: tuple[str, ...],
        token: Token | None,
        codes: tuple[int, ...],
        stdin: str | IO[bytes],
        seconds: float,
    ) -> Any:
        text = stdin.encode() if isinstance(stdin, str) else None
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "slipway", *arguments, "--json"),
            stdin=asyncio.subprocess.PIPE if isinstance(stdin, str) else stdin,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, **_author(token), "GIT_TERMINAL_PROMPT": "0"},
        )
        try:
            async with asyncio.timeout(seconds):
                out, error = await process.communicate(text)
        except TimeoutError:
            raise Problem(504, "Deadline passed", f"slipway {arguments[0]} did not end within {seconds:g} s")
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode in codes:
            return json.loads(out)
        lines = error.decode(errors="replace").strip().splitlines()
        detail = lines[-1].removeprefix("error: ") if lines else f"it ended with {process.returncode}"
        status, title = _STATUS.get(process.returncode or 0, (500, "Command failed"))
        raise Problem(status, title, detail)


async def push() -> tuple[str, ...]:
    """Return the option that pushes what a command writes: that, if the repository has a remote."""
    return ("--push",) if await asyncio.to_thread(git.remote) is not None else ()


def _author(token: Token | None) -> dict[str, str]:
    if token is None:
        return {}
    who = {"NAME": token.name, "EMAIL": f"{token.name}@{_DOMAIN}"}
    return {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in who.items()}
