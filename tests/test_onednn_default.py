"""Graph functions take oneDNN's sparse product by default."""

import os
import platform

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.eager import context
from tensorflow.python.framework import kernels

from tfgraph import onednn_default, ops

ONEDNN = "_MklNativeSparseMatrixMatMul"


@pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64")
    or not kernels.get_registered_kernels_for_op(ONEDNN).kernel,
    reason="a TensorFlow or a processor without this kernel",
)
@pytest.mark.parametrize(
    "shape, num_entries", [((3, 5), 4), ((3, 5), 0), ((0, 5), 0), ((3, 0), 0)]
)
def test_graph_functions_take_the_product_of_onednn(shape, num_entries):
    indices = np.array([[0, 1], [0, 1], [2, 0], [2, 4]])[:num_entries]
    values = np.array([1, 2, 3, 4], np.float32)[:num_entries]
    x = np.arange(shape[1] * 2, dtype=np.float32).reshape(-1, 2)
    dense = np.zeros(shape, np.float32)
    np.add.at(dense, tuple(indices.T), values)

    product = tf.function(lambda i, v, x: ops.sparse_matmul(i, v, shape, x))
    context.enable_graph_collection()
    try:
        y = product(tf.constant(indices, tf.int64), tf.constant(values), x)
        graphs = context.export_run_metadata().partition_graphs
    finally:
        context.disable_graph_collection()
    assert ONEDNN in {node.op for graph in graphs for node in graph.node}
    np.testing.assert_array_equal(y, dense @ x)


def test_the_choice_of_the_user_stays(monkeypatch):
    monkeypatch.setenv(onednn_default.SWITCH, "0")
    onednn_default.install()
    assert os.environ[onednn_default.SWITCH] == "0"
