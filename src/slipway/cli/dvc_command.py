"""Run a command of DVC."""

import subprocess
import sys

from slipway.core.errors import DataError


def dvc(*arguments: str) -> str:
    """Run `dvc` with arguments, and return its output.

    Raises:
        DataError: it failed; the message is DVC's own.
    """
    done = subprocess.run([sys.executable, "-m", "dvc", *arguments], capture_output=True, text=True)
    if done.returncode:
        message = (done.stderr.strip() or done.stdout.strip()).removeprefix("ERROR: ")
        raise DataError(f"dvc {' '.join(arguments)}: {message}")
    return done.stdout
