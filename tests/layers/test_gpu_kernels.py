"""What the convolutions ask TensorFlow for has GPU kernels, by its own list of them."""

import pytest
import tensorflow as tf
from tensorflow.python.framework import kernels
from test_every_layer import CASES, convolution, differentiated, random_graph

# The first case of each class.
FIRST = {case[0]: case for case in reversed(CASES)}


def device_types(operation):
    """The types of devices that have a kernel. Empty for functions, which have none."""
    found = kernels.get_registered_kernels_for_op(operation).kernel
    return {kernel.device_type for kernel in found}


@pytest.mark.skipif(
    "GPU" not in device_types("MatMul"), reason="a TensorFlow without GPU kernels"
)
@pytest.mark.parametrize("made", FIRST, ids=lambda made: made.__name__)
def test_forward_and_gradient_have_gpu_kernels(made):
    layer, calls = convolution(FIRST[made], "float32")
    x, indices, weights, pairs = random_graph(signed=False)
    tensors = [tf.constant(part, tf.float32) for part in (x, weights, pairs)]
    tensors.insert(2, tf.constant(indices))
    traced = tf.function(differentiated(calls, layer)).get_concrete_function(*tensors)
    graph = traced.graph.as_graph_def()
    nodes = [*graph.node]
    for function in graph.library.function:
        nodes += function.node_def
    operations = {node.op for node in nodes}
    assert {"SparseMatrixMatMul", "MatMul"} & operations
    without = {
        operation
        for operation in operations
        if device_types(operation) and not {"GPU", "DEFAULT"} & device_types(operation)
    }
    assert without <= {"StringFormat"}  # of error messages
