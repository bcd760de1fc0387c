"""The export of models that take the sampled neighbourhood of nodes."""

import itertools
import os
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfgraph.arguments import is_sparse_tensor
from tfgraph.export.edge_lists import edge_list_inputs
from tfgraph.export.requests import Input, add_endpoint, named
from tfgraph.export.versions import check_arguments, track, write_version
from tfgraph.inputs import described


def export_block_model(model: keras.Model, path: str | os.PathLike) -> str:
    """Exports a model that takes the sampled neighbourhood of some nodes.

    For `models.GraphSAGE` and `models.GAT` of K convolutions. A client samples as in
    training, from its own store of the graph, and sends what `block_request` makes of
    the sample. The signature `serving_default` takes

    - `features` float32 `[N_0, F]`, of all sampled nodes;
    - `num_nodes` int64 `[K]`: `N_1, ..., N_K`. Layer k computes the first `N_k` nodes.
      The first `N_K` nodes are the seeds. `predictions` has a row for each of them;
    - `edges_k` int64 `[E_k, 2]` and `weights_k` float32 `[E_k]` for k = 1 .. K: the
      edges of layer k. Each row is `(source, target)`, with the source below `N_(k-1)`
      and the target below `N_k`;
    - `edge_features_k` float32 `[E_k, D]`, if the model uses features of edges.

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
        ValueError: If `model` is not built, `path` is remote, or the model is not a
            stack of convolutions over features `[N, F]`.
    """
    check_arguments(model, path)
    takes = edge_list_inputs(model)
    num_layers = len(getattr(model, "convolutions", ()))
    if not num_layers:
        raise ValueError(
            "Expected `model` to be a models.GraphSAGE or models.GAT. "
            f"Received: model={model}"
        )

    def serving_default(features, num_nodes, *blocks):
        sizes = tf.concat([tf.shape(features, tf.int64)[:1], num_nodes], axis=0)
        edges, weights, *edge_features = (
            list(blocks[part::num_parts]) for part in range(num_parts)
        )
        adjacencies = [
            tf.SparseTensor(ends[:, ::-1], values, sizes[k : k + 2][::-1])
            for k, (ends, values) in enumerate(zip(edges, weights, strict=True))
        ]
        return named(model([features, adjacencies, *edge_features], training=False))

    num_parts = 2 if takes.edge_dim is None else 3
    counts = tuple(f"N_{k}" for k in range(num_layers + 1))
    inputs = [
        Input("features", tf.float32, (counts[0], takes.x_shape[-1])),
        Input("num_nodes", tf.int64, (num_layers,), counts=counts),
    ]
    for k, ends in enumerate(itertools.pairwise(counts), start=1):
        inputs.append(Input(f"edges_{k}", tf.int64, (f"E_{k}", 2), below=ends))
        inputs.append(Input(f"weights_{k}", tf.float32, (f"E_{k}",)))
        if takes.edge_dim is not None:
            shape = (f"E_{k}", takes.edge_dim)
            inputs.append(Input(f"edge_features_{k}", tf.float32, shape))
    archive = keras.export.ExportArchive()
    track(archive, model)
    add_endpoint(archive, "serving_default", serving_default, inputs)
    return write_version(archive, path)


def block_request(
    inputs: tuple[tf.Tensor, Sequence[tf.sparse.SparseTensor]]
    | tuple[tf.Tensor, Sequence[tf.sparse.SparseTensor], Sequence[tf.Tensor]],
) -> dict[str, tf.Tensor]:
    """Returns a request to an export by `export_block_model`: a dict of tensors.

    Args:
        inputs: `(x, adjacencies)` or `(x, adjacencies, edge_features)`, as
            `tfgraph.data.neighbor_batches` makes them.

    Raises:
        ValueError: If `inputs` is anything else.
    """
    _check_blocks(inputs)
    x, adjacencies, *edge_features = inputs
    request = {
        "features": x,
        "num_nodes": tf.stack([block.dense_shape[0] for block in adjacencies]),
    }
    for k, block in enumerate(adjacencies, start=1):
        request[f"edges_{k}"] = block.indices[:, ::-1]
        request[f"weights_{k}"] = block.values
        if edge_features:
            request[f"edge_features_{k}"] = edge_features[0][k - 1]
    return request


def _check_blocks(inputs: Any) -> None:
    """Raises a `ValueError` unless it is features and a list of SparseTensors."""
    has_parts = isinstance(inputs, (list, tuple)) and len(inputs) in (2, 3)
    blocks = inputs[1] if has_parts else None
    if not isinstance(blocks, (list, tuple)) or not all(map(is_sparse_tensor, blocks)):
        raise ValueError(
            "Expected `inputs` to be `(x, adjacencies)`, with a tf.SparseTensor for "
            "each layer. `tfgraph.data.neighbor_batches(..., labels=False)` makes "
            "them. "
            f"Received: {described(inputs)}"
        )
