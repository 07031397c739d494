import numpy as np
import pytest

from slipway.core.errors import ConfigError
from slipway.core.spec import Spec
from slipway.frameworks.keras.native.runtime import keras
from slipway.frameworks.keras.objectives.image_classification import networks
from slipway.frameworks.keras.schema.image_classification import Model

LABELS_OF_IMAGENET = [str(i) for i in range(1000)]


def test_efficientnet_lite0_has_the_published_number_of_parameters(spec: Spec) -> None:
    network = networks.build(Model(network="efficientnet_lite0"), spec | {"outputs": LABELS_OF_IMAGENET})
    assert sum(weight.numpy().size for weight in network.trainable_weights) == 4_652_008


def test_efficientnet_lite0_uses_only_layers_for_integer_hardware(spec: Spec) -> None:
    network = networks.build(Model(network="efficientnet_lite0", drop_path=0.1), spec)
    kinds = {type(layer).__name__ for layer in network.layers}
    assert kinds == {
        *("InputLayer", "Rescaling", "Conv2D", "DepthwiseConv2D", "BatchNormalization", "ReLU", "Dropout", "Add"),
        *("GlobalAveragePooling2D", "Dense"),
    }
    assert {layer.max_value for layer in network.layers if isinstance(layer, keras.layers.ReLU)} == {6}


def test_resnet18_has_the_published_number_of_parameters(spec: Spec) -> None:
    network = networks.build(Model(network="resnet18"), spec | {"outputs": LABELS_OF_IMAGENET})
    assert sum(weight.numpy().size for weight in network.trainable_weights) == 11_689_512


@pytest.mark.parametrize("name", ["efficientnet_lite0", "mobilenet_v3_small", "mobilenet_v3_large", "resnet18"])
def test_every_network_gives_probabilities_of_the_classes_from_pixels(name: str, spec: Spec) -> None:
    network = networks.build(Model.model_validate({"network": name}), spec)
    pictures = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype(np.float32)
    outputs = network(pictures, training=False).numpy()
    assert outputs.shape == (2, 2)
    np.testing.assert_allclose(outputs.sum(axis=1), 1, atol=1e-5)


def test_an_untrained_efficientnet_gives_equal_probabilities(spec: Spec) -> None:
    keras.utils.set_random_seed(0)
    network = networks.build(Model(network="efficientnet_lite0"), spec)
    pictures = np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3)).astype(np.float32)
    np.testing.assert_allclose(network(pictures, training=True).numpy(), 0.5, atol=0.45)


def test_batch_normalisation_averages_as_the_model_says(spec: Spec) -> None:
    network = networks.build(Model(network="mobilenet_v3_small", batch_norm_momentum=0.8), spec)
    momenta = {layer.momentum for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)}
    assert momenta == {0.8}


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "resnet18"])
def test_width_scales_the_number_of_filters(name: str, spec: Spec) -> None:
    models = [Model.model_validate({"network": name, "width": width}) for width in (0.5, 1.0)]
    sizes = [networks.build(model, spec).count_params() for model in models]
    assert sizes[0] < 0.5 * sizes[1]


def test_inputs_that_are_not_pictures_are_refused(spec: Spec) -> None:
    with pytest.raises(ConfigError, match=r"efficientnet_lite0 takes \[height, width, channels\].*\[10\]"):
        networks.build(Model(network="efficientnet_lite0"), spec | {"input": {"shape": [10]}})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"network": "efficientnet_lite0", "width": 0.5}, "no width other than 1"),
        ({"network": "mobilenet_v3_small", "drop_path": 0.1}, "has no drop_path"),
    ],
)
def test_an_option_that_a_network_does_not_have_is_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Model.model_validate(values)
