"""The file of weights that a training starts from."""

import hashlib
from pathlib import Path

import pytest

from slipway.core.errors import ConfigError, ModelError
from slipway.stages.train import _start


def test_a_file_of_weights_is_used_only_with_the_stated_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.keras"
    start = {"path": str(path), "sha256": hashlib.sha256(b"weights").hexdigest()}
    with pytest.raises(ModelError, match="no such file to start from"):
        _start("own", None, start, "model.keras")
    path.write_bytes(b"weights")
    assert _start("own", None, start, "model.keras") == path
    path.write_bytes(b"other weights")
    with pytest.raises(ModelError, match=r"SHA-256 is [0-9a-f]{64}, and start\.sha256 says"):
        _start("own", None, start, "model.keras")


def test_a_variant_starts_from_one_model_only(tmp_path: Path) -> None:
    assert _start("own", "base", None, "model.keras") == Path("models/base/native/model.keras")
    assert _start("own", None, None, "model.keras") is None
    with pytest.raises(ConfigError, match=r"starts from base by params\.yaml, and start names a file too"):
        _start("own", "base", {"path": "a.keras", "sha256": "0" * 64}, "model.keras")
