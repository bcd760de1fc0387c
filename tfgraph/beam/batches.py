"""Samples that Beam wrote, as batches for `Model.fit`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import tensorflow as tf

from tfgraph import ops
from tfgraph.arguments import check_flags, checked_integer, checked_seed
from tfgraph.beam.schema import (
    EDGE_FEATURE,
    LABEL,
    REVERSED,
    SEED,
    checked_path,
    read_schema,
)
from tfgraph.data.pipelines.shards import checked_shard
from tfgraph.graph_tensor import as_graph_tensor, choose

_FILES = 16  # read at a time
_SHUFFLED = 1000  # samples in memory

# Parts of the samples of a batch, by their names in a `tf.train.Example`.
Parsed = Mapping[str, tf.RaggedTensor]


def sample_batches(
    tables: str | os.PathLike,
    samples: str | os.PathLike,
    batch_size: int,
    *,
    labels: bool = True,
    shuffle: bool = False,
    seed: int | None = None,
    drop_remainder: bool = False,
    node_set_name: str | None = None,
    shard: tuple[int, int] | None = None,
) -> tf.data.Dataset:
    """Returns a dataset of batches of the samples that `sample` wrote.

    Its elements are those of `neighbor_batches` with the form "graph_tensor", so that a
    model trains on either:

    ```python
    def train(model):
        batches = tfgraph.beam.sample_batches(
            "tables", "samples/train.tfrecord*", 512, shuffle=True
        )
        model.compile(
            "adam", "sparse_categorical_crossentropy", weighted_metrics=["accuracy"]
        )
        # `shuffle` of Keras is for arrays.
        model.fit(batches, epochs=10, shuffle=False)
    ```

    A node in the samples of two seeds is in the batch twice, with the edges of each
    sample: what a model computes for a seed does not depend on the rest of the batch.
    Each epoch has the same samples. Write several samples of each seed, to files of
    other names, to have more of them.

    Args:
        tables: The folder that `write_tables` wrote. Only its schema is read.
        samples: A pattern of the files' names, such as "samples/train.tfrecord*".
        batch_size: Seeds in a batch. The last batch may have fewer.
        labels: Whether elements have labels. Without labels they are `(graph,)`, as
            `Model.predict` takes them.
        shuffle: Whether each epoch takes the files, and their samples, in a new order.
            It picks from 1,000 samples at a time; Beam has mixed all of them.
        seed: Datasets with the same seed give the same batches. With None, call
            `keras.utils.set_random_seed` to repeat a run.
        drop_remainder: Whether to leave out a last batch of fewer seeds.
        node_set_name: The node set of the seeds. May be left out if only one has
            labels.
        shard: `(i, n)` for part i of n of each batch: n workers share the seeds of a
            batch, each with the same arguments but for i. If samples are shuffled, the
            parts need the same `seed`.

    Returns:
        A `tf.data.Dataset` with elements `(graph, y, sample_weight)`. The graph is a
        scalar `tfgnn.GraphTensor` with the columns of the tables as features, seeds
        first in their node set. Labels and weights are for all nodes of that set, with
        weight 0 outside the seeds. Edges are sorted by target, then source.

    Raises:
        ValueError: If an argument is none of the above, or there are no such files, or
            fewer than `batch_size` samples.
        tf.errors.InvalidArgumentError: At run time, if a file has other records, or a
            seed has no label.
    """
    check_flags(labels=labels, shuffle=shuffle, drop_remainder=drop_remainder)
    seed = checked_seed(seed)
    batch_size = checked_integer("batch_size", batch_size)
    schema = read_schema(tables)
    pattern = checked_path("samples", samples)
    files = sorted(tf.io.gfile.glob(pattern))
    if not files:
        raise ValueError(
            "Expected `samples` to be a pattern of files that `tfgraph.beam.sample` "
            'wrote: "train.tfrecord*" for "train.tfrecord" or "train.tfrecord@8". '
            f"Received: samples={pattern!r}, which no file matches"
        )
    node_set_name = _seed_set(schema, node_set_name, labels)
    num_samples = sum(map(_num_records, files))
    if batch_size > num_samples:
        raise ValueError(
            f"Expected `batch_size` to be at most the {num_samples} samples. "
            f"Received: batch_size={batch_size}"
        )
    part = checked_shard(shard, "seed", shuffle, seed)

    dataset = tf.data.Dataset.from_tensor_slices(files)
    if shuffle:
        dataset = dataset.shuffle(len(files), seed)
    dataset = dataset.interleave(
        tf.data.TFRecordDataset,
        cycle_length=min(len(files), _FILES),
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    )
    if shuffle:
        dataset = dataset.shuffle(_SHUFFLED, seed)
    dataset = dataset.batch(batch_size, drop_remainder)

    def element(records: tf.Tensor) -> tuple:
        return _element(schema, part.rows(records), node_set_name, labels)

    # Keras asks for the number of batches, and warns without one.
    count = num_samples // batch_size
    if not drop_remainder:
        count = -(-num_samples // batch_size)
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(count))
    return dataset.map(element, tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def _seed_set(schema: Any, node_set_name: str | None, labels: bool) -> str:
    names = list(schema.node_sets)
    if labels:
        names = [name for name in names if LABEL in schema.node_sets[name].features]
        if not names:
            raise ValueError(
                f"Expected `tables` with a node set that has a column {LABEL!r}, or "
                f"`labels` to be False. Received: node sets {list(schema.node_sets)}"
            )
    return choose("node_set_name", node_set_name, names)


def _num_records(file: str) -> int:
    """Returns the number of records of a file, without reading them."""
    size = tf.io.gfile.stat(file).length
    # TensorFlow's own would read a large buffer at each place.
    open_file: Any = open if os.path.exists(file) else tf.io.gfile.GFile
    with open_file(file, "rb") as records:
        place = count = 0
        while place < size:
            records.seek(place)
            # Before a record are its length and a checksum of it, then another follows.
            place += int.from_bytes(records.read(8), "little") + 16
            count += 1
    return count


def _element(schema: Any, records: tf.Tensor, seeded: str, labels: bool) -> tuple:
    """Returns what `sample_batches` does, for the serialized samples of a batch."""
    parsed = tf.io.parse_example(records, _specs(schema, seeded))
    components: dict[str, tf.Tensor] = {}
    nodes = {}
    for name, piece in schema.node_sets.items():
        of_set, nodes[name] = _nodes(parsed, name, piece, seeded == name)
        components |= of_set
    for name in sorted({name.removesuffix(REVERSED) for name in schema.edge_sets}):
        components |= _edges(parsed, name, schema, nodes)
    label = f"nodes.{seeded}.{LABEL}"
    y = components.pop(label, None)
    graph = as_graph_tensor(components)
    if not labels:
        return (graph,)
    num_seeds = records.shape[0] or tf.shape(records)[0]
    if y.dtype.is_integer and y.shape.rank == 1:
        message = (
            "Expected seeds with labels. Received: seeds of which {} have label -1"
        )
        missing = tf.math.count_nonzero(y[:num_seeds] < 0)
        ops.check(missing == 0, message, missing)
        # A loss of label -1, even of weight 0, may be NaN.
        y = tf.maximum(y, 0)
    num_nodes = tf.shape(y)[0]
    weight = tf.fill([num_seeds], tf.cast(num_nodes / num_seeds, tf.float32))
    return graph, y, tf.pad(weight, [[0, num_nodes - num_seeds]])


def _specs(schema: Any, seeded: str) -> dict[str, tf.io.RaggedFeature]:
    """Returns how to parse each part of a sample."""
    dtypes = {SEED: tf.string, f"nodes/{seeded}.#id": tf.string}
    for place, pieces in (("nodes", schema.node_sets), ("edges", schema.edge_sets)):
        for name, piece in pieces.items():
            dtypes[f"{place}/{name}.#size"] = tf.int64
            if place == "edges":
                dtypes[f"edges/{name}.#source"] = tf.int64
                dtypes[f"edges/{name}.#target"] = tf.int64
            for feature, description in piece.features.items():
                dtypes[f"{place}/{name}.{feature}"] = tf.as_dtype(description.dtype)
    return {
        key: tf.io.RaggedFeature(dtype, row_splits_dtype=tf.int64)
        for key, dtype in dtypes.items()
    }


def _features(parsed: Parsed, prefix: str, piece: Any) -> dict[str, tf.Tensor]:
    """Returns the features of all nodes or edges of a set, sample after sample."""
    features = {
        name: tf.reshape(
            parsed[f"{prefix}.{name}"].flat_values,
            [-1, *(dim.size for dim in description.shape.dim)],
        )
        for name, description in piece.features.items()
    }
    columns = [name for name in features if name.startswith(EDGE_FEATURE)]
    if columns:
        values = [features.pop(f"{EDGE_FEATURE}{i}") for i in range(len(columns))]
        features[EDGE_FEATURE.removesuffix(".")] = tf.stack(values, axis=1)
    return features


class _Nodes(NamedTuple):
    """Where the nodes of the samples are in the batch.

    Attributes:
        starts: The number of nodes before each sample.
        places: The places of all these nodes. None if they stay where they are.
        total: The number of nodes.
    """

    starts: tf.Tensor
    places: tf.Tensor | None
    total: tf.Tensor


def _nodes(
    parsed: Parsed, name: str, piece: Any, is_seeded: bool
) -> tuple[dict[str, tf.Tensor], _Nodes]:
    """Returns the components of a node set, seeds first, and where its nodes are."""
    sizes = _sizes(parsed, f"nodes/{name}")
    total = tf.reduce_sum(sizes)
    features = _features(parsed, f"nodes/{name}", piece)
    places = None
    if is_seeded:
        seeds = tf.repeat(parsed[SEED].flat_values, sizes)
        is_other = parsed[f"nodes/{name}.#id"].flat_values != seeds
        message = "Expected one seed in each sample. Received: {} samples with {} seeds"
        num_seeds = total - tf.math.count_nonzero(is_other)
        ops.check(
            tf.size(sizes, tf.int64) == num_seeds, message, tf.size(sizes), num_seeds
        )
        order = tf.argsort(tf.cast(is_other, tf.int32), stable=True)
        features = {k: tf.gather(value, order) for k, value in features.items()}
        places = tf.cast(tf.math.invert_permutation(order), tf.int64)
    components = {f"nodes.{name}.{k}": value for k, value in features.items()}
    components[f"nodes.{name}.-size"] = total[None]
    return components, _Nodes(tf.cumsum(sizes, exclusive=True), places, total)


def _edges(
    parsed: Parsed, name: str, schema: Any, nodes: Mapping[str, _Nodes]
) -> dict[str, tf.Tensor]:
    """Returns the components of an edge set: edges drawn from either end, each once."""
    drawn = []
    for key in (name, name + REVERSED):
        if key in schema.edge_sets:
            piece = schema.edge_sets[key]
            ends = [
                _ends(parsed, key, end, nodes[node_set])
                for end, node_set in (
                    ("source", piece.source),
                    ("target", piece.target),
                )
            ]
            names = [piece.source, piece.target]
            if key != name:
                ends, names = ends[::-1], names[::-1]
            drawn.append((*ends, _features(parsed, f"edges/{key}", piece)))
    source, target = (tf.concat([part[end] for part in drawn], 0) for end in (0, 1))
    keys = target * nodes[names[0]].total + source
    order = tf.argsort(keys, stable=True)
    keys = tf.gather(keys, order)
    is_first = tf.concat([tf.ones_like(keys[:1], tf.bool), keys[1:] != keys[:-1]], 0)
    order = order[is_first]
    components = {
        f"edges.{name}.-size": tf.size(order, tf.int64)[None],
        f"edges.{name}.-source.{names[0]}": tf.gather(source, order),
        f"edges.{name}.-target.{names[1]}": tf.gather(target, order),
    }
    for feature in drawn[0][2]:
        values = tf.concat([part[2][feature] for part in drawn], 0)
        components[f"edges.{name}.{feature}"] = tf.gather(values, order)
    return components


def _ends(parsed: Parsed, edge_set: str, end: str, nodes: _Nodes) -> tf.Tensor:
    """Returns the places in the batch of the sources or the targets of edges."""
    starts = tf.repeat(nodes.starts, _sizes(parsed, f"edges/{edge_set}"))
    number = parsed[f"edges/{edge_set}.#{end}"].flat_values + starts
    return number if nodes.places is None else tf.gather(nodes.places, number)


def _sizes(parsed: Parsed, prefix: str) -> tf.Tensor:
    """Returns the number of nodes or edges of a set in each sample."""
    # Samples have no part of a set that nothing was drawn from.
    return tf.reduce_sum(parsed[f"{prefix}.#size"], axis=1)
