"""Start weights: of another variant, and of networks that users saved with Keras in any of its formats."""

import hashlib
from pathlib import Path
from typing import Any, cast

import h5py
import numpy as np
import pytest

from slipway.core.errors import ModelError
from slipway.core.spec import Spec
from slipway.frameworks.keras import native
from slipway.frameworks.keras.native.runtime import keras
from slipway.frameworks.keras.objectives.image_classification import networks
from slipway.frameworks.keras.schema.image_classification import Model
from slipway.frameworks.keras.training.transfer import start_from


def of_applications(name: str, top: bool) -> Any:
    """Return a network of Keras Applications as a user builds it, with random weights."""
    keras.utils.set_random_seed(3)
    build = {"small": keras.applications.MobileNetV3Small, "large": keras.applications.MobileNetV3Large}[name]
    return build((64, 64, 3), alpha=0.35, weights=None, include_top=top)


def older(network: Any, path: Path, rename: bool) -> None:
    """Write weights as older versions of Keras do; with other names, as Keras Applications publishes them."""
    with h5py.File(path, "w") as file:
        layers = [(f"old/{layer.name}" if rename else layer.name, layer) for layer in network.layers]
        file.attrs["layer_names"] = [name.encode() for name, _ in layers]
        for name, layer in layers:
            group = file.create_group(name)
            weights = {f"{name}/{weight.name}_{number}:0": weight for number, weight in enumerate(layer.weights)}
            group.attrs["weight_names"] = [one.encode() for one in weights]
            for one, weight in weights.items():
                group[one] = weight.numpy()


def saved(network: Any, path: Path) -> Path:
    if path.name.startswith("older"):
        older(network, path, "renamed" in path.name)
    elif path.name.endswith(".weights.h5"):
        network.save_weights(path)
    elif path.name.startswith("nested"):
        keras.Sequential([keras.Input((64, 64, 3)), network, keras.layers.Dense(5, name="mine")]).save(path)
    else:
        network.save(path)
    return path


@pytest.mark.parametrize(
    "file", ["a.keras", "nested.keras", "a.weights.h5", "a.h5", "older.h5", "older_renamed.h5", "nested.h5"]
)
def test_weights_of_keras_applications_are_taken_from_every_kind_of_file(file: str, spec: Spec, tmp_path: Path) -> None:
    source = of_applications("small", top=False)
    network = networks.build(Model(network="mobilenet_v3_small", width=0.35), spec)
    before = network.get_layer("conv_2").get_weights()
    taken = start_from(network, saved(source, tmp_path / file))
    assert set(taken.copied) == {layer.name for layer in source.layers if layer.weights}
    assert taken.absent == ("conv_2", "logits") and taken.other_shape == ()
    for name in taken.copied:
        for one, other in zip(network.get_layer(name).get_weights(), source.get_layer(name).get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)
    for one, other in zip(network.get_layer("conv_2").get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_does_not_fit_is_counted_and_named(spec: Spec, tmp_path: Path) -> None:
    source = saved(of_applications("large", top=True), tmp_path / "large.keras")
    taken = start_from(networks.build(Model(network="mobilenet_v3_large", width=0.35), spec), source)
    assert taken.other_shape == ("logits",), "the file has a thousand classes"
    layers = len(taken.copied) + 1
    assert (
        taken.words
        == f"{layers - 1} of {layers} layers with weights start from the file; logits has another shape there"
    )
    wider = start_from(networks.build(Model(network="mobilenet_v3_large", width=0.5), spec), source)
    assert "conv" in wider.copied and "expanded_conv_1_project" in wider.other_shape


def test_a_file_without_fitting_layers_is_refused(spec: Spec, tmp_path: Path) -> None:
    other = saved(of_applications("small", top=False), tmp_path / "small.keras")
    network = networks.build(Model(network="efficientnet_lite0"), spec)
    with pytest.raises(ModelError, match=r"none of its \d+ layers with weights \(.*\) fits efficientnet_lite0"):
        start_from(network, other)
    older(of_applications("small", top=False), tmp_path / "older.h5", rename=True)
    with pytest.raises(ModelError, match="fits efficientnet_lite0"):
        start_from(network, tmp_path / "older.h5")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no archive", b"\x89HDF\r\n\x1a\n cut"])
def test_a_file_that_holds_no_weights_is_refused(content: bytes, spec: Spec, tmp_path: Path) -> None:
    (tmp_path / "a.keras").write_bytes(content)
    with pytest.raises(ModelError, match="not weights that Keras saved"):
        start_from(networks.build(Model(network="resnet18", width=0.25), spec), tmp_path / "a.keras")


def test_a_variant_starts_from_another_ones_native_model(spec: Spec, tmp_path: Path) -> None:
    keras.utils.set_random_seed(1)
    source = networks.build(Model(network="resnet18", width=0.25), cast("Spec", spec | {"outputs": ["a", "b", "c"]}))
    native.save(source, tmp_path / "native")
    network = networks.build(Model(network="resnet18", width=0.25), spec)
    taken = start_from(network, tmp_path / "native" / native.FILE)
    assert taken.other_shape == ("predictions",) and taken.absent == () and taken.unused == 0
    digests = [hashlib.sha256(one.get_layer("stem_conv").get_weights()[0].tobytes()) for one in (source, network)]
    assert digests[0].digest() == digests[1].digest()
