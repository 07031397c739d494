"""Arguments and options that several commands have."""

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="For programs.")]
Named = Annotated[str, typer.Argument(help="VARIANT@VERSION, VARIANT@latest or VARIANT#ROLE.", metavar="VERSION")]
Reason = Annotated[str | None, typer.Option("--reason", "-m", help="Why; kept in the tag.")]
Force = Annotated[bool, typer.Option("--force", help="Although it is refused; needs --reason, kept in the tag.")]
Push = Annotated[bool, typer.Option("--push", help="To Git's remote too: of two people at once, one is refused.")]
