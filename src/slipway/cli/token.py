"""`slipway token ...`: create, list, rotate and revoke the tokens that `slipway serve` asks for."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from slipway.cli.display import print_columns
from slipway.cli.options import Json
from slipway.core.errors import ConfigError
from slipway.core.terminal import Console

if TYPE_CHECKING:
    from slipway.serving.tokens import Scope

app = typer.Typer(no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="Name of the token; the audit log shows it.")]
File = Annotated[
    Path | None,
    typer.Option("--tokens", metavar="FILE", help="File with the tokens; by default, .slipway/tokens.json."),
]
_LENGTHS = {"min": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_LENGTH = re.compile(r"([1-9][0-9]{0,4})(min|h|d)")


@app.callback()
def token() -> None:
    """Say who may call `slipway serve`, and for what. A running server notices changes within a second."""


@app.command()
def create(
    name: Name,
    scope: Annotated[
        list[str],
        typer.Option(
            help="What it may do: predict, read, outcome, promote or admin (all); may be given several times."
        ),
    ],
    expires: Annotated[
        str | None, typer.Option(metavar="WHEN", help="End: 12h, 90d or 2027-01-31 (UTC); by default, none.")
    ] = None,
    rate: Annotated[
        str | None, typer.Option(metavar="N/UNIT", help="Most requests in a time, by worker: 50/s, 600/min, 9000/h.")
    ] = None,
    file: File = None,
    as_json: Json = False,
) -> None:
    """Create a token and print it, this once: only its hash is stored."""
    from slipway.serving import tokens

    ends = None if expires is None else _moment(expires, "--expires")
    if unknown := [one for one in scope if one not in tokens.SCOPES]:
        raise ConfigError(f"{unknown[0]!r} is not a scope; choose from {', '.join(tokens.SCOPES)}")
    scopes: list[Scope] = [one for one in tokens.SCOPES if one in scope]
    _show(name, tokens.create(file or tokens.FILE, name, scopes, ends, rate), as_json)


@app.command("list")
def show_list(file: File = None, as_json: Json = False) -> None:
    """List the tokens with their scopes, end and rate. The tokens themselves are not stored anywhere."""
    from slipway.serving import tokens

    found = tokens.read(file or tokens.FILE)
    if as_json:
        rows = [one.model_dump(mode="json", exclude={"sha256"}) for one in found]
        print(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    now = datetime.now(UTC).timestamp()
    print_columns(
        ("name", "scopes", "created", "expires", "rate"),
        [
            (
                one.name,
                ", ".join(one.scopes),
                _shown(one.created),
                _shown(one.expires) + (" (expired)" if one.has_expired(now) else ""),
                one.rate or "",
            )
            for one in found
        ],
    )


@app.command()
def rotate(
    name: Name,
    overlap: Annotated[
        str | None, typer.Option(metavar="TIME", help="The old token stays valid for so long: 30min, 12h, 7d.")
    ] = None,
    file: File = None,
    as_json: Json = False,
) -> None:
    """Replace a token by a new one with the same name, scopes, end and rate, and print it, this once."""
    from slipway.serving import tokens

    until = None if overlap is None else _moment(overlap, "--overlap")
    _show(name, tokens.rotate(file or tokens.FILE, name, until), as_json)


@app.command()
def revoke(name: Name, file: File = None) -> None:
    """Remove a token: servers refuse it within a second."""
    from slipway.serving import tokens

    tokens.revoke(file or tokens.FILE, name)
    Console().print(f"revoked: {name}", soft_wrap=True, markup=False)


def _show(name: str, secret: str, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"name": name, "token": secret}))
        return
    print(secret)
    Console(stderr=True).print(f"the token of {name}, shown this once; keep it as you keep a password", markup=False)


def _moment(text: str, option: str) -> datetime:
    """A moment ahead, given as a length of time from now or as a date."""
    now = datetime.now(UTC).replace(microsecond=0)
    if found := _LENGTH.fullmatch(text):
        return now + int(found[1]) * _LENGTHS[found[2]]
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{option} {text!r} is neither a length of time, such as 12h or 90d, nor a date: 2027-01-31")
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    if moment <= now:
        raise ConfigError(f"{option} {text} has passed")
    return moment


def _shown(moment: datetime | None) -> str:
    return "never" if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
