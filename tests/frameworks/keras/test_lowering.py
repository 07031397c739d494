"""Every architecture is one partition of XNNPACK, and gives the outputs of the trained network."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slipway.frameworks.keras import conversion, native
from slipway.frameworks.keras.conversion.lowering import lowered
from slipway.frameworks.keras.native.runtime import keras
from slipway.frameworks.keras.objectives import audio_classification as sounds
from slipway.frameworks.keras.objectives import image_classification as pictures
from slipway.frameworks.keras.objectives import keypoint_detection as keypoints
from slipway.frameworks.keras.objectives import object_detection as objects
from slipway.frameworks.keras.schema import audio_classification as of_sounds
from slipway.frameworks.keras.schema import image_classification as of_pictures
from slipway.frameworks.keras.schema import keypoint_detection as of_keypoints
from slipway.frameworks.keras.schema import object_detection as of_objects
from slipway.frameworks.keras.training.classification import start_at_shares
from slipway_edge.interpreter import Delegation, Interpreter

pytestmark = pytest.mark.build  # they train and convert networks

ARCHITECTURES: dict[str, tuple[Callable[[Any, Any], Any], Any, list[int]]] = {
    "efficientnet_lite0": (
        pictures.networks.build,
        of_pictures.Model(network="efficientnet_lite0"),
        [48, 48, 3],
    ),
    "resnet18": (pictures.networks.build, of_pictures.Model(network="resnet18", width=0.25), [48, 48, 3]),
    "log_mel_cnn": (sounds.network.build, of_sounds.Model(filters=(8, 16, 16)), [32, 45, 1]),
    "separable_baseline": (keypoints.network.build, of_keypoints.Model(width=0.25), [64, 48, 3]),
    "pyramid": (objects.network.build, of_objects.Model(filters=(8, 16, 16, 24)), [64, 96, 3]),
}


@pytest.fixture(scope="module", params=ARCHITECTURES)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    build, model, shape = ARCHITECTURES[request.param]
    keras.utils.set_random_seed(0)
    network = build(model, {"input": {"shape": shape}, "outputs": ["a", "b", "c"], "heatmap": {"stride": 4}})
    for _ in range(20):  # until the statistics of batch normalisation are those of the inputs
        network(some(shape).astype(np.float32), training=True)
    out = tmp_path_factory.mktemp(request.param)
    native.save(network, out)
    np.save(out / "inputs.npy", some(shape))
    return out


def some(shape: list[int]) -> np.ndarray:
    coarse = np.random.default_rng(0).integers(0, 256, (8, *(side // 8 + 1 for side in shape[:2]), shape[2]), np.uint8)
    return coarse.repeat(8, axis=1).repeat(8, axis=2)[:, : shape[0], : shape[1]]


def test_float32_is_one_partition_and_agrees_with_the_network_that_was_trained(folder: Path) -> None:
    inputs = np.load(folder / "inputs.npy")
    model = Interpreter(conversion.convert(folder, inputs, "float32"))
    assert model.delegation == Delegation(partitions=1, outside={})
    np.testing.assert_allclose(model(inputs), native.load(folder)(inputs), atol=1e-5)


def test_int8_is_one_partition_after_the_pixels_were_quantized_once(folder: Path) -> None:
    inputs = np.load(folder / "inputs.npy")
    model = Interpreter(conversion.convert(folder, inputs, "int8"))
    assert model.delegation == Delegation(partitions=1, outside={"QUANTIZE": 1})
    outputs = model(inputs)
    assert model.delegation.partitions == 1, "a batch gives no more partitions than a single picture"
    np.testing.assert_allclose(outputs, native.load(folder)(inputs), atol=0.15)


def test_probabilities_of_labels_in_int8_are_finer_than_steps_of_a_256th_in_one_partition(tmp_path: Path) -> None:
    model = of_pictures.Model(network="resnet18", width=0.25)
    spec = {"input": {"shape": [48, 48, 3]}, "outputs": ["a", "b", "c"]}
    network = pictures.networks.build(model, spec, "sigmoid")
    start_at_shares(network, np.eye(100, 3, dtype=np.uint8))
    native.save(network, tmp_path / "native")
    inputs = some([48, 48, 3])
    given = Interpreter(conversion.convert(tmp_path / "native", inputs, "int8"))
    assert given.delegation == Delegation(partitions=1, outside={"QUANTIZE": 1})
    outputs = given(inputs)
    assert outputs.max() < 0.05, "an untrained network gives each label its share, 0.02"
    assert (outputs * 256 % 1).any()


def test_probabilities_in_int8_sum_to_one_more_exactly_than_in_steps_of_a_256th(tmp_path: Path) -> None:
    layers = keras.layers
    inputs = layers.Input((4, 4, 1))
    outputs = layers.Dense(3, activation="softmax")(layers.Flatten()(inputs))
    native.save(keras.Model(inputs, outputs), tmp_path / "native")
    pixels = some([4, 4, 1])
    given = Interpreter(conversion.convert(tmp_path / "native", pixels, "int8"))(pixels)
    np.testing.assert_allclose(given.sum(axis=1), 1, atol=1e-6)


def test_what_is_lowered_is_the_same_function_to_the_bit() -> None:
    layers = keras.layers
    inputs = layers.Input((6, 5, 3))
    network = keras.Model(inputs, layers.UpSampling2D(2)(inputs))
    values = np.random.default_rng(0).random((2, 6, 5, 3), np.float32)
    np.testing.assert_array_equal(lowered(network)(values), values.repeat(2, axis=1).repeat(2, axis=2))
