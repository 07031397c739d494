"""`slipway serve`: the versions that hold a role in Git, as a service over HTTP."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from slipway.cli.log import FOLDER
from slipway.core.errors import ConfigError

NOT_FOUND = 127
STAGE = "MODEL_STAGE"
"""The environment variable with the role to serve, such as Staging or Production."""


def serve(
    models: Annotated[
        list[str] | None, typer.Argument(help="Variants to serve; by default, all that have versions.")
    ] = None,
    repo: Annotated[str, typer.Option(metavar="PATH|URL", help="The repository with the tags.")] = ".",
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 for any free one.")] = 8000,
    workers: Annotated[str, typer.Option(metavar="N|auto", help="Worker processes; auto: one a processor.")] = "1",
    poll: Annotated[float, typer.Option(min=0, help="Seconds between looks at the tags; 0 for refreshes only.")] = 5.0,
    role: Annotated[
        str | None, typer.Option(help=f"Role to serve; by default, that of {STAGE}, or production.")
    ] = None,
    cache: Annotated[
        Path | None, typer.Option(help="Folder for clones and releases; by default, ~/.cache/slipway/serve.")
    ] = None,
    cache_size: Annotated[
        int, typer.Option(metavar="MB", min=1, help="Loaded models in memory; those with a role always stay.")
    ] = 1024,
    queue: Annotated[int, typer.Option(min=1, help="Requests of a worker that may wait for its models.")] = 64,
    deadline: Annotated[float, typer.Option(min=0.001, help="Seconds in which a request must be answered.")] = 30.0,
    token_file: Annotated[
        Path | None, typer.Option("--tokens", metavar="FILE", help="Tokens; by default, .slipway/tokens.json.")
    ] = None,
    audit_log: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Changes and refusals; by default, logs/audit.jsonl.")
    ] = None,
    log: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Log of predictions; by default, logs/traffic.")
    ] = None,
    state: Annotated[
        str | None,
        typer.Option(metavar="URL", help="State store: sqlite:///FILE or postgresql://...; by default, in the log."),
    ] = None,
    shadow: Annotated[
        float,
        typer.Option(metavar="PERCENT", min=0, max=100, help="Requests of experiments that production predicts too."),
    ] = 10.0,
    no_log: Annotated[bool, typer.Option("--no-log", help="Keep no log of predictions.")] = False,
    alert_webhook: Annotated[
        str | None, typer.Option(metavar="URL", help="Gets a POST when a rollout is taken back or paused.")
    ] = None,
    alert_command: Annotated[
        str | None, typer.Option(metavar="COMMAND", help="Is run then, with the alert as JSON on standard input.")
    ] = None,
    capture: Annotated[
        float | None,
        typer.Option(metavar="SHARE", min=0, max=1, help="Keep this share of requests for labelling, such as 0.01."),
    ] = None,
    capture_below: Annotated[
        float, typer.Option(min=0, max=1, help="With --capture, keep all examples of a lower confidence too.")
    ] = 0.7,
    capture_to: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where they are kept; by default, data/review.")
    ] = None,
    capture_most: Annotated[str, typer.Option(metavar="SIZE", help="The most that is kept of each model.")] = "1GB",
    capture_days: Annotated[int, typer.Option(min=1, help="For how many days it is kept.")] = 30,
    deployment_id: Annotated[
        str | None, typer.Option("--deployment", metavar="ID", help="Serve as deployments/ID.yaml says.")
    ] = None,
    ssl_certfile: Annotated[Path | None, typer.Option(metavar="FILE", help="Certificate, for TLS.")] = None,
    ssl_keyfile: Annotated[Path | None, typer.Option(metavar="FILE", help="Key of the certificate.")] = None,
) -> None:
    """Serve the versions that hold a role over HTTP, and follow the tags; needs the extra `serve`."""
    with needs_serve("serve"):
        from slipway.serving import audit, deployment, repository, server, settings, tokens
        from slipway.state import store
    deployed = None if deployment_id is None else deployment.read(deployment.FOLDER / f"{deployment_id}.yaml")
    if deployed is None:
        chosen = settings.role(role or os.environ.get(STAGE) or settings.ROLES[0])
        count = server.workers(workers)
    else:
        if models or role or capture is not None:
            raise ConfigError("--deployment says which model, which role and what to capture; give no others")
        models, chosen, count = [deployed.variant], deployed.follow, deployed.scaling.min_workers
        host, port = deployed.host, deployed.port
    root = (cache or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "slipway" / "serve").absolute()
    address = repo if repository.is_address(repo) else str(Path(repo).resolve())
    folder = root / repository.folder_of(address)
    clone, own = repository.prepare(address, folder)
    here = Path.cwd() if own else clone
    logs = None if no_log else (log or here / FOLDER).absolute()
    if state is not None:
        store.check(state)
    review = (capture_to or here / settings.REVIEW).absolute()
    capturing = None
    if capture is not None:
        most = deployment.size(capture_most)
        capturing = settings.Capturing(review, capture, capture_below, most, capture_days)
    elif deployed is not None and deployed.capture is not None:
        capturing = deployed.capture.into(review)
    server.run(
        settings.Settings(
            repository=clone,
            own=own,
            releases=folder / "releases",
            history=folder / "history.db",
            shared=folder,
            tokens=(token_file or here / tokens.FILE).absolute(),
            audit=(audit_log or here / audit.FILE).absolute(),
            log=logs,
            state=None if logs is None else state or store.default(logs),
            loopback=tokens.is_loopback(host),
            role=chosen,
            models=tuple(models or ()),
            poll=poll,
            cache_bytes=cache_size * 10**6,
            most_waiting=queue,
            deadline=deadline,
            shadow=shadow,
            threads=1 if deployed is None else deployed.resources.cpu,
            alert_webhook=alert_webhook,
            alert_command=alert_command,
            capturing=capturing,
            withdrawn=folder / "withdrawn.json" if deployed is not None and deployed.rollback_on_error else None,
        ),
        host,
        port,
        count,
        ssl_certfile,
        ssl_keyfile,
        deployed,
    )


@contextmanager
def needs_serve(command: str) -> Iterator[None]:
    """Say which package is missing, if one of the extra `serve` is."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "slipway").partition(".")[0] == "slipway":
            raise
        print(f"error: slipway {command} needs {error.name}; run pip install 'slipway[serve]'", file=sys.stderr)
        raise typer.Exit(NOT_FOUND)
