"""Fan-outs as TF-GNN's sampling spec."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import tensorflow as tf

from tfgraph.beam.schema import (
    REVERSED,
    checked_path,
    is_of_graph,
    make_folder_of,
    read_schema,
    relation_name,
)
from tfgraph.data.sampling.fanouts import checked_fanouts, checked_relation_fanouts
from tfgraph.graph_tensor import choose

_ALL = 2**31 - 1  # neighbours


def write_sampling_spec(
    tables: str | os.PathLike,
    file: str | os.PathLike,
    fanouts: Sequence[int | Mapping | None],
    *,
    node_set_name: str | None = None,
) -> None:
    """Writes what the sampler has to draw: TF-GNN's sampling spec.

    `fanouts` means what it means in `neighbor_batches` with `replacement="never"`: one
    entry for each layer, the first layer first.

    ```python
    tfgraph.beam.write_tables(graph, "tables")
    tfgraph.beam.write_sampling_spec("tables", "sampling.pbtxt", fanouts=(10, 5))
    ```

    One thing differs. A node draws its neighbours again each time it is found anew: in
    another layer, along another edge set, or in the other direction. So with a fan-out,
    it may get more neighbours than the fan-out. With two layers and one direction, only
    nodes with an edge to themselves do. With both directions within one node set, so do
    nodes that are joined with a seed in both.

    Args:
        tables: The folder that `write_tables` wrote.
        file: The file to write. Its folder is made if it does not exist.
        fanouts: The number of neighbours to draw for a node, or None for all, for each
            layer. For a `HeteroGraph`, the number counts for each edge set and each
            direction of its messages. Or it is a dict, such as
            `{"writes": 10, ("writes", "source"): 5}`.
        node_set_name: The node set of the seeds. May be left out if there is only one.

    Raises:
        ValueError: If an argument is none of the above, or no seed receives.
    """
    file = checked_path("file", file)
    schema = read_schema(tables)
    if is_of_graph(schema):
        numbers = checked_fanouts(fanouts, "never")
        layers = [{("edges", "target"): number} for number in numbers]
    else:
        edge_sets = {k: v for k, v in schema.edge_sets.items() if REVERSED not in k}
        layers = checked_relation_fanouts(edge_sets, fanouts, "never")
    seeds = choose("node_set_name", node_set_name, schema.node_sets)

    from tensorflow_gnn.sampler import sampling_spec_pb2

    spec = sampling_spec_pb2.SamplingSpec()
    spec.seed_op.op_name, spec.seed_op.node_set_name = "seed", seeds
    # The operations that found nodes of a node set, and how many of these operations'
    # nodes have drawn along a relation already.
    found = {name: ["seed"] * (name == seeds) for name in schema.node_sets}
    done = {name: 0 for name in schema.edge_sets}
    for layer in reversed(layers):
        counts = {name: len(operations) for name, operations in found.items()}
        for (edge_set, receiver), fanout in layer.items():
            name = relation_name(edge_set, receiver)
            ends = schema.edge_sets[name]
            first, done[name] = done[name], counts[ends.source]
            inputs = found[ends.source][first : counts[ends.source]]
            if inputs:
                operation = spec.sampling_ops.add(
                    op_name=f"hop{len(spec.sampling_ops) + 1}",
                    input_op_names=inputs,
                    edge_set_name=name,
                    sample_size=_ALL if fanout is None else fanout,
                    strategy=sampling_spec_pb2.RANDOM_UNIFORM,
                )
                found[ends.target].append(operation.op_name)
    if not spec.sampling_ops:
        raise ValueError(
            "Expected `fanouts` to name an edge set along which the seeds, nodes of "
            f"{seeds!r}, receive. Received: fanouts={fanouts}"
        )
    make_folder_of(file)
    with tf.io.gfile.GFile(file, "w") as text:
        text.write(str(spec))
