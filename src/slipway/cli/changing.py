"""The commands that change which variants there are: `slipway rename` and `slipway remove`."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from slipway.cli.options import Json
from slipway.core.terminal import Console

if TYPE_CHECKING:
    from slipway.cli.variants import Changed


def rename(
    variant: Annotated[str, typer.Argument(help="Name of the variant.")],
    to: Annotated[str, typer.Argument(help="Its new name: letters, digits and -.")],
    as_json: Json = False,
) -> None:
    """Rename a variant. What was built under the old name is removed; its versions in the registry keep their name."""
    from slipway.cli.variants import rename

    _print(rename(variant, to), f"then: dvc repro register@{to}, and git commit", as_json)


def remove(
    variant: Annotated[str, typer.Argument(help="Name of the variant.")],
    force: Annotated[
        bool, typer.Option("--force", help="Also remove what is not committed or not in DVC's cache.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Remove a variant with its configuration, data and outputs. `git revert` and `dvc checkout` bring it back."""
    from slipway.cli.variants import remove

    _print(remove(variant, force), f"then: git commit --message 'Remove {variant}'", as_json)


def _print(changed: "Changed", then: str, as_json: bool) -> None:
    if as_json:
        print(json.dumps(asdict(changed), ensure_ascii=False, indent=1))
        return
    console = Console()
    for title, paths in (("removed", changed.gone), ("new", changed.new)):
        if paths:
            console.print(f"{title}: {', '.join(paths)}", soft_wrap=True, markup=False)
    for path in changed.left:
        console.print(f"left in place, since neither Git nor DVC has it: {path}", soft_wrap=True, markup=False)
    console.print(f"staged in Git; {then}", soft_wrap=True, markup=False)
