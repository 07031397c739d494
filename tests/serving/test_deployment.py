"""What a deployment's file may say, and how mistakes are told."""

from pathlib import Path

import pytest

from slipway.core.errors import ConfigError
from slipway.serving import deployment
from slipway.serving.settings import Capturing


def written(folder: Path, text: str, name: str = "ads") -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(text)
    return path


def test_a_file_needs_only_a_variant(tmp_path: Path) -> None:
    found = deployment.read(written(tmp_path, "variant: ball\n"))
    assert (found.follow, found.host, found.port, found.rollback_on_error) == ("production", "127.0.0.1", 8000, False)
    assert (found.scaling.min_workers, found.scaling.max_workers) == (1, 1)
    assert found.resources.memory_bytes is None


def test_everything_can_be_said(tmp_path: Path) -> None:
    text = """
        variant: ball
        follow: v1.2.0
        environment: pitch-side
        port: 8100
        resources: {cpu: 2, memory: 800MB, gpu: 0}
        scaling: {min_workers: 1, max_workers: 4, target_cpu: 60}
        health_check: {interval: 5, timeout: 2, failure_threshold: 2}
        rollback_on_error: true
        capture: {share: 0.02, below: 0.6, most: 2GB, days: 14}
    """
    found = deployment.read(written(tmp_path, text))
    assert found.resources.memory_bytes == 800_000_000
    assert found.scaling.max_workers == 4
    assert found.capture is not None
    assert found.capture.into(tmp_path) == Capturing(tmp_path, 0.02, 0.6, 2_000_000_000, 14)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a mapping"),
        ("variant: ball\nfollow: prod\n", "follow is 'prod'; give a role"),
        ("variant: ball\nscaling: {min_workers: 3}\n", "max_workers is 1, less than min_workers, 3"),
        ("variant: ball\nresources: {memory: plenty}\n", "resources.memory"),
        ("variant: ball\ncapture: {share: 2}\n", "capture.share"),
        ("variant: ball\ncapture: {most: plenty}\n", "capture.most"),
        ("variant: ball\nresources: {gpu: 1}\n", "resources.gpu"),
        ("variant: ball\nworkers: 3\n", "workers: Extra inputs"),
        ("variant: ../up\n", "variant"),
        ("port: 0\n", "variant: Field required; port"),
        ("variant: ball\nvariant: shot\n", ":2"),
        ("<<<<<<< a\nvariant: ball\n=======\nvariant: shot\n>>>>>>> b\n", "conflict"),
    ],
)
def test_mistakes_are_told_with_file_and_key(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=r"ads\.yaml") as raised:
        deployment.read(written(tmp_path, text))
    assert message in str(raised.value)


def test_a_missing_file_names_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="slipway deploy ads --variant VARIANT"):
        deployment.read(tmp_path / "ads.yaml")


@pytest.mark.parametrize("name", ["Ads", "../up", "", "a" * 64, "-a"])
def test_an_id_is_a_short_lower_case_name(name: str) -> None:
    with pytest.raises(ConfigError, match="cannot name a deployment"):
        deployment.check_id(name)


def test_two_deployments_need_two_addresses(tmp_path: Path) -> None:
    written(tmp_path, "variant: ball\n", "a")
    written(tmp_path, "variant: shot\nport: 8001\n", "b")
    assert list(deployment.read_all(tmp_path)) == ["a", "b"]
    written(tmp_path, "variant: bird\nport: 8001\n", "c")
    with pytest.raises(ConfigError, match=r"b, c have the same address, 127\.0\.0\.1:8001"):
        deployment.read_all(tmp_path)
