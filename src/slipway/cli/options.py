"""Arguments and options that several commands have."""

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Named = Annotated[str, typer.Argument(help="VARIANT@VERSION, VARIANT@latest or VARIANT#ROLE.", metavar="VERSION")]
Reason = Annotated[str | None, typer.Option("--reason", "-m", help="Reason, kept in the tag.")]
Force = Annotated[bool, typer.Option("--force", help="Do it although it is refused; needs --reason.")]
Push = Annotated[bool, typer.Option("--push", help="Push the tag to the Git remote as well.")]
