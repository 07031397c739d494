"""The `slipway` program: its commands, or one line where what they need is not installed."""

import sys

NOT_FOUND = 127
"""The exit code, as a shell's for a command that is not there; of `slipway gate` the first three are verdicts."""


def main() -> None:
    """Run the command that was named."""
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
