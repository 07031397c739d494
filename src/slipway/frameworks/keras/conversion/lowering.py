"""Networks in the operators that XNNPACK takes: the same function of the same weights, so that a model runs whole.

XNNPACK is the library of kernels behind LiteRT on a processor. An operator that it does not take is left to LiteRT, and
parts the network in two. What it takes is in the code of its delegate (LiteRT,
tflite/delegates/xnnpack/xnnpack_delegate.cc); `slipway_edge.interpreter.Interpreter.delegation` tells what it took.
"""

from typing import Any

from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from slipway.frameworks.keras.native.runtime import keras, tf


def lowered(network: Any) -> Any:
    """`network`, with the layers that XNNPACK would not take written in operators that it does.

    The weights are those of `network`, not copies.
    """
    return keras.models.clone_model(network, clone_function=lambda layer: layer, call_function=_call)


def _call(layer: Any, *inputs: Any, **options: Any) -> Any:
    if isinstance(layer, keras.layers.UpSampling2D) and (layer.interpolation, layer.size) == ("nearest", (2, 2)):
        return _doubled(*inputs)
    if isinstance(layer, keras.layers.AveragePooling2D) and layer.pool_size == (inputs[0].shape[1], 1):
        return keras.ops.mean(*inputs, axis=1, keepdims=True)  # XNNPACK takes means in INT8, and no average pooling
    return layer(*inputs, **options)


def _doubled(cells: Any) -> Any:
    """Each cell of [n, rows, columns, channels] four times: Keras repeats rows and columns by EXPAND_DIMS and TILE."""
    return keras.layers.Lambda(lambda x: tf.nn.depth_to_space(tf.concat([x] * 4, axis=-1), 2))(cells)


def with_float_softmax(model: bytes) -> bytes:
    """An INT8 TFLite model that ends in a softmax, with it in float32; any other as it is.

    XNNPACK has no softmax in INT8. The converter puts DEQUANTIZE after it; here it comes before.
    """
    content = flatbuffer_utils.read_model_from_bytearray(bytearray(model))
    graph = content.subgraphs[0]
    last = graph.operators[-2:]
    if [flatbuffer_utils.opcode_to_name(content, one.opcodeIndex) for one in last] != ["SOFTMAX", "DEQUANTIZE"]:
        return model
    softmax, dequantize = last
    logits, between, outputs = softmax.inputs, softmax.outputs, dequantize.outputs
    for tensor in between:
        graph.tensors[tensor].type, graph.tensors[tensor].quantization = schema.TensorType.FLOAT32, None
    dequantize.inputs, dequantize.outputs = logits, between
    softmax.inputs, softmax.outputs = between, outputs
    graph.operators[-2:] = dequantize, softmax
    return bytes(flatbuffer_utils.convert_object_to_bytearray(content))
