"""The common sections of the configuration, and how they are read."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from slipway.core import config
from slipway.core.config import Checks, Register, Rule, Split
from slipway.core.errors import ConfigError


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"train": 0.8}, "must be 1, not 1.1"),
        ({"train": 0.85, "val": 0.15, "test": 0.0}, "more than 0"),
        ({"folds": 5}, "folds and fold must be set together"),
        ({"folds": 5, "fold": 6}, "fold is 6, and there are only 5 folds"),
        ({"folds": 5, "fold": 1, "by": "time"}, "folds need by: group, and by is time"),
        ({"test_from": "2024-01-01"}, "val_from and test_from must be set together"),
        ({"val_from": "2024-01-01T13:00+02:00", "test_from": "2024-02-01"}, "should not have timezone info"),
        ({"tarin": 0.7}, "Extra inputs are not permitted"),
    ],
)
def test_an_inconsistent_split_is_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Split(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "message"), [({}, "needs min, max or both"), ({"min": 2, "max": 1}, "is above max")]
)
def test_a_rule_needs_bounds_that_can_be_met(values: dict[str, float], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Rule(**values)


@pytest.mark.parametrize("key", ["license", "data_license"])
def test_a_licence_is_an_id_in_lower_case_or_not_stated(key: str) -> None:
    assert getattr(Register(name="a", description="b"), key) is None
    assert getattr(Register(name="a", description="b", **{key: "cc-by-4.0"}), key) == "cc-by-4.0"  # type: ignore[arg-type]
    for wrong in ("Apache-2.0", "", "MIT OR Apache-2.0", "see LICENSE"):
        with pytest.raises(ValidationError, match="in lower case, such as apache"):
            Register(name="a", description="b", **{key: wrong})  # type: ignore[arg-type]


def test_sections_do_not_change_once_read() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Checks().quarantine = 0.5  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "message"),
    [(None, "no such file; run `dvc repro compose@mine`"), ("a: [", "not YAML"), ("- 1\n", "not a mapping")],
)
def test_the_error_on_an_unreadable_file_says_how_to_create_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params").mkdir()
    if text is not None:
        (tmp_path / "params/mine.yaml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        config.read("mine")


def test_a_new_key_with_its_default_is_not_written_so_that_no_version_changes() -> None:
    plain = Register(name="model", description="A model.")
    assert set(plain.model_dump()) == {"name", "description", "license", "data_license"}
    shown = Register(name="model", description="A model.", example=False, units={"area": "m²"})
    assert shown.model_dump(include={"example", "units"}) == {"example": False, "units": {"area": "m²"}}
