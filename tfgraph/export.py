"""SavedModels that TensorFlow Serving can run: named plain tensors in and out.

An export needs neither tfgraph nor Keras to run, only stock TensorFlow operations:

- `export_model`: a request holds a graph as an edge list;
- `export_graph_tensor_model`: it holds graphs as serialized `tf.Example`s;
- `export_transductive`: it holds numbers of nodes of the one graph of the export;
- `export_link_scorer`: it holds pairs of such numbers;
- `export_block_model`: it holds some nodes' sampled neighbourhood.

A model of padded graphs takes plain tensors as it is: Keras' own `model.export` does.

Each writes the next version below `path`, as TensorFlow Serving expects it: `path/1`,
then `path/2` and so on. An unfinished version is never visible under a number. What
the model does in training only, such as dropout, is off.

Outputs are named `predictions`; those of a model that returns a list `predictions_0`,
`predictions_1` and so on; those of a model that returns a dict as its keys.
"""

import os
import tempfile

import keras
import tensorflow as tf

from tfgraph.graph_tensor import load_tfgnn
from tfgraph.inputs import is_list as is_list_of_blocks
from tfgraph.layers import InnerProductDecoder


def export_model(model: keras.Model, path: str | os.PathLike) -> str:
    """Exports a model over `[x, adjacency]`, to be called with a graph of any size.

    Or over `[x, adjacency, graph_ids]`, such as `models.DiffPoolClassifier`. The
    signatures are

    - `serving_default`: `features` float32 `[N, F]` and `edges` int64 `[E, 2]`, each
      row `(source, target)`, all of weight 1;
    - `weighted`: the same and `weights` float32 `[E]`.

    A model of whole graphs has `graph_ids` int64 `[N]`, too: the number of each node's
    graph, sorted, all 0 for a single one. As in training, an edge `source -> target` is
    entry `[target, source]` of the adjacency, and an undirected graph holds each edge
    in both directions.

    Example:

    ```python
    model.fit(tfgraph.data.full_batch(graph, "train"), epochs=200, shuffle=False)
    version = tfgraph.export.export_model(model, "serving/gcn")  # serving/gcn/1
    serve = tf.saved_model.load(version).signatures["serving_default"]
    serve(features=tf.ones([3, graph.num_features]), edges=[[0, 1], [1, 2]])
    ```

    Args:
        model: A built functional or subclassed model.
        path: Local directory of the model's versions.

    Returns:
        The directory of the new version.

    Raises:
        ValueError: If `model` is not built, or not for `[x, adjacency]` of shapes
            `[N, F]` and `[N, N]`, perhaps with `graph_ids` `[N]`.
    """
    num_features, sparse_x, sparse_adjacency, *whole = _edge_list_inputs(model)

    def weighted(features, edges, weights, *graph_ids):
        num_nodes = tf.shape(features, out_type=tf.int64)[0]
        entries = (edges[:, ::-1], weights, tf.stack([num_nodes, num_nodes]))
        adjacency = tf.SparseTensor(*entries)
        if not sparse_adjacency:
            # Not tf.sparse.to_dense, which refuses repeated and unsorted entries.
            adjacency = tf.scatter_nd(*entries)
        x = tf.sparse.from_dense(features) if sparse_x else features
        return _named(model([x, adjacency, *graph_ids], training=False))

    def serving_default(features, edges, *graph_ids):
        return weighted(features, edges, tf.ones(tf.shape(edges)[:1]), *graph_ids)

    features = tf.TensorSpec([None, num_features], tf.float32)
    edges = tf.TensorSpec([None, 2], tf.int64)
    weights = tf.TensorSpec([None], tf.float32)
    graph_ids = [tf.TensorSpec([None], tf.int64, "graph_ids") for _ in whole]
    archive = keras.export.ExportArchive()
    archive.track(model)  # its lookup tables; variables are found without
    archive.add_endpoint(
        "serving_default", serving_default, [features, edges, *graph_ids]
    )
    archive.add_endpoint("weighted", weighted, [features, edges, weights, *graph_ids])
    return _write_version(archive, path)


def export_graph_tensor_model(model: keras.Model, path: str | os.PathLike, spec) -> str:
    """Exports a model over a `GraphTensor`, to be called with serialized graphs.

    The signature `serving_default` takes `examples`, strings `[B]`: the graphs of a
    batch, each a serialized `tf.Example` as `tfgnn.write_example` makes it. The model
    sees them merged into one, so the rows of a node classifier's `predictions` are the
    nodes of the first graph, then those of the second, and so on.

    Example:

    ```python
    spec = graph.to_graph_tensor().spec
    tfgraph.export.export_graph_tensor_model(model, "serving/gcn", spec)

    example = tfgnn.write_example(new_graph.to_graph_tensor()).SerializeToString()
    ```

    Args:
        model: A built functional or subclassed model.
        path: Local directory of the model's versions.
        spec: The `tfgnn.GraphTensorSpec` of one graph of a request, such as
            `graph.spec`. Its numbers of nodes and edges are ignored; each of its
            features must be in every example, so leave out those for training only.

    Returns:
        The directory of the new version.

    Raises:
        ValueError: If `model` is not built, or `spec` is no spec of a scalar
            GraphTensor.
    """
    _check_built(model)
    tfgnn = load_tfgnn()
    if not isinstance(spec, tfgnn.GraphTensorSpec) or spec.rank != 0:
        raise ValueError(
            "Expected `spec` to be the tfgnn.GraphTensorSpec of one graph (of rank 0). "
            f"Received: spec={spec}"
        )
    spec = spec.relax(num_nodes=True, num_edges=True)

    def serving_default(examples):
        graph = tfgnn.parse_example(spec, examples).merge_batch_to_components()
        return _named(model(graph, training=False))

    archive = keras.export.ExportArchive()
    archive.track(model)  # its lookup tables; variables are found without
    examples = tf.TensorSpec([None], tf.string)
    archive.add_endpoint("serving_default", serving_default, [examples])
    return _write_version(archive, path)


def export_transductive(model: keras.Model, path: str | os.PathLike, inputs) -> str:
    """Exports the predictions for every node of one graph, to be looked up by number.

    The model runs once, now. The SavedModel holds its `N * C` output numbers in place
    of model and graph, and a request costs one gather, whatever the graph's size. A
    change of the graph needs a new export.

    The signature `serving_default` takes `node_ids` int64 `[B]` and returns the rows of
    those nodes, `[B, C]`. A number outside `[0, N)` is an `InvalidArgumentError`.

    Example:

    ```python
    (inputs,) = tfgraph.data.full_batch(graph).get_single_element()
    tfgraph.export.export_transductive(model, "serving/cora", inputs)
    ```

    Args:
        model: A built model.
        path: Local directory of the model's versions.
        inputs: What the model is called with: `(x, adjacency)`, a `GraphTensor`, or
            any other input with the whole graph.

    Returns:
        The directory of the new version.

    Raises:
        ValueError: If `model` is not built, or its outputs differ in their number of
            rows.
    """
    _check_built(model)
    outputs = _named(model(inputs, training=False))
    shapes = {name: tuple(output.shape) for name, output in outputs.items()}
    num_rows = {shape[0] if shape else None for shape in shapes.values()}
    if len(num_rows) != 1 or None in num_rows:
        raise ValueError(
            "Expected every output of `model` to have one row for each node. "
            f"Received: outputs of shapes {shapes}"
        )
    (num_nodes,) = num_rows
    # Variables, as constants are limited to 2 GB.
    tables = {
        name: tf.Variable(output, trainable=False) for name, output in outputs.items()
    }

    def serving_default(node_ids):
        known = (node_ids >= 0) & (node_ids < num_nodes)
        message = tf.strings.format(
            f"Expected `node_ids` from 0 to {num_nodes - 1}. Received: {{}}",
            tf.boolean_mask(node_ids, ~known),
        )
        # On a GPU tf.gather alone would return zeros for unknown nodes.
        check = tf.debugging.Assert(tf.reduce_all(known), [message])
        with tf.control_dependencies([check]):
            return {name: tf.gather(table, node_ids) for name, table in tables.items()}

    archive = keras.export.ExportArchive()
    node_ids = tf.TensorSpec([None], tf.int64)
    archive.add_endpoint("serving_default", serving_default, [node_ids])
    return _write_version(archive, path)


def export_link_scorer(model: keras.Model, path: str | os.PathLike, inputs) -> str:
    """Exports the probability of a link between any two nodes of one graph.

    For `models.GAE` and `models.VGAE`. The encoder runs once, now. The SavedModel holds
    its latent vectors, `N * D` numbers, in place of model and graph.

    The signature `serving_default` takes `pairs` int64 `[P, 2]` of node numbers and
    returns `scores` `[P]`, the probabilities. A number outside `[0, N)` is an
    `InvalidArgumentError`.

    To serve the encoder itself, for any graph, use `export_model`.

    Example:

    ```python
    (inputs,) = tfgraph.data.full_batch(train).get_single_element()
    tfgraph.export.export_link_scorer(model, "serving/links", inputs)
    ```

    Args:
        model: A built `models.GAE` or `models.VGAE`.
        path: Local directory of the model's versions.
        inputs: The graph: `(x, adjacency)`, `(x, graph)` or a `GraphTensor`.

    Returns:
        The directory of the new version.

    Raises:
        ValueError: If `model` is not built or has no decoder of pairs, or `inputs` hold
            no graph alone.
    """
    _check_built(model)
    decoder = getattr(model, "decoder", None)
    if not isinstance(decoder, InnerProductDecoder):
        raise ValueError(
            "Expected `model` to be a models.GAE or models.VGAE. "
            f"Received: model={model}"
        )
    z = model(inputs, training=False)
    if z.shape.rank != 2:
        raise ValueError(
            "Expected `inputs` to be one graph, without pairs. "
            f"Received: inputs with outputs of shape {tuple(z.shape)}"
        )
    # A variable, as constants are limited to 2 GB.
    z = tf.Variable(z, trainable=False)

    def serving_default(pairs):
        return {"scores": decoder([z, pairs])}

    archive = keras.export.ExportArchive()
    pairs = tf.TensorSpec([None, 2], tf.int64)
    archive.add_endpoint("serving_default", serving_default, [pairs])
    return _write_version(archive, path)


def export_block_model(model: keras.Model, path: str | os.PathLike) -> str:
    """Exports a model over blocks, to be called with nodes' sampled neighbourhood.

    For `models.GraphSAGE` and `models.GAT` of K convolutions. A client samples as in
    training, from its own store of the graph, and sends what `block_request` makes of
    the sample. The signature `serving_default` takes

    - `features` float32 `[N_0, F]`, of all sampled nodes;
    - `num_nodes` int64 `[K]`: `N_1, ..., N_K`, the first nodes that each layer
      computes; the last are the seeds, of which `predictions` has a row each;
    - `edges_k` int64 `[E_k, 2]` and `weights_k` float32 `[E_k]` for k = 1 .. K: layer
      k's edges, each row `(source, target)`, source below `N_(k-1)`, target below
      `N_k`.

    Example:

    ```python
    tfgraph.export.export_block_model(model, "serving/sage")

    batches = tfgraph.data.neighbor_batches(graph, (25, 10), 1, nodes=[7], labels=False)
    (inputs,) = batches.get_single_element()
    request = tfgraph.export.block_request(inputs)
    ```

    Args:
        model: A built `models.GraphSAGE` or `models.GAT`.
        path: Local directory of the model's versions.

    Returns:
        The directory of the new version.

    Raises:
        ValueError: If `model` is not built, or is no stack of convolutions over
            features `[N, F]`.
    """
    num_features, *_ = _edge_list_inputs(model)
    num_layers = len(getattr(model, "convolutions", ()))
    if not num_layers:
        raise ValueError(
            "Expected `model` to be a models.GraphSAGE or models.GAT. "
            f"Received: model={model}"
        )

    def serving_default(features, num_nodes, *blocks):
        sizes = tf.concat([tf.shape(features, tf.int64)[:1], num_nodes], axis=0)
        adjacencies = [
            tf.SparseTensor(edges[:, ::-1], weights, sizes[k : k + 2][::-1])
            for k, (edges, weights) in enumerate(
                zip(blocks[::2], blocks[1::2], strict=True)
            )
        ]
        return _named(model([features, adjacencies], training=False))

    specs = [
        tf.TensorSpec([None, num_features], tf.float32, "features"),
        tf.TensorSpec([num_layers], tf.int64, "num_nodes"),
    ]
    for k in range(1, num_layers + 1):
        specs.append(tf.TensorSpec([None, 2], tf.int64, f"edges_{k}"))
        specs.append(tf.TensorSpec([None], tf.float32, f"weights_{k}"))
    archive = keras.export.ExportArchive()
    archive.track(model)  # its lookup tables; variables are found without
    archive.add_endpoint("serving_default", serving_default, specs)
    return _write_version(archive, path)


def block_request(inputs) -> dict[str, tf.Tensor]:
    """Returns the tensors that an export by `export_block_model` asks for, by name.

    Args:
        inputs: `(x, adjacencies)`, as `tfgraph.data.neighbor_batches` makes them.
    """
    x, adjacencies = inputs
    request = {
        "features": x,
        "num_nodes": tf.stack([block.dense_shape[0] for block in adjacencies]),
    }
    for k, block in enumerate(adjacencies, start=1):
        request[f"edges_{k}"] = block.indices[:, ::-1]
        request[f"weights_{k}"] = block.values
    return request


def _check_built(model):
    if not model.built:
        raise ValueError(
            "Expected `model` to be built: train it, call it once or load it before "
            f"the export. Received: model={model}"
        )


def _edge_list_inputs(model):
    """Returns `F` of a model over `[x, adjacency]`, and which of its inputs are sparse.

    Of one over `[x, adjacency, graph_ids]`, those are three.
    """
    _check_built(model)
    if getattr(model, "inputs", None):  # a functional model
        shapes = keras.tree.map_structure(lambda tensor: tensor.shape, model.input)
        sparse = [tensor.sparse for tensor in model.inputs]
        dtypes = [tensor.dtype for tensor in model.inputs]
    else:
        # A subclassed model remembers no more than shapes, and takes whatever comes.
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


def _named(outputs):
    if isinstance(outputs, dict):
        return outputs
    if isinstance(outputs, (list, tuple)):
        return {f"predictions_{i}": output for i, output in enumerate(outputs)}
    return {"predictions": outputs}


def _write_version(archive, path):
    os.makedirs(path, exist_ok=True)
    # TensorFlow Serving loads what has a number for a name, as soon as it is there.
    with tempfile.TemporaryDirectory(prefix="unfinished-", dir=path) as directory:
        unfinished = os.path.join(directory, "saved_model")
        archive.write_out(unfinished, verbose=False)
        versions = [int(name) for name in os.listdir(path) if name.isdecimal()]
        version = os.path.join(path, str(max(versions, default=0) + 1))
        os.rename(unfinished, version)
    return version
