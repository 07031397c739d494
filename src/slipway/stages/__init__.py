"""One module per DVC stage, run as `python -m slipway.stages.<stage> VARIANT`: read, call, write."""

import inspect
import sys
from collections.abc import Callable

from slipway.core.errors import SlipwayError
from slipway_edge.redaction import guard


def run(stage: Callable[..., None]) -> None:
    """Run a stage with the arguments of the command line; a user's mistake ends it with a message, not a traceback."""
    names = list(inspect.signature(stage).parameters)
    if len(sys.argv) - 1 != len(names):
        sys.exit(f"usage: python -m slipway.stages.{stage.__name__} {' '.join(names).upper()}")
    guard()
    try:
        stage(*sys.argv[1:])
    except SlipwayError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
