"""Versions by REST: `slipway registry upload`, with the same checks, under the name of the token.

The body goes to an unnamed temporary file as it arrives, so that nothing is left of it, however the server ends.
"""

import asyncio
import errno
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import IO, Annotated, Any, BinaryIO, cast

import fastapi
from fastapi import FastAPI, Request
from pydantic import BaseModel, Field
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from slipway.registry import grammar, releases
from slipway.registry.releases import Lifecycle
from slipway.serving import commands
from slipway.serving.commands import Commands
from slipway.serving.models import Models
from slipway.serving.openapi import responses
from slipway.serving.problems import Problem

FORM = "multipart/form-data"
IN_MEMORY = 2**20
"""So many bytes of a body stay in memory; a larger one goes to a file."""
_BUNDLE = {"type": "string", "format": "binary", "description": "What `slipway registry bundle` wrote."}
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/octet-stream": {"schema": _BUNDLE},
            FORM: {"schema": {"type": "object", "required": ["file"], "properties": {"file": _BUNDLE}}},
        },
    }
}


class Uploaded(BaseModel):
    """A version that was registered."""

    model: str
    version: str
    verdict: str | None = Field(description="The verdict of the gate: pass, hold or fail. Only a pass gets a role.")
    lifecycle: Lifecycle
    tags: list[str]
    pushed: bool


def add(app: FastAPI, models: Models, run: Commands, changed: Callable[[], Awaitable[None]]) -> None:
    """Add the route to an application.

    Args:
        app: the application.
        models: what the tags say.
        run: runs commands.
        changed: is called when tags were written, so that the server follows them at once.
    """

    @app.post(
        "/api/v1/models/{model}/versions/{version}",
        tags=["registry"],
        status_code=201,
        responses=responses(404, 409, 422, 429, 504, 507),
        openapi_extra=BODY,
    )
    async def upload(
        request: Request,
        model: Annotated[
            str, fastapi.Path(description="A model; it need not have a version yet.", examples=["base-ad-detector"])
        ],
        version: Annotated[str, fastapi.Path(description="The name of the new version.", examples=["v1.2.0"])],
    ) -> Uploaded:
        """Register the version in a bundle: all of it is checked, its files are stored, and its commit gets a tag.

        One that the gate fails is a version with the lifecycle `failed`, and gets no role.
        """
        variant = await asyncio.to_thread(_variant, models, model)
        if not grammar.VERSION.fullmatch(version):
            raise Problem(
                422, "Invalid request", f"{version!r} is not a version: write v and three numbers, such as v1.2.0"
            )
        async with _body(request) as file:
            command = ("registry", "upload", "-", "--as", f"{variant}@{version}", *await commands.push())
            done = await run.run(*command, token=request.scope["state"]["token"], stdin=file)
        await changed()
        return Uploaded(
            model=done["variant"],
            version=done["version"],
            verdict=done["verdict"],
            lifecycle=done["lifecycle"],
            tags=done["tags"],
            pushed=done["pushed"],
        )


def _variant(models: Models, model: str) -> str:
    """The variant for a model of an address, which needs no version.

    Raises:
        Problem: 404 if this repository has no such variant, or the server does not answer for it.
    """
    variant = models.roles.names.get(model, model)
    known = [name for name in releases.variants() if not models.only or name in models.only]
    if variant not in known:
        raise Problem(404, "Unknown model", f"no model {model}; there are: {', '.join(known) or 'none'}", known=known)
    return variant


@asynccontextmanager
async def _body(request: Request) -> Any:
    """The body of a request, or the one file of a form, as a file at its beginning.

    Raises:
        Problem: 422 for a form that does not have one file, 507 if there is no room for the body.
    """
    try:
        if request.headers.get("content-type", "").lower().startswith(FORM):
            async with request.form(max_files=1, max_fields=0) as form:
                found = next(iter(form.values()), None)
                if not isinstance(found, UploadFile):
                    raise Problem(422, "Invalid request", "the form has no file; send one, such as curl -F file=@v.tar")
                yield await asyncio.to_thread(_on_disk, found.file)
        else:
            with tempfile.SpooledTemporaryFile(IN_MEMORY) as file:
                whole = UploadFile(cast(BinaryIO, file))  # writes in a thread where the file is on the disk
                async for part in request.stream():
                    await whole.write(part)
                yield await asyncio.to_thread(_on_disk, file)
    except Problem:
        raise
    except HTTPException as error:
        raise Problem(422, "Invalid request", f"the form cannot be read: {error.detail}")
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise Problem(507, "No room", "the disk of the server has no room for the body; try again later")


def _on_disk(file: Any) -> IO[bytes]:
    """The file itself, at its beginning, where a process can read it."""
    if isinstance(file, tempfile.SpooledTemporaryFile):
        file.rollover()
    file.seek(0)
    found: IO[bytes] = file
    return found
