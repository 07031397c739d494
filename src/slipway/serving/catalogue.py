"""The registry by REST: models, versions, their comparison, history and files, as `slipway registry` shows them.

The tags are those that the server follows. These routes only read. They run in threads, since Git is read, and files
may have to be fetched.
"""

import hashlib
import re
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import fastapi
from fastapi import FastAPI, Header, Query, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field

from slipway.core.errors import SlipwayError
from slipway.registry import comparison, listing, releases
from slipway.registry.grammar import LIVE, Tag
from slipway.registry.releases import Lifecycle
from slipway.registry.state import Variant, Version
from slipway.serving import release
from slipway.serving.models import Models
from slipway.serving.openapi import responses
from slipway.serving.problems import Problem
from slipway.serving.rollouts import Rollouts
from slipway_edge.predictor import RECORD

Name = Annotated[str, fastapi.Path(description="A model.", examples=["base-ad-detector"])]
Which = Annotated[
    str, fastapi.Path(description="A version, a role, or `latest`.", examples=["v1.2.0", "production", "latest"])
]
UNIT = r"^[\x21-\x7e]{1,256}$"
_RANGE = re.compile(r"bytes=(?:([0-9]{1,18})-([0-9]{0,18})|-([0-9]{1,18}))")


class Model(BaseModel):
    """A model in the registry."""

    model: str
    roles: dict[str, str] = Field(description="The version that holds each role.")
    latest: str = Field(description="The highest version.")
    versions: int = Field(description="The number of versions.")


class Row(BaseModel):
    """A version in a list."""

    variant: str
    version: str
    roles: list[str]
    lifecycle: Lifecycle
    verdict: str | None = Field(description="The verdict of the gate: pass, hold or fail; null if it cannot be read.")
    commit: str
    registered: str
    by: str


class Details(Row):
    """A version: origin, scores, verdict, files and history."""

    record: str | None = Field(description="The SHA-256 of the release record; null without one.")
    artifacts: dict[str, dict[str, Any]] = Field(description="The size and the SHA-256 of each file.")
    metrics: dict[str, Any]
    rules: list[dict[str, Any]]
    lineage: dict[str, Any]
    provenance: dict[str, Any]
    history: list[dict[str, Any]]


class Assigned(BaseModel):
    """The version that a unit gets."""

    model: str
    role: str
    version: str
    share: float = Field(description="Percent of the units that get the version in canary; 0 without a rollout.")


class Event(BaseModel):
    """A registration, or a change of a role."""

    when: str
    who: str
    email: str
    variant: str
    what: str
    version: str
    role: str | None
    why: str
    tag: str
    commit: str


class Difference(BaseModel):
    """One metric of two versions, and the difference of the second from the first, with its 95 % interval."""

    metric: str
    first: dict[str, float | None] | None
    second: dict[str, float | None] | None
    absolute: float | None
    low: float | None
    high: float | None
    percent: float | None


def add(app: FastAPI, models: Models, rollouts: Rollouts, folder: Path) -> None:
    """Add the routes to an application.

    Args:
        app: the application.
        models: what the tags say.
        rollouts: which units get the version that is rolled out.
        folder: the folder of the verified files of releases.
    """
    tags: list[Any] = ["registry"]

    def variant(name: str) -> Variant:
        return models.roles.variants[models.variant(name)]

    def version(model: str, which: str) -> Version:
        return models.resolve(f"{model}@{which}")[1]

    @app.get("/api/v1/models", tags=tags)
    def list_models() -> list[Model]:
        """The models with their roles."""
        found = {name: models.roles.variants[name] for name in models.variants()}
        held = {name: {role: one.version for role in LIVE if (one := one_of(name, role))} for name in found}
        return [
            Model(model=name, roles=held[name], latest=next(iter(one.versions)), versions=len(one.versions))
            for name, one in found.items()
        ]

    def one_of(name: str, role: str) -> Version | None:
        return models.roles.holders.get((name, role))

    @app.get("/api/v1/models/{model}/versions", tags=tags, responses=responses(404))
    def list_versions(
        model: Name,
        role: Annotated[str | None, Query(description="Only versions with this role.")] = None,
        lifecycle: Annotated[Lifecycle | None, Query(description="Only versions in this state.")] = None,
    ) -> list[Row]:
        """The versions of a model, the highest first."""
        known = variant(model)
        rows = listing.rows({known.name: known})
        return [
            Row(**row)
            for row in rows
            if (role is None or role in row["roles"]) and lifecycle in (None, row["lifecycle"])
        ]

    @app.get("/api/v1/models/{model}/versions/assigned", tags=tags, responses=responses(404, 422))
    async def assigned(
        model: Name,
        unit: Annotated[str, Query(description="Who asks, as in X-Unit: a user or a device.", pattern=UNIT)],
    ) -> Assigned:
        """The version of a unit: that of canary for its share of a rollout, else that of production."""
        name = models.variant(model)
        role, share = rollouts.unit(name, unit)
        return Assigned(model=name, role=role, version=version(name, role).version, share=share)

    @app.get("/api/v1/models/{model}/versions/{which}", tags=tags, responses=responses(404))
    def show_version(model: Name, which: Which) -> Details:
        """A version: origin, scores, verdict, files and history."""
        found = version(model, which)
        return Details(**listing.details(variant(model), found, releases.of(found)))

    @app.get(
        "/api/v1/models/{model}/versions/{which}/files/{file}",
        tags=tags,
        response_class=FileResponse,
        responses=responses(404, 416, 503)
        | {206: {"description": "A part of the file."}, 304: {"description": "The file is the one that you have."}},
    )
    def get_file(
        model: Name,
        which: Which,
        file: Annotated[str, fastapi.Path(description="A name in `artifacts`, or release.json.")],
        range: Annotated[str | None, Header(description="The bytes that are wanted, such as bytes=1000-.")] = None,
        if_none_match: Annotated[str | None, Header(description="The ETag of the file that you have.")] = None,
    ) -> Response:
        """A file of a version. Its ETag is its SHA-256."""
        found = version(model, which)
        try:
            place, record = release.files(found, folder)
        except SlipwayError as error:
            raise Problem(503, "Files cannot be fetched", f"{found.name}: {error}")
        known = [RECORD, *record.artifacts]
        if file not in known:
            raise Problem(
                404, "Unknown file", f"{found.name} has no file {file}; it has {', '.join(known)}", known=known
            )
        path = place / file
        sha256 = record.artifacts[file].sha256 if file in record.artifacts else _sha256(path)
        tag = f'"{sha256}"'
        if if_none_match is not None and tag in (one.strip().removeprefix("W/") for one in if_none_match.split(",")):
            return Response(status_code=304, headers={"ETag": tag})
        if range is not None:
            _check_range(range, path.stat().st_size)
        return FileResponse(
            path,
            headers={"ETag": tag, "X-Model-Version": found.version},
            media_type="application/json" if file == RECORD else "application/octet-stream",
        )

    @app.get("/api/v1/models/{model}/compare", tags=tags, responses=responses(404))
    def compare(
        model: Name,
        first: Annotated[str, Query(description="A version, a role, or `latest`.")],
        second: Annotated[str, Query(description="A version, a role, or `latest`.")],
    ) -> list[Difference]:
        """The metrics of two versions."""
        found = comparison.compare(version(model, first), version(model, second))
        return [Difference(**asdict(one)) for one in found]

    @app.get("/api/v1/models/{model}/history", tags=tags, responses=responses(404))
    def history(model: Name) -> list[Event]:
        """Who registered and promoted which version, when and why, latest first."""
        known = variant(model)
        return [Event(**listing.event(known, tag)) for tag in sorted(known.tags, key=_order, reverse=True)]


def _check_range(header: str, size: int) -> None:
    """Raise a problem for a header `Range` that names no part of a file with so many bytes."""
    found = _RANGE.fullmatch(header.strip().lower())
    first, last, suffix = found.groups() if found is not None else (None, None, None)
    if first is not None and int(first) < size and (not last or int(last) >= int(first)):
        return
    if suffix is not None and int(suffix):
        return
    raise Problem(
        416,
        "Range not satisfiable",
        f"the file has {size} bytes; ask for one part of it, such as bytes=0-{size - 1}",
        {"Content-Range": f"bytes */{size}"},
    )


def _order(tag: Tag) -> tuple[int, int]:
    return tag.when, tag.counter


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
