"""Arguments and options shared by several commands."""

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Named = Annotated[str, typer.Argument(help="VARIANT@VERSION, VARIANT@latest or VARIANT#ROLE.", metavar="VERSION")]
Reason = Annotated[str | None, typer.Option("--reason", "-m", help="Reason, stored in the tag.")]
Force = Annotated[bool, typer.Option("--force", help="Do it even if it is refused; requires --reason.")]
Push = Annotated[bool, typer.Option("--push", help="Also push the tag to the Git remote.")]
