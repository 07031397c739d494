"""Calls of Git, as few as possible: one process for all tags, one for all files at all commits."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence

from slipway.core.errors import RegistryError


def run(
    *arguments: str,
    text: str | None = None,
    environment: Mapping[str, str] | None = None,
    seconds: float | None = None,
) -> str:
    """Run `git ARGUMENTS` and return its output.

    Args:
        arguments: the arguments of `git`.
        text: its standard input.
        environment: variables to set in addition to the current ones.
        seconds: the time limit. With one, Git does not prompt the user, as for a password.

    Raises:
        RegistryError: it failed; the message is Git's own, on one line.
    """
    variables = {**os.environ, "LC_ALL": "C", **(environment or {})}  # `sharing` reads why a push was refused
    if seconds is not None:
        variables["GIT_TERMINAL_PROMPT"] = "0"
    with subprocess.Popen(
        ["git", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=variables,
        start_new_session=seconds is not None,  # a process group to kill, and no terminal for ssh to prompt on
    ) as process:
        try:
            out, error = process.communicate((text or "").encode(), timeout=seconds)
        except subprocess.TimeoutExpired:
            raise RegistryError(f"git {arguments[0]}: no answer within {seconds:g} s")
        finally:
            if process.poll() is None and seconds is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
    if process.returncode:
        detail = " ".join((error or out).decode(errors="replace").split())
        raise RegistryError(f"git {arguments[0]}: {detail or f'exit code {process.returncode}'}")
    return out.decode(errors="replace")


def is_shallow() -> bool:
    """Whether this clone is shallow, so that commits and the tags on them may be missing."""
    return run("rev-parse", "--is-shallow-repository").strip() == "true"


def remote() -> str | None:
    """The remote that `git push` pushes to, else `origin`, else the only remote; None if there is no such remote."""
    entries = (entry.partition("\n") for entry in run("config", "--null", "--list").split("\0"))
    values = {key: value for key, _, value in entries}  # Git writes sections and keys in lower case
    names = {key[len("remote.") : -len(".url")] for key in values if key.startswith("remote.") and key.endswith(".url")}
    branch = run("branch", "--show-current").strip()
    keys = (f"branch.{branch}.pushremote", "remote.pushdefault", f"branch.{branch}.remote")
    only = names if len(names) == 1 else ()
    return next((name for name in (*map(values.get, keys), "origin", *only) if name in names), None)


def commit(revision: str) -> str:
    """The full hash of the commit that a revision names.

    Raises:
        RegistryError: there is no such commit.
    """
    try:
        return run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}").strip()
    except RegistryError:
        raise RegistryError(f"{revision}: no such commit in this repository; `git log` lists the commits")


def contents(objects: Sequence[str]) -> list[bytes | None]:
    """The content of each object, such as `<commit>:<path>`, in order; None for one that does not exist.

    A path is relative to the working folder, as a file path is: the project may be a folder of a larger repository.
    """
    if not objects:
        return []
    objects = [one.replace(":", ":./", 1) for one in objects]
    done = subprocess.run(
        ["git", "cat-file", "--batch"], input="".join(f"{one}\n" for one in objects).encode(), capture_output=True
    )
    if done.returncode:
        raise RegistryError(f"git cat-file: {' '.join(done.stderr.decode(errors='replace').split())}")
    found: list[bytes | None] = []
    at = 0
    for _ in objects:
        end = done.stdout.index(b"\n", at)
        head = done.stdout[at:end].rsplit(b" ", 2)
        if len(head) == 3 and head[2].isdigit():
            size = int(head[2])
            found.append(done.stdout[end + 1 : end + 1 + size])
            at = end + 1 + size + 1
        else:
            found.append(None)
            at = end + 1
    return found
