"""Git itself, asked as few times as can be: one process for all tags, one for all files at all commits."""

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
    """What `git ARGUMENTS` prints, given `text` on its standard input and these variables besides those there are.

    With `seconds` it asks the user nothing, as for a password, and is ended after that time.

    Raises:
        RegistryError: it failed; the message is Git's own, on one line.
    """
    said_in = {**os.environ, "LC_ALL": "C", **(environment or {})}  # `tags` reads why a push was refused
    if seconds is not None:
        said_in["GIT_TERMINAL_PROMPT"] = "0"
    with subprocess.Popen(
        ["git", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=said_in,
        start_new_session=seconds is not None,  # a group to end, and no terminal on which ssh could ask
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
        said = " ".join((error or out).decode(errors="replace").split())
        raise RegistryError(f"git {arguments[0]}: {said or f'exit code {process.returncode}'}")
    return out.decode(errors="replace")


def is_shallow() -> bool:
    """Whether this clone was cut off at some depth, so that commits and the tags on them may be missing."""
    return run("rev-parse", "--is-shallow-repository").strip() == "true"


def remote() -> str | None:
    """The remote that `git push` goes to, else the only one; None where there is none, or which is not said."""
    names = run("remote").split()
    branch = run("branch", "--show-current").strip()
    keys = (f"branch.{branch}.pushRemote", "remote.pushDefault", f"branch.{branch}.remote")
    said = [run("config", "--default", "", "--get", key).strip() for key in keys]
    only = names if len(names) == 1 else []
    return next((name for name in (*said, "origin", *only) if name in names), None)


def commit(revision: str) -> str:
    """The full name of the commit that a revision means.

    Raises:
        RegistryError: there is no such commit.
    """
    try:
        return run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}").strip()
    except RegistryError:
        raise RegistryError(f"{revision}: no such commit in this repository; `git log` shows those there are")


def contents(objects: Sequence[str]) -> list[bytes | None]:
    """The content of each object, such as `<commit>:<path>`, in order; None for one that is not there.

    A path is taken from the working folder, as those of files are: the repository may hold other projects beside it.
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
