"""The export of models that are called with serialized GraphTensors."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from tfgraph.export.requests import Input, add_endpoint, check_finite, named
from tfgraph.export.versions import check_arguments, track, write_version
from tfgraph.graph_tensor import component_specs, load_tfgnn
from tfgraph.inputs import is_list
from tfgraph.ops.checks import check

if TYPE_CHECKING:
    import tensorflow_gnn as tfgnn

# A node set without features has no rows that would bound its size.
MAX_NODES_WITHOUT_FEATURES = 2**20


def export_graph_tensor_model(
    model: keras.Model, path: str | os.PathLike, spec: tfgnn.GraphTensorSpec
) -> str:
    """Exports a model over a `GraphTensor`, to be called with serialized graphs.

    The signature `serving_default` takes `examples`, strings `[B]`: the graphs of a
    batch, each a serialized `tf.Example` as `tfgnn.write_example` makes it. The model
    sees them merged into one graph. So a node classifier's `predictions` have a row for
    each node of the first graph, then of the second, and so on.

    An example must have as many features and edges as its sizes say, and its edges must
    join nodes of one component. A node set without features may have up to 2**20 nodes
    in a request.

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
            `graph.spec`. Its numbers of nodes and edges are ignored. Every example must
            have each of its features, so leave out those for training only.

    Returns:
        The directory of the new version.

    Raises:
        ValueError: If `model` is not built, `path` is remote, or `spec` is no spec of a
            scalar GraphTensor.
    """
    check_arguments(model, path)
    check_spec(spec, model)
    tfgnn = load_tfgnn()
    spec = spec.relax(num_nodes=True, num_edges=True)

    def serving_default(examples):
        graph = _checked(tfgnn.parse_example(spec, examples))
        return named(model(graph.merge_batch_to_components(), training=False))

    archive = keras.export.ExportArchive()
    track(archive, model)
    examples = Input("examples", tf.string, ("B",))
    add_endpoint(archive, "serving_default", serving_default, [examples])
    return write_version(archive, path)


def check_spec(spec: tfgnn.GraphTensorSpec, model: keras.Model) -> None:
    """Raises a `ValueError` unless `spec` is that of a scalar GraphTensor for `model`.

    Of a subclassed model, only a call can tell.
    """
    if not isinstance(spec, load_tfgnn().GraphTensorSpec) or spec.rank != 0:
        raise ValueError(
            "Expected `spec` to be the tfgnn.GraphTensorSpec of one graph (of rank 0), "
            "such as `graph.spec`. Of a tfgraph.data.Graph or HeteroGraph it is "
            f"`graph.to_graph_tensor().spec`. Received: spec={spec}"
        )
    # Keras would speak of all inputs, or of the wrong ones.
    expected = getattr(model, "input", None) if getattr(model, "inputs", None) else None
    parts: Any = expected if is_list(expected) else [expected]
    if expected is not None and not any(isinstance(part, dict) for part in parts):
        shapes = keras.tree.map_structure(lambda tensor: tensor.shape, expected)
        raise ValueError(
            "Expected `model` to be over a GraphTensor, as there is a `spec`. One over "
            "`[x, adjacency]` is for `export_model`, or for `export_onnx` and "
            "`export_litert` without `spec`. "
            f"Received: a model built for inputs of shape {shapes}"
        )
    if isinstance(expected, dict):
        found = set(component_specs(spec))
        if found != set(expected):
            raise ValueError(
                "Expected `spec` to have the components that `model` was made for. "
                f"Received: a spec without {sorted(set(expected) - found)} and with "
                f"{sorted(found - set(expected))} besides"
            )


def _checked(graph):
    """Returns a batch of graphs, which exists only once all checks have passed."""
    pieces = {f"nodes/{name}": piece for name, piece in graph.node_sets.items()}
    pieces |= {f"edges/{name}": piece for name, piece in graph.edge_sets.items()}
    by_component = {f"context/{k}": v for k, v in graph.context.features.items()}
    by_component |= {f"{name}.#size": piece.sizes for name, piece in pieces.items()}
    num_components, checks = _num_rows(by_component[f"{next(iter(pieces))}.#size"]), []
    for name, values in by_component.items():
        checks.append(_check_rows(values, name, num_components))
        checks += _check_finite(values, name)
    for name, piece in pieces.items():
        checks += _check_piece(piece, name)
    with tf.control_dependencies(checks):
        graph = tf.identity(graph)
    # Only now do the sizes agree with the tensors, so nothing huge is allocated.
    checks = []
    for name, edges in graph.edge_sets.items():
        ends = edges.adjacency
        nodes = graph.node_sets[ends.source_name].sizes, ends.source
        checks.append(_check_ends(edges.sizes, *nodes, f"edges/{name}.#source"))
        nodes = graph.node_sets[ends.target_name].sizes, ends.target
        checks.append(_check_ends(edges.sizes, *nodes, f"edges/{name}.#target"))
    with tf.control_dependencies(checks):
        return tf.identity(graph)


def _check_piece(piece, name):
    """Returns checks of a node or edge set: rows as its sizes say, finite features."""
    fields = {f"{name}.{key}": values for key, values in piece.features.items()}
    checks = [check for key in fields for check in _check_finite(fields[key], key)]
    if hasattr(piece, "adjacency"):
        fields[f"{name}.#source"] = piece.adjacency.source
        fields[f"{name}.#target"] = piece.adjacency.target
    limit = tf.constant(MAX_NODES_WITHOUT_FEATURES, tf.int64)
    if fields:
        limit = tf.reduce_sum(_num_rows(next(iter(fields.values()))))
    sizes = _flat(piece.sizes)
    # Also each size alone, as a sum of huge ones can overflow to the right number.
    fits = tf.reduce_all((sizes >= 0) & (sizes <= limit))
    fits &= tf.reduce_sum(sizes) <= limit
    message = (
        f"Expected `{name}.#size` of 0 or more, at most {{}} together. Received: {{}}"
    )
    checks.append(check(fits, message, limit, sizes))
    totals = tf.cast(tf.reduce_sum(piece.sizes, axis=1), tf.int64)
    return checks + [_check_rows(values, key, totals) for key, values in fields.items()]


def _check_rows(values, name, expected):
    received = _num_rows(values)
    message = f"Expected `{name}` of {{}} rows in the examples. Received: {{}} rows"
    fits = tf.reduce_all(received == expected)
    return check(fits, message, expected, received)


def _check_finite(values, name):
    return (
        [check_finite(_flat(values), f"`{name}`")] if values.dtype.is_floating else []
    )


def _check_ends(num_edges, num_nodes, ends, name):
    """Returns the check that edges end in their own component.

    Args:
        num_edges, num_nodes: `[B, (C)]`, of the components of each example.
        ends: `[B, (E)]`, node numbers within the example.
        name: The name of the ends in an example.
    """
    ends, sizes = _flat(ends), _flat(num_nodes)
    before_example = tf.cumsum(
        tf.cast(tf.reduce_sum(num_nodes, axis=1), tf.int64), exclusive=True
    )
    starts = tf.cumsum(sizes, exclusive=True)
    starts -= tf.repeat(before_example, _num_rows(num_nodes))
    edges = _flat(num_edges)
    lowest = tf.repeat(starts, edges)
    inside = (ends >= lowest) & (ends < lowest + tf.repeat(sizes, edges))
    message = f"Expected `{name}` to be nodes of the same graph. Received: {{}}"
    return check(tf.reduce_all(inside), message, tf.boolean_mask(ends, ~inside))


def _num_rows(values):
    """Returns the number of rows in each example, int64 `[B]`."""
    if isinstance(values, tf.RaggedTensor):
        return tf.cast(values.row_lengths(), tf.int64)
    shape = tf.shape(values, tf.int64)
    return tf.fill(shape[:1], shape[1])


def _flat(values):
    """Returns all numbers of all examples; integers as int64."""
    if isinstance(values, tf.RaggedTensor):
        values = values.flat_values
    values = tf.reshape(values, [-1])
    return tf.cast(values, tf.int64) if values.dtype.is_integer else values
