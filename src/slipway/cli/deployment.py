"""`slipway deploy`, `deployments`, `status`, `health` and `undeploy`: servers that run in the background."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from slipway.cli.display import print_columns
from slipway.cli.options import Json
from slipway.cli.serve import needs_serve
from slipway.core.errors import ConfigError
from slipway.core.terminal import Console

if TYPE_CHECKING:
    from slipway.serving.deployments import Deployments, Status

Id = Annotated[str, typer.Argument(metavar="ID", help="The name of deployments/ID.yaml.")]


def deploy(
    name: Id,
    variant: Annotated[str | None, typer.Option(help="The model of a new deployment.")] = None,
    follow: Annotated[str | None, typer.Option(help="Role or version to serve; by default, production.")] = None,
    environment: Annotated[str | None, typer.Option(help="A name for people, such as staging.")] = None,
    port: Annotated[int | None, typer.Option(help="Port; by default, the first free one from 8000 on.")] = None,
    max_workers: Annotated[int | None, typer.Option(min=1, help="The most worker processes.")] = None,
    rollback_on_error: Annotated[
        bool, typer.Option("--rollback-on-error", help="Go back by itself if requests to a new version fail.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Start the server of deployments/ID.yaml in the background; with --variant, write that file first."""
    options: dict[str, Any] = {"follow": follow, "environment": environment, "port": port}
    if max_workers is not None:
        options["scaling"] = {"max_workers": max_workers}
    if rollback_on_error:
        options["rollback_on_error"] = True
    options = {key: value for key, value in options.items() if value is not None}
    if options and variant is None:
        raise ConfigError(
            f"options are for a new deployment; edit deployments/{name}.yaml, and run slipway deploy {name}"
        )
    status = _deployments().deploy_model(name, variant, **options)
    _show([status], as_json)
    if variant is not None and not as_json:
        Console().print(f"next: git add deployments/{name}.yaml", soft_wrap=True, markup=False)


def deployments(as_json: Json = False) -> None:
    """List the deployments with the version that answers."""
    _show(_deployments().statuses(), as_json)


def status(name: Id, as_json: Json = False) -> None:
    """Show a deployment: its state, and what it did since its start."""
    from slipway.serving.deployments import DeploymentError

    known = _deployments()
    found = known.status(name)
    try:
        measured = known.current_metrics(name) if found.state != "stopped" else None
    except DeploymentError:
        measured = None
    if as_json:
        print(json.dumps(asdict(found) | {"metrics": measured}, indent=1))
        return
    _show([found], False)
    for key, value in (measured or {}).items():
        shown = f"{value:.4g}" if isinstance(value, float) else value
        Console().print(f"{key}: {shown if value is not None else 'unknown'}", soft_wrap=True, markup=False)


def health(name: Id, as_json: Json = False) -> None:
    """Say whether a deployment answers with the version that Git names. Exit code 1 if not."""
    found = _deployments().status(name)
    sound = found.state == "ready" and found.version == found.named
    if as_json:
        print(json.dumps({"id": name, "healthy": sound, "state": found.state, "problems": list(found.problems)}))
    else:
        why = "; ".join(found.problems)
        Console().print(f"{name}: {found.state}{f', {why}' if why else ''}", soft_wrap=True, markup=False)
    raise typer.Exit(0 if sound else 1)


def undeploy(name: Id, as_json: Json = False) -> None:
    """Stop the server of a deployment. Its file stays."""
    stopped = _deployments().undeploy(name)
    if as_json:
        print(json.dumps({"id": name, "stopped": stopped}))
    else:
        Console().print(f"{name}: {'stopped' if stopped else 'it was not running'}", markup=False)


def _deployments() -> "Deployments":
    with needs_serve("deploy"):
        from slipway.serving.deployments import Deployments
    return Deployments()


def _show(found: "list[Status]", as_json: bool) -> None:
    if as_json:
        print(json.dumps([asdict(one) for one in found], indent=1))
        return
    print_columns(
        ("id", "model", "follows", "environment", "address", "state", "version", "workers"),
        [
            (
                one.id,
                one.variant,
                one.follow,
                one.environment,
                one.address,
                one.state,
                one.version or "",
                str(one.workers or ""),
            )
            for one in found
        ],
    )
    for one in found:
        for problem in one.problems:
            Console().print(f"{one.id}: {problem}", soft_wrap=True, markup=False)
