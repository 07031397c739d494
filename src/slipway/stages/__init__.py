"""One module a DVC stage, `python -m slipway.stages.<stage> VARIANT`: read, call, write."""

import inspect
import sys
from collections.abc import Callable

from slipway.core.errors import SlipwayError
from slipway_edge.redaction import guard


def run(stage: Callable[..., None]) -> None:
    """Run a stage with the command line's arguments; a user's mistake ends it with a message, no traceback."""
    names = list(inspect.signature(stage).parameters)
    if len(sys.argv) - 1 != len(names):
        sys.exit(f"usage: python -m slipway.stages.{stage.__name__} {' '.join(names).upper()}")
    guard()
    try:
        stage(*sys.argv[1:])
    except SlipwayError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
