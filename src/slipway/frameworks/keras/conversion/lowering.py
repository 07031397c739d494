"""Rewrite networks with operators that XNNPACK supports: the same function with the same weights, in one partition.

XNNPACK is the library of CPU kernels behind LiteRT. LiteRT itself runs an operator that XNNPACK does not support, which
splits the network into partitions. The supported operators are in the code of the delegate (LiteRT,
tflite/delegates/xnnpack/xnnpack_delegate.cc); `slipway_edge.interpreter.Interpreter.delegation` reports the partitions.
"""

from typing import Any

from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from slipway.frameworks.keras.native.runtime import keras, tf


def lowered(network: Any) -> Any:
    """Return `network` with the layers that XNNPACK does not support replaced by operators that it supports.

    The weights are shared with `network`, not copied.
    """
    return keras.models.clone_model(network, clone_function=lambda layer: layer, call_function=_call)


def _call(layer: Any, *inputs: Any, **options: Any) -> Any:
    if isinstance(layer, keras.layers.UpSampling2D) and (layer.interpolation, layer.size) == ("nearest", (2, 2)):
        return _upsampled(*inputs)
    if isinstance(layer, keras.layers.AveragePooling2D) and layer.pool_size == (inputs[0].shape[1], 1):
        return keras.ops.mean(*inputs, axis=1, keepdims=True)  # in INT8, XNNPACK supports means but not average pooling
    return layer(*inputs, **options)


def _upsampled(cells: Any) -> Any:
    """Repeat each cell of [n, rows, columns, channels] 2 x 2 times, without EXPAND_DIMS and TILE, which Keras uses."""
    return keras.layers.Lambda(lambda x: tf.nn.depth_to_space(tf.concat([x] * 4, axis=-1), 2))(cells)


def with_float_probabilities(model: bytes) -> bytes:
    """Return an INT8 TFLite model with its final softmax, or sigmoid of labels, in float32; others are unchanged.

    XNNPACK has no softmax in INT8, and a sigmoid in INT8 has steps of 1/256, too coarse for the threshold of a rare
    label. The converter puts DEQUANTIZE after the last operator; this function moves it before.
    """
    content = flatbuffer_utils.read_model_from_bytearray(bytearray(model))
    graph = content.subgraphs[0]
    last = graph.operators[-2:]
    names = [flatbuffer_utils.opcode_to_name(content, one.opcodeIndex) for one in last]
    of_classes = len(graph.tensors[graph.outputs[0]].shape) == 2  # and not a map of the picture
    if names not in (["SOFTMAX", "DEQUANTIZE"], ["LOGISTIC", "DEQUANTIZE"]) or not of_classes:
        return model
    probability, dequantize = last
    logits, between, outputs = probability.inputs, probability.outputs, dequantize.outputs
    for tensor in between:
        graph.tensors[tensor].type, graph.tensors[tensor].quantization = schema.TensorType.FLOAT32, None
    dequantize.inputs, dequantize.outputs = logits, between
    probability.inputs, probability.outputs = between, outputs
    graph.operators[-2:] = dequantize, probability
    return bytes(flatbuffer_utils.convert_object_to_bytearray(content))
