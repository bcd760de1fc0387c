"""`tf.data` pipelines that feed graphs to `Model.fit`, `evaluate` and `predict`."""

import numpy as np
import tensorflow as tf

from tfgraph.data.graph import Graph

_FORMS = ("sparse", "graph_tensor", "dense")
_SPLITS = ("train", "val", "test")


def full_batch(
    graph: Graph,
    split: str | None = None,
    form: str = "sparse",
    sparse_features: bool = False,
) -> tf.data.Dataset:
    """Returns a dataset of one element, the whole graph, for full-batch training.

    With a split, the element is `(inputs, y, sample_weight)`. Every node is in it,
    since labelled nodes learn from all their neighbours; nodes outside the split have
    weight 0 and those in it weight N / (nodes in the split). So Keras' default loss
    reduction, a sum over all N nodes divided by N, is the mean over the split's nodes,
    and so is `reduction="mean_with_sample_weight"`. Metrics count only the split's
    nodes if they are passed as `weighted_metrics`, not as `metrics`:

    ```python
    model.compile("adam", "sparse_categorical_crossentropy", weighted_metrics=["acc"])
    model.fit(
        full_batch(graph, "train"),
        validation_data=full_batch(graph, "val"),
        epochs=200,
    )
    predictions = model.predict(full_batch(graph))
    ```

    The tensors are made once and are the same ones in every epoch.

    Args:
        graph: A `Graph` with features; for a split also with `y` and the split's mask.
        split: "train", "val" or "test"; or None for an element `(inputs,)` without
            labels, as `Model.predict` takes it.
        form: What `inputs` is: "sparse" for `(x, adjacency)` with a SparseTensor
            `[N, N]`, "dense" for the same with a dense adjacency, in which repeated
            edges are added up, or "graph_tensor" for a TF-GNN `GraphTensor`.
        sparse_features: Whether `x [N, F]` is a SparseTensor too.

    Returns:
        A `tf.data.Dataset`. `y` is `[N]` or `[N, C]` as in the graph, with -1 (no
        label, always of weight 0) replaced by 0, as a loss of label -1 may be NaN;
        `sample_weight` is float32 `[N]`.

    Raises:
        ValueError: If `form` or `split` is unknown, or the graph has no features, no
            labels, or no node in the split.
    """
    inputs = _inputs(graph, form, sparse_features)
    if split is None:
        # A tuple of one: Keras would take a bare (x, adjacency) for (inputs, y).
        return tf.data.Dataset.from_tensors((inputs,))
    return tf.data.Dataset.from_tensors((inputs, *_targets(graph, split)))


def _inputs(graph: Graph, form: str, sparse_features: bool):
    if form not in _FORMS:
        raise ValueError(
            f"Expected `form` to be one of {_FORMS}. Received: form={form!r}"
        )
    if form == "graph_tensor":
        if sparse_features:
            raise ValueError(
                "Expected `sparse_features` to be False for a GraphTensor, whose "
                "features are dense. Received: sparse_features=True"
            )
        graph.dense_features()  # raises if there are none
        return graph.to_graph_tensor()
    x = graph.sparse_features() if sparse_features else graph.dense_features()
    adjacency = graph.to_sparse_tensor()
    if form == "dense":
        # Not tf.sparse.to_dense, which refuses repeated entries.
        adjacency = tf.scatter_nd(
            adjacency.indices, adjacency.values, adjacency.dense_shape
        )
    return x, adjacency


def _targets(graph: Graph, split: str):
    if split not in _SPLITS:
        raise ValueError(
            f"Expected `split` to be None or one of {_SPLITS}. "
            f"Received: split={split!r}"
        )
    mask = getattr(graph, f"{split}_mask")
    if graph.y is None or mask is None or not mask.any():
        raise ValueError(
            f"Expected `graph` to have `y` and a `{split}_mask` that selects at least "
            f"one node. Received: graph={graph}"
        )
    y = graph.y
    if y.ndim == 1 and y.dtype == np.int64:
        y = np.maximum(y, 0)
    sample_weight = mask * (len(mask) / mask.sum())
    return y, sample_weight.astype(np.float32)
