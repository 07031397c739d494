"""The `slipway` program: run its commands, or print one line if a package that they need is not installed."""

import sys

NOT_FOUND = 127
"""The exit code that a shell gives for a missing command; codes 0 to 2 of `slipway gate` are verdicts."""


def main() -> None:
    """Run the command on the command line."""
    try:
        from slipway.cli.app import app
    except ModuleNotFoundError as error:
        if (error.name or "slipway").partition(".")[0] == "slipway":
            raise
        print(f"error: the slipway command needs {error.name}; run pip install 'slipway[registry]'", file=sys.stderr)
        sys.exit(NOT_FOUND)
    app()


if __name__ == "__main__":
    main()
