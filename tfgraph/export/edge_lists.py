"""The export of models that are called with a graph as an edge list."""

import numbers
import os
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tfgraph import ops
from tfgraph.export.raw_columns import column_inputs, features_of_columns
from tfgraph.export.requests import Input, add_endpoint, named
from tfgraph.export.versions import check_arguments, write_version
from tfgraph.inputs import is_list as is_list_of_blocks
from tfgraph.layers import GraphConvolution


def export_model(
    model: keras.Model,
    path: str | os.PathLike,
    max_nodes: int = 2048,
    max_graphs: int = 1024,
    *,
    preprocessing: keras.Model | None = None,
) -> str:
    """Exports a model over `[x, adjacency]`, to be called with a graph of any size.

    It may also be a model over `[x, adjacency, graph_ids]`, such as
    `models.DiffPoolClassifier`. The signatures are

    - `serving_default`: `features` float32 `[N, F]` and `edges` int64 `[E, 2]`, each
      row `(source, target)`, all of weight 1;
    - `weighted`: the same and `weights` float32 `[E]`.

    A model of whole graphs also takes `graph_ids` int64 `[N]`: the number of each
    node's graph, sorted. For a single graph, all are 0. Graphs may have no nodes. As in
    training, an edge `source -> target` is entry `[target, source]` of the adjacency.
    An undirected graph holds each edge in both directions.

    A functional model over a dense adjacency is served with a sparse one if only graph
    convolutions take it. Any other costs `N * N` numbers for a request, and `max_nodes`
    bounds it.

    Example:

    ```python
    model.fit(tfgraph.data.full_batch(graph, "train"), epochs=200, shuffle=False)
    version = tfgraph.export.export_model(model, "serving/gcn")  # serving/gcn/1
    serve = tf.saved_model.load(version).signatures["serving_default"]
    serve(features=tf.ones([3, graph.num_features]), edges=[[0, 1], [1, 2]])
    ```

    With `preprocessing`, a request holds the columns of a table, numbers or strings, in
    place of `features`:

    ```python
    table = {"age": keras.Input([1], name="age")}
    table["town"] = keras.Input([1], dtype="string", name="town")
    towns = keras.layers.StringLookup(vocabulary=["A", "B"], output_mode="one_hot")
    preprocessing = keras.Model(
        table, keras.ops.concatenate([table["age"], towns(table["town"])], axis=1)
    )
    rows = {"age": tf.constant([[30.0]]), "town": tf.constant([["C"]])}
    model = tfgraph.models.GCN(2)
    model([preprocessing(rows), tf.sparse.eye(1)])
    version = tfgraph.export.export_model(
        model, "serving/towns", preprocessing=preprocessing
    )
    serve = tf.saved_model.load(version).signatures["serving_default"]
    serve(age=tf.constant([30.0]), town=tf.constant(["A"]), edges=[[0, 0]])
    ```

    Args:
        model: A built functional or subclassed model.
        path: Local directory of the model's versions.
        max_nodes: The most nodes in a request to a model that needs a dense adjacency.
        max_graphs: The most graphs in a request to a model of whole graphs.
        preprocessing: A functional model that makes the features `[N, F]` of named
            inputs `[N]`, `[N, 1]` or `[N, D]`, such as that of a
            `keras.utils.FeatureSpace`. A request then holds these by name. One of shape
            `[N, 1]` is `[N]` in a request.

    Returns:
        The directory of the new version.

    Raises:
        ValueError: If `model` is not built, `path` is remote, or a limit is not a
            positive integer. Also if the model is not for `[x, adjacency]` of shapes
            `[N, F]` and `[N, N]`, or for these and `graph_ids` `[N]`; or if
            `preprocessing` does not make its features.
    """
    check_arguments(model, path)
    for name, limit in [("max_nodes", max_nodes), ("max_graphs", max_graphs)]:
        _check_limit(name, limit)
    served = edge_list_model(model)
    max_rows = None if served.sparse_adjacency else max_nodes
    if preprocessing is None:
        shape = ("N", served.num_features)
        columns = [Input("features", tf.float32, shape, max_rows=max_rows)]
    else:
        columns = column_inputs(preprocessing, served.num_features, max_rows)

    def weighted(*request):
        features = _features(request[: len(columns)], preprocessing)
        edges, weights, *graph_ids = request[len(columns) :]
        return served.predictions(features, edges, weights, *graph_ids)

    def serving_default(*request):
        edges, *graph_ids = request[len(columns) :]
        weights = tf.ones(tf.shape(edges)[:1])
        return weighted(*request[: len(columns)], edges, weights, *graph_ids)

    edges = Input("edges", tf.int64, ("E", 2), below=("N",))
    weights = Input("weights", tf.float32, ("E",))
    graph_ids = []
    if served.has_graph_ids:
        graph_ids = [
            Input("graph_ids", tf.int64, ("N",), below=(max_graphs,), is_sorted=True)
        ]
    archive = keras.export.ExportArchive()
    archive.track(served.model)  # its lookup tables; variables are found without
    if preprocessing is not None:
        archive.track(preprocessing)
    inputs = [*columns, edges, *graph_ids]
    add_endpoint(archive, "serving_default", serving_default, inputs)
    inputs = [*columns, edges, weights, *graph_ids]
    add_endpoint(archive, "weighted", weighted, inputs)
    return write_version(archive, path)


def _features(columns, preprocessing):
    if preprocessing is None:
        [features] = columns
        return features
    return features_of_columns(preprocessing, columns)


class EdgeListModel(NamedTuple):
    """A model over `[x, adjacency]`, and how it is called with an edge list.

    Attributes:
        model: The user's model, or its copy over a sparse adjacency.
        num_features: The width of `x`.
        sparse_x, sparse_adjacency: Whether these are SparseTensors.
        has_graph_ids: Whether `graph_ids` follow.
    """

    model: keras.Model
    num_features: int
    sparse_x: bool
    sparse_adjacency: bool
    has_graph_ids: bool

    def predictions(
        self,
        features: tf.Tensor,
        edges: tf.Tensor,
        weights: tf.Tensor,
        *others: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        """Returns the outputs by name, as `predict` computes them.

        Args:
            features: `[N, F]`.
            edges: int64 `[E, 2]`, rows `(source, target)`.
            weights: `[E]`.
            *others: What follows the adjacency in the model's inputs.
        """
        num_nodes = tf.shape(features, out_type=tf.int64)[0]
        adjacency = tf.SparseTensor(
            edges[:, ::-1], weights, tf.stack([num_nodes, num_nodes])
        )
        if not self.sparse_adjacency:
            adjacency = ops.to_dense(adjacency)
        x = tf.sparse.from_dense(features) if self.sparse_x else features
        return named(self.model([x, adjacency, *others], training=False))


def edge_list_model(model: keras.Model) -> EdgeListModel:
    """Returns how a model is called; sparse where only graph convolutions follow."""
    num_features, sparse_x, sparse_adjacency, *graph_ids = edge_list_inputs(model)
    if not sparse_adjacency and (clone := _with_sparse_adjacency(model)) is not None:
        model, sparse_adjacency = clone, True
    return EdgeListModel(
        model, num_features, sparse_x, sparse_adjacency, bool(graph_ids)
    )


def edge_list_inputs(model: keras.Model) -> tuple[Any, ...]:
    """Returns the number of features of a model, and whether each input is sparse.

    The inputs are `[x, adjacency]`, or `[x, adjacency, graph_ids]`.
    """
    if getattr(model, "inputs", None):  # a functional model
        # A Sequential that was never called has no `input`.
        given = getattr(model, "input", model.inputs)
        shapes = keras.tree.map_structure(lambda tensor: tensor.shape, given)
        sparse = [tensor.sparse for tensor in model.inputs]
        dtypes = [tensor.dtype for tensor in model.inputs]
    else:
        # A subclassed model keeps only shapes. Its inputs may be sparse or dense.
        shapes = (model.get_build_config() or {}).get("input_shape")
        sparse, dtypes = [False, True, False], ["float32", "float32", "int64"]
    parts = shapes if isinstance(shapes, (list, tuple)) else ()
    if len(parts) == 2 and is_list_of_blocks(parts[1]):
        parts = [parts[0], parts[1][-1]]  # a stack of convolutions takes both
    ranks = [len(s) if isinstance(s, (list, tuple)) else None for s in parts]
    has_ids = len(ranks) == 3 and keras.backend.is_int_dtype(dtypes[2])
    if ranks != [2, 2] + [1] * has_ids or parts[0][-1] is None:
        raise ValueError(
            "Expected `model` to be built for a list `[x, adjacency]` of shapes "
            "`[N, F]` and `[N, N]`, or of these and integers `graph_ids` `[N]`. A "
            "model over a GraphTensor is for `export_graph_tensor_model`, one over "
            "padded graphs for Keras' own `model.export`. "
            f"Received: a model built for inputs of shape {shapes}"
        )
    return parts[0][-1], *sparse[: len(parts)]


def _with_sparse_adjacency(model):
    """Returns the functional model over a sparse adjacency, in place of a dense one.

    None if something else than graph convolutions takes the adjacency. The copy has
    weights of its own, so the user's layers stay in one model.
    """
    x, dense, *others = model.inputs
    adjacency = keras.Input(batch_shape=dense.shape, dtype=dense.dtype, sparse=True)

    def call(layer, *args, **kwargs):
        taken = keras.tree.flatten([args, kwargs])
        takes_it = any(value is adjacency for value in taken)
        if takes_it and not isinstance(layer, GraphConvolution):
            raise _NeedsDenseAdjacency
        return layer(*args, **kwargs)

    def copied(tensor):
        return keras.Input(
            batch_shape=tensor.shape, dtype=tensor.dtype, sparse=tensor.sparse
        )

    inputs = [copied(x), adjacency, *[copied(other) for other in others]]
    try:
        clone = keras.models.clone_model(model, inputs, call_function=call)
    except _NeedsDenseAdjacency:
        return None
    clone.set_weights(model.get_weights())
    return clone


class _NeedsDenseAdjacency(Exception):
    """An operation other than a graph convolution takes the adjacency."""


def _check_limit(name, limit):
    if isinstance(limit, bool) or not isinstance(limit, numbers.Integral) or limit < 1:
        raise ValueError(
            f"Expected `{name}` to be a positive integer. Received: {name}={limit!r}"
        )
