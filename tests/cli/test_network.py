"""Which network `slipway new` chooses."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import ROOT
from slipway.cli.network import check, network
from slipway.core.errors import ConfigError

RECIPE: dict[str, Any] = yaml.safe_load((ROOT / "conf/new/image_classification.yaml").read_text())


@pytest.mark.parametrize(
    ("examples", "height", "width", "chosen"),
    [
        (20, 80, 80, "resnet18_quarter"),
        (3_999, 80, 128, "resnet18_quarter"),
        (3_999, 80, 129, "resnet18_half"),
        (4_000, 80, 80, "resnet18_half"),
        (500, 224, 224, "resnet18_half"),
        (20_000, 224, 224, "efficientnet_lite0"),
        (19_999, 224, 224, "resnet18_half"),
        (50_000, 96, 96, "resnet18_half"),
        (100_000, 96, 96, "efficientnet_lite0"),
    ],
)
def test_the_network_follows_from_the_number_of_pictures_and_their_size(
    examples: int, height: int, width: int, chosen: str
) -> None:
    model, why = network(RECIPE, examples, {"height": height, "width": width})
    assert model == chosen
    assert why.startswith(f"for {examples:,} training examples of {height} x {width} px, ")


def test_a_task_with_one_network_has_no_choice_to_explain() -> None:
    recipe = yaml.safe_load((ROOT / "conf/new/audio_classification.yaml").read_text())
    assert network(recipe, 10, {"mels": 64}) == ("log_mel_cnn", "")


def test_pictures_with_several_labels_have_the_networks_of_pictures_with_one() -> None:
    several = yaml.safe_load((ROOT / "conf/new/image_multilabel.yaml").read_text())
    assert several["fewer"] == RECIPE["fewer"]


def test_an_unknown_network_is_refused_with_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(ROOT))
    check("resnet18_half")
    check(None)
    with pytest.raises(ConfigError, match=r"--model: conf/model/resnet50.yaml: no such file; it has catboost, .*quart"):
        check("resnet50")
