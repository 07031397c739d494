"""A command whose exit codes are verdicts."""

import sys
import traceback
from typing import Any

import typer
from typer.core import TyperCommand

from slipway.core.errors import SlipwayError


class VerdictCommand(TyperCommand):
    """A command whose exit codes 1 and 2 are verdicts: every error ends it with 3, "could not be judged"."""

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Parse the command line."""
        try:
            return super().make_context(*args, **kwargs)
        except Exception as error:
            if getattr(error, "exit_code", None) != 2:  # a usage error, in whichever version of click Typer uses
                raise
            print(f"error: {error}", file=sys.stderr)
            sys.exit(3)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; an unexpected error also ends it with 3."""
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort):
            raise
        except SlipwayError as error:
            print(f"error: {error}", file=sys.stderr)
        except Exception:
            traceback.print_exc()
        sys.exit(3)
