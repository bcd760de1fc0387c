"""Makes the tables of docs/cheat_sheet.md, by trying each layer with each input.

    python docs/cheat_sheet.py

prints them. tests/test_cheat_sheet.py compares them with the page. A cell is ✓ if the
layer gives the numbers that it gives for the plain form of the same graph.
"""

import keras
import numpy as np
import tensorflow as tf

import tfgraph
from tfgraph import layers

tfgnn = tfgraph.graph_tensor.load_tfgnn()

N, F, M = 6, 4, 3  # nodes, features, and nodes that receive in a block
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, F)).astype("float32")
A = (RNG.uniform(size=(N, N)) < 0.5).astype("float32")
A[:, 0] = 1  # every node receives something
EDGES = np.argwhere(A)
HALVES = np.repeat([0, 1], N // 2)  # the graph of each node, of two
INSIDE = A * (HALVES[:, None] == HALVES)

# Label, class, arguments, and the arguments without which it takes no pair.
NO_LOOPS = {"add_self_loops": False}
CONVOLUTIONS = [
    ("GCNConv", layers.GCNConv, {"units": 2}, NO_LOOPS),
    ("SAGEConv", layers.SAGEConv, {"units": 2}, {}),
    (
        "SAGEConv, lstm",
        layers.SAGEConv,
        {"units": 2, "aggregator": "lstm"},
        {},
    ),
    ("GATConv", layers.GATConv, {"units": 2}, NO_LOOPS),
    ("GATv2Conv", layers.GATv2Conv, {"units": 2}, NO_LOOPS),
    ("GINEConv", layers.GINEConv, {"units": 2}, {}),
    (
        "Structure2VecConv",
        layers.Structure2VecConv,
        {"units": F, "num_rounds": 2},
        {"num_rounds": 1},
    ),
    ("GAEEncoder", layers.GAEEncoder, {"latent_dim": 2, "hidden_units": 3}, {}),
    ("VGAEEncoder", layers.VGAEEncoder, {"latent_dim": 2, "hidden_units": 3}, {}),
]


def entries(adjacency):
    """The SparseTensor of an array."""
    return tf.sparse.from_dense(tf.constant(adjacency))


def graph_tensor(sizes=(N,), adjacency=A):
    """The graph as a GraphTensor, of one component or of several."""
    edges = np.argwhere(adjacency)
    first = np.cumsum([0, *sizes])
    counts = np.histogram(edges[:, 0], first)[0]
    return tfgnn.GraphTensor.from_pieces(
        node_sets={
            "nodes": tfgnn.NodeSet.from_fields(
                sizes=tf.constant(sizes), features={"hidden_state": tf.constant(X)}
            )
        },
        edge_sets={
            "edges": tfgnn.EdgeSet.from_fields(
                sizes=tf.constant(counts),
                adjacency=tfgnn.Adjacency.from_indices(
                    source=("nodes", edges[:, 1]), target=("nodes", edges[:, 0])
                ),
            )
        },
    )


def stacked(array):
    return tf.constant(np.stack([array, array]))


def same(got, want, tolerance=1e-4):
    """Whether tensors are equal; outputs may be several."""
    pairs = zip(tf.nest.flatten(got), tf.nest.flatten(want), strict=True)
    return all(np.allclose(g, w, atol=tolerance) for g, w in pairs)


def in_half_precision(layer, inputs):
    """The outputs of the same layer, with its weights, under mixed precision."""
    half = type(layer).from_config({**layer.get_config(), "dtype": "mixed_float16"})
    half(inputs)
    half.set_weights(layer.get_weights())
    return [tf.cast(y, tf.float32) for y in tf.nest.flatten(half(inputs))]


def edge_features_count(layer):
    """Whether the outputs are others with other features of the edges."""
    layer = type(layer).from_config(layer.get_config())
    first, second = RNG.normal(size=(2, len(EDGES), 3)).astype("float32")
    a = entries(A)
    y = layer([X, a, first])
    return np.abs(y - layer([X, a, second])).max() > 1e-3


def takes_pair(layer, further):
    """Whether messages go from one node set to another."""
    layer = type(layer).from_config({**layer.get_config(), **further})
    return layer([(X, X[:M]), entries(A[:M])]).shape[0] == M


def convolution_cells(made, arguments, for_pairs):
    """Yields `(column, cell)` of a convolution."""
    layer = made(**arguments)
    x, a = tf.constant(X), entries(A)
    y = layer([x, a])

    def compiled(inputs):
        return tf.function(layer, jit_compile=True)(inputs)

    tries = {
        "SparseTensor": lambda: same(layer([x, a]), y),
        "dense": lambda: same(layer([x, A]), y),
        "GraphTensor": lambda: same(layer(graph_tensor()), y),
        "sparse `x`": lambda: same(layer([entries(X), a]), y),
        "batch": lambda: same(layer([stacked(X), stacked(A)]), stacked(y)),
        "signals": lambda: same(layer([stacked(X), a]), stacked(y)),
        "edge features": lambda: edge_features_count(layer),
        "blocks": lambda: same(layer([x, entries(A[:M])]), y[:M]),
        "XLA": lambda: same(compiled([x, a]), y),
        "half precision": lambda: same(in_half_precision(layer, [x, a]), y, 0.02),
    }
    yield from ((column, cell(attempt)) for column, attempt in tries.items())
    answer = cell(lambda: takes_pair(layer, {}))
    if answer == NO and for_pairs and cell(lambda: takes_pair(layer, for_pairs)) == YES:
        answer = "with " + ", ".join(f"`{k}={v}`" for k, v in for_pairs.items())
    yield "pair", answer


WHOLE_GRAPHS = {
    "DiffPool": lambda: layers.DiffPool(layers.SAGEConv(3), layers.SAGEConv(2)),
    "Readout": lambda: layers.Readout("max"),
    "Set2Set": lambda: layers.Set2Set(2),
}


def whole_graph_cells(make):
    """Yields `(column, cell)` of a layer over two graphs."""
    layer = make()
    pools = isinstance(layer, layers.DiffPool)
    blocks = [INSIDE[: N // 2, : N // 2], INSIDE[N // 2 :, N // 2 :]]

    def inputs(x, adjacency, membership):
        return [x, adjacency, membership] if pools else [x, membership]

    x, a = tf.constant(X), entries(INSIDE)
    union = inputs(x, a, tf.constant(HALVES))
    sparse = inputs(entries(X), a, tf.constant(HALVES))
    # Padding: one node more for each graph.
    padded = inputs(
        tf.pad(tf.reshape(x, [2, N // 2, F]), [[0, 0], [0, 1], [0, 0]]),
        tf.pad(tf.constant(np.stack(blocks)), [[0, 0], [0, 1], [0, 1]]),
        tf.constant([[True] * (N // 2) + [False]] * 2),
    )
    y = layer(union)

    def compiled(inputs):
        return tf.function(layer, jit_compile=True)(inputs)

    graph = graph_tensor((N // 2, N // 2), INSIDE)
    tries = {
        "graph ids": lambda: same(layer(union), y),
        "mask": lambda: same(layer(padded), y),
        "GraphTensor": lambda: same(layer(graph), y),
        "sparse `x`": lambda: same(layer(sparse), y),
        "XLA, graph ids": lambda: same(compiled(union), y),
        "XLA, GraphTensor": lambda: same(compiled(graph), y),
        "XLA, mask": lambda: same(compiled(padded), y),
        "half precision": lambda: same(in_half_precision(layer, union), y, 0.02),
    }
    yield from ((column, cell(attempt)) for column, attempt in tries.items())


YES, NO = "✓", "–"


def cell(attempt):
    """✓ if the attempt is true, – if it raises an error."""
    try:
        works = attempt()
    except Exception:  # of many types, before or after TensorFlow's
        return NO
    assert works, "An input gives other numbers than its plain form"
    return YES


def table(rows):
    """Markdown of a dict of dicts: rows by columns."""
    columns = list(next(iter(rows.values())))
    lines = [["layer", *columns], ["---"] * (len(columns) + 1)]
    lines += [[f"`{name}`", *cells.values()] for name, cells in rows.items()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def tables():
    """Returns the tables of the page."""
    keras.utils.set_random_seed(0)
    convolutions = {
        name: dict(convolution_cells(made, arguments, for_pairs))
        for name, made, arguments, for_pairs in CONVOLUTIONS
    }
    whole_graphs = {
        name: dict(whole_graph_cells(make)) for name, make in WHOLE_GRAPHS.items()
    }
    return table(convolutions), table(whole_graphs)


if __name__ == "__main__":
    print(*tables(), sep="\n\n")
