"""The export of models that are called with a graph as an edge list."""

import dataclasses
import numbers
import os

import keras
import tensorflow as tf

from tfgraph import ops
from tfgraph.export.raw_columns import column_inputs, features_of_columns
from tfgraph.export.requests import Input, add_endpoint, named
from tfgraph.export.versions import check_arguments, track, write_version
from tfgraph.inputs import is_list
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

    It may also be a model over `[x, adjacency, edge_features]`, such as one of
    `layers.GINEConv`; or one with `graph_ids` last, such as
    `models.DiffPoolClassifier`. The signatures are

    - `serving_default`: `features` float32 `[N, F]` and `edges` int64 `[E, 2]`, each
      row `(source, target)`, all of weight 1;
    - `weighted`: the same and `weights` float32 `[E]`.

    If the model takes them, both have

    - `edge_features` float32 `[E, D]`, in the order of `edges`;
    - `graph_ids` int64 `[N]`: the number of each node's graph, sorted. For a single
      graph, all are 0. Graphs may have no nodes.

    As in training, an edge `source -> target` is entry `[target, source]` of the
    adjacency. An undirected graph holds each edge in both directions.

    For a model of many signals on one graph, `features` are `[B, N, F]` or
    `[B, T, N, F]`, of one signal or more. A size other than `B` that the model was made
    with is required; a subclassed model requires only its `T`. If the graph is a
    `layers.FixedAdjacency` of the model, Keras' own `model.export` is for it.

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
            positive integer. Also if the model is not for such inputs, or
            `preprocessing` does not make its features.
    """
    check_arguments(model, path)
    for name, limit in [("max_nodes", max_nodes), ("max_graphs", max_graphs)]:
        _check_limit(name, limit)
    served = edge_list_model(model)
    features, edges, weights, *others = served.inputs()
    any_number = isinstance(features.shape[-2], str)
    max_rows = max_nodes if any_number and not served.takes.sparse_adjacency else None
    if preprocessing is None:
        columns = [dataclasses.replace(features, max_rows=max_rows)]
    else:
        columns = column_inputs(preprocessing, features.shape, max_rows)

    def weighted(*request):
        features = _features(request[: len(columns)], preprocessing)
        return served.predictions(features, *request[len(columns) :])

    def serving_default(*request):
        edges, *others = request[len(columns) :]
        weights = tf.ones(tf.shape(edges)[:1])
        return weighted(*request[: len(columns)], edges, weights, *others)

    edges = dataclasses.replace(edges, below=(features.shape[-2],))
    others = [
        dataclasses.replace(field, below=(max_graphs,), is_sorted=True)
        if field.name == "graph_ids"
        else field
        for field in others
    ]
    archive = keras.export.ExportArchive()
    track(archive, served.model)
    if preprocessing is not None:
        track(archive, preprocessing)
    inputs = [*columns, edges, *others]
    add_endpoint(archive, "serving_default", serving_default, inputs)
    inputs = [*columns, edges, weights, *others]
    add_endpoint(archive, "weighted", weighted, inputs)
    return write_version(archive, path)


def _features(columns, preprocessing):
    if preprocessing is None:
        [features] = columns
        return features
    return features_of_columns(preprocessing, columns)


@dataclasses.dataclass(frozen=True)
class ModelInputs:
    """What a model over `[x, adjacency]` takes.

    Attributes:
        x_shape: `("N", F)`; or of many signals `("B", "N", F)` and so on, where a size
            that is required is a number.
        sparse_x, sparse_adjacency: Whether these are SparseTensors.
        edge_dim: The width of `edge_features`. None if there are none.
        has_graph_ids: Whether `graph_ids` are the last input.
    """

    x_shape: tuple[int | str, ...]
    sparse_x: bool
    sparse_adjacency: bool
    edge_dim: int | None
    has_graph_ids: bool


@dataclasses.dataclass(frozen=True)
class EdgeListModel:
    """A model over `[x, adjacency]`, and how it is called with an edge list.

    Attributes:
        model: The user's model, or its copy over a sparse adjacency.
        takes: What it takes.
    """

    model: keras.Model
    takes: ModelInputs

    def inputs(self) -> list[Input]:
        """Returns what `predictions` takes, in its order."""
        num_nodes = self.takes.x_shape[-2]
        inputs = [
            Input("features", tf.float32, self.takes.x_shape),
            Input("edges", tf.int64, ("E", 2)),
            Input("weights", tf.float32, ("E",)),
        ]
        if self.takes.edge_dim is not None:
            shape = ("E", self.takes.edge_dim)
            inputs.append(Input("edge_features", tf.float32, shape))
        if self.takes.has_graph_ids:
            inputs.append(Input("graph_ids", tf.int64, (num_nodes,)))
        return inputs

    def predictions(
        self,
        features: tf.Tensor,
        edges: tf.Tensor,
        weights: tf.Tensor,
        *others: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        """Returns the outputs by name, as `predict` computes them.

        Args:
            features: `[N, F]`, or many signals `[..., N, F]`.
            edges: int64 `[E, 2]`, rows `(source, target)`.
            weights: `[E]`.
            *others: What follows the adjacency in the model's inputs.
        """
        num_nodes = tf.shape(features, out_type=tf.int64)[-2]
        adjacency = tf.SparseTensor(
            edges[:, ::-1], weights, tf.stack([num_nodes, num_nodes])
        )
        if not self.takes.sparse_adjacency:
            adjacency = ops.to_dense(adjacency)
        x = tf.sparse.from_dense(features) if self.takes.sparse_x else features
        return named(self.model([x, adjacency, *others], training=False))


def edge_list_model(model: keras.Model) -> EdgeListModel:
    """Returns how a model is called; sparse where only graph convolutions follow."""
    takes = edge_list_inputs(model)
    clone = None if takes.sparse_adjacency else _with_sparse_adjacency(model)
    if clone is None:
        return EdgeListModel(model, takes)
    return EdgeListModel(clone, dataclasses.replace(takes, sparse_adjacency=True))


def edge_list_inputs(model: keras.Model) -> ModelInputs:
    """Returns what a model takes.

    Raises:
        ValueError: If it is not for an edge list.
    """
    functional = bool(getattr(model, "inputs", None))
    if functional:
        # A Sequential that was never called has no `input`.
        given = getattr(model, "input", model.inputs)
        shapes = keras.tree.map_structure(lambda tensor: tensor.shape, given)
        sparse_x, sparse_adjacency = [*(t.sparse for t in model.inputs), False][:2]
    else:
        # A subclassed model keeps only shapes. Its inputs may be sparse or dense.
        shapes = (model.get_build_config() or {}).get("input_shape")
        sparse_x, sparse_adjacency = False, True
    parts = list(shapes) if isinstance(shapes, (list, tuple)) else []
    # A stack of convolutions takes an adjacency, or a list of one for each.
    parts[1:] = [part[-1] if is_list(part) else part for part in parts[1:]]
    # A loaded model has lists for shapes.
    ranks = [
        len(part) if isinstance(part, (list, tuple)) and not is_list(part) else 0
        for part in parts
    ]
    rank, *others = ranks or [0]
    fits = rank >= 2 and others in ([2], [2, 2], [2, 1], [2, 2, 1])
    edge_dim = parts[2][-1] if fits and others[1:2] == [2] else None
    has_graph_ids = fits and others[-1] == 1
    if fits:
        fits = parts[0][-1] is not None and (rank == 2 or not has_graph_ids)
        if others[1:2] == [2]:
            fits &= edge_dim is not None and sparse_adjacency
    if fits and functional:
        integers = [keras.backend.is_int_dtype(t.dtype) for t in model.inputs[2:]]
        fits = integers == [other == 1 for other in others[1:]]
    if not fits:
        raise ValueError(
            "Expected `model` to be built for a list `[x, adjacency]` of shapes "
            "`[N, F]` and `[N, N]`, or `[..., N, F]` and `[N, N]`. `edge_features` "
            "`[E, D]` may follow a sparse adjacency, and integers `graph_ids` `[N]` be "
            "the last. A model over a GraphTensor is for `export_graph_tensor_model`, "
            "or for `export_onnx` and `export_litert` with its `spec`; one over padded "
            "graphs, or over signals with a `layers.FixedAdjacency`, for Keras' own "
            "`model.export`. "
            f"Received: a model built for inputs of shape {shapes}"
        )
    x_shape: tuple[int | str, ...] = ("N", parts[0][-1])
    if rank > 2:
        x_shape = _shape_of_signals(parts[0], functional)
    return ModelInputs(x_shape, sparse_x, sparse_adjacency, edge_dim, has_graph_ids)


def _shape_of_signals(shape, functional):
    """The shape in requests: a name for each size that may differ."""
    names = ["B", *(f"T_{axis}" for axis in range(1, len(shape) - 2)), "N"]
    open_sizes = {"B"} if functional else {"B", "N"}
    return tuple(
        name if size is None or name in open_sizes else size
        for name, size in zip([*names, "F"], shape, strict=True)
    )


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
