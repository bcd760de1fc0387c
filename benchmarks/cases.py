"""Synthetic graphs for the speed cases, the same for every contender. Needs NumPy only.

Edges are drawn once in each direction, without self-loops, sorted by receiver.
"""

import contextlib
import itertools
import os
import tempfile

import numpy as np


def cora_like():
    """2708 nodes, 10556 directed edges, 1433 features of which 1% set, 7 classes."""
    return _graph(2708, 5278, 1433, 7, num_train=140, density=0.01)


def pubmed_like():
    """19717 nodes, 88648 directed edges, 500 features of which 10% set, 3 classes."""
    return _graph(19717, 44324, 500, 3, num_train=60, density=0.1)


def large():
    """170k nodes, 2.32M directed edges with a power law, 128 features, 40 classes."""
    return _graph(170_000, 1_160_000, 128, 40, num_train=90_000, exponent=0.6)


def medium():
    """50k nodes, 1M directed edges with a power law, 64 features, 16 classes."""
    return _graph(50_000, 500_000, 64, 16, num_train=25_000, exponent=0.5)


def signals():
    """64 signals of 32 features on 2,000 nodes with 20,000 directed edges."""
    graph = _graph(2000, 10_000, 1, 1, num_train=0)
    rng = np.random.default_rng(0)
    graph["x"] = rng.standard_normal([64, 2000, 32], dtype="float32")
    return graph


def enzymes_like():
    """20 graphs of 10 to 126 nodes, 4 neighbours a node, 18 features, 6 classes."""
    sizes = np.random.default_rng(0).integers(10, 127, 20)
    sizes[0] = 126
    return _graphs(sizes, 2, 18, 6)


def dd_like():
    """20 graphs of 30 to 5748 nodes, 5 neighbours a node, 82 features, 2 classes."""
    sizes = np.random.default_rng(0).lognormal(5.5, 0.6, 20).astype(int).clip(30)
    sizes[0] = 5748
    return _graphs(sizes, 2.5, 82, 2)


def _graphs(sizes, pairs_per_node, num_features, num_classes):
    """Several graphs as one; `sizes` are the nodes of each, `y` has one number each."""
    graphs = [
        _graph(size, int(pairs_per_node * size), num_features, num_classes, 0, seed=i)
        for i, size in enumerate(sizes)
    ]
    first = np.cumsum(sizes) - sizes
    return {
        "x": np.concatenate([graph["x"] for graph in graphs]),
        "edges": np.concatenate(
            [graph["edges"] + start for graph, start in zip(graphs, first, strict=True)]
        ),
        "sizes": sizes,
        "y": np.random.default_rng(0).integers(0, num_classes, len(sizes)),
        "num_classes": num_classes,
    }


def padded(graphs):
    """Features `[B, n, F]`, adjacency `[B, n, n]` and mask `[B, n]` of `_graphs`."""
    sizes, n = graphs["sizes"], graphs["sizes"].max()
    graph = np.repeat(np.arange(len(sizes)), sizes)
    node = np.arange(len(graph)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    mask = np.zeros([len(sizes), n], bool)
    mask[graph, node] = True
    x = np.zeros([*mask.shape, graphs["x"].shape[1]], "float32")
    x[graph, node] = graphs["x"]
    adjacency = np.zeros([*mask.shape, n], "float32")
    source, target = graphs["edges"].T
    adjacency[graph[target], node[target], node[source]] = 1
    return x, adjacency, mask


def huge():
    """1M nodes, 10M directed edges, 100 features, 40 classes; in little memory."""
    rng = np.random.default_rng(0)
    return {
        "x": rng.standard_normal([1_000_000, 100], dtype="float32"),
        "edges": rng.integers(0, 1_000_000, [10_000_000, 2]),
        "y": rng.integers(0, 40, 1_000_000),
        "train_mask": np.ones(1_000_000, bool),
        "num_classes": 40,
    }


def papers(num_authors=500_000, num_papers=490_000, num_venues=10_000):
    """Authors, papers and venues: 1M nodes, 10M edges of three sets, 40 classes.

    A paper has 3M / 490k authors on average, 6.51M / 490k references and one venue.
    Sources and targets have a power law each, and pairs may repeat. With fewer nodes
    there are fewer edges in proportion.

    Returns:
        `x` and `edges`, dicts by node set and by `(source set,
        edge set, target set)`, and what belongs to the papers: `y`, `train_mask`.
    """
    rng = np.random.default_rng(0)
    num_nodes = {"authors": num_authors, "papers": num_papers, "venues": num_venues}

    def drawn(name, count, exponent=0.4):
        popularity = np.cumsum((np.arange(num_nodes[name]) + 20.0) ** -exponent)
        ends = np.searchsorted(popularity, rng.random(count) * popularity[-1])
        return rng.permutation(num_nodes[name])[ends]

    num_writes = num_papers * 300 // 49
    num_cites = num_papers * 651 // 49
    edges = {
        ("authors", "writes", "papers"): (
            drawn("authors", num_writes),
            drawn("papers", num_writes),
        ),
        ("papers", "cites", "papers"): (
            drawn("papers", num_cites),
            drawn("papers", num_cites),
        ),
        ("papers", "published_in", "venues"): (
            np.arange(num_papers),
            drawn("venues", num_papers),
        ),
    }
    return {
        "x": {
            name: rng.standard_normal([count, 64], dtype="float32")
            for name, count in num_nodes.items()
        },
        "edges": {key: _by_target(*ends) for key, ends in edges.items()},
        "y": rng.integers(0, 40, num_papers),
        "train_mask": rng.random(num_papers) < 0.5,
        "num_classes": 40,
    }


@contextlib.contextmanager
def on_disk(num_nodes, num_edges, num_features, fortran_order=False):
    """Gives features and edges in no order as memory maps of temporary files.

    Args:
        num_nodes: N.
        num_edges: E, each between any two nodes, perhaps repeated.
        num_features: F, or 0 for features of zeros, one for each node.
        fortran_order: Whether the file has all sources, then all targets.

    Returns:
        Features float32 `[N, F]` and edges int64 `[E, 2]`.
    """
    rng, step = np.random.default_rng(0), 1_000_000
    with tempfile.TemporaryDirectory() as folder:

        def new(name, dtype, shape, fortran_order=False):
            file, make = os.path.join(folder, name), np.lib.format.open_memmap
            return make(file, "w+", dtype, shape, fortran_order)

        x = new("x.npy", np.float32, (num_nodes, max(1, num_features)))
        for start in range(0, num_nodes if num_features else 0, step):
            rows = x[start : start + step]
            rows[:] = rng.standard_normal(rows.shape, dtype=np.float32)
        edges = new("edges.npy", np.int64, (num_edges, 2), fortran_order)
        for start in range(0, num_edges, step):
            rows = edges[start : start + step]
            rows[:] = rng.integers(num_nodes, size=rows.shape)
        yield x, edges


def sage_weights(*widths):
    """Returns kernel, kernel of the neighbours and bias of layers between widths."""
    rng = np.random.default_rng(0)
    return [
        [
            rng.standard_normal(shape, dtype=np.float32) / np.sqrt(rows)
            for shape in ((rows, columns), (rows, columns), (columns,))
        ]
        for rows, columns in itertools.pairwise(widths)
    ]


def both_directions(edges):
    """Returns edges by `(source set, edge set, target set)`, with their reverse."""
    both = {}
    for (source, name, target), pairs in edges.items():
        both[source, name, target] = pairs
        both[target, f"reversed_{name}", source] = _by_target(pairs[:, 1], pairs[:, 0])
    return both


def _by_target(source, target):
    """Returns edges `[E, 2]` sorted by target, then source."""
    order = np.lexsort((source, target))
    return np.stack([source[order], target[order]], axis=1)


def _graph(
    num_nodes,
    num_pairs,
    num_features,
    num_classes,
    num_train,
    density=1,
    exponent=0,
    seed=0,
):
    rng = np.random.default_rng(seed)
    popularity = np.cumsum((np.arange(num_nodes) + 20.0) ** -exponent)
    popularity /= popularity[-1]
    names = rng.permutation(num_nodes)
    pairs = np.empty([0], np.int64)
    while len(pairs) < num_pairs:
        ends = rng.random([2, num_pairs - len(pairs) + 100])
        ends = names[np.searchsorted(popularity, ends)]
        low, high = ends.min(0), ends.max(0)
        drawn = (low * num_nodes + high)[low != high]
        pairs = np.unique(np.concatenate([pairs, drawn]))
    pairs = rng.permutation(pairs)[:num_pairs]
    low, high = pairs // num_nodes, pairs % num_nodes
    edges = np.stack([np.append(low, high), np.append(high, low)], axis=1)
    edges = edges[np.lexsort((edges[:, 0], edges[:, 1]))]
    if density < 1:
        x = (rng.random([num_nodes, num_features]) < density).astype("float32")
        x /= np.maximum(x.sum(1, keepdims=True), 1)
    else:
        x = rng.standard_normal([num_nodes, num_features], dtype="float32")
    mask = np.zeros(num_nodes, bool)
    mask[rng.permutation(num_nodes)[:num_train]] = True
    return {
        "x": x,
        "edges": edges,
        "y": rng.integers(0, num_classes, num_nodes),
        "train_mask": mask,
        "num_classes": num_classes,
    }


def with_normalized_loops(graph):
    """Edges with a loop for each node, and the weights of GCN's Â, sorted."""
    num_nodes = len(graph["x"])
    loops = np.repeat(np.arange(num_nodes)[:, None], 2, axis=1)
    edges = np.concatenate([graph["edges"], loops])
    edges = edges[np.lexsort((edges[:, 0], edges[:, 1]))]
    root = np.bincount(edges[:, 1], minlength=num_nodes) ** -0.5
    return edges, (root[edges[:, 0]] * root[edges[:, 1]]).astype("float32")


def link_targets(graph):
    """A + I, and pos_weight and norm of VGAE's loss over all entries of it."""
    num_nodes = len(graph["x"])
    targets = np.eye(num_nodes, dtype="float32")
    targets[tuple(graph["edges"].T)] = 1
    num_edges, num_pairs = len(graph["edges"]), num_nodes**2
    norm = num_pairs / (2 * (num_pairs - num_edges))
    return targets, (num_pairs - num_edges) / num_edges, norm


# case -> (graph, hidden units, dropout of the input, dropout of the hidden layer,
#          warm-up runs, timed runs)
GCN = {
    "gcn-cora": (cora_like, 16, 0.5, 0.5, 10, 100),
    "gcn-large": (large, 128, 0.0, 0.5, 2, 7),
    "infer-gcn-large": (large, 128, 0.0, 0.5, 2, 15),
}

# case -> (signals on a graph, units, warm-up runs, timed runs)
SIGNALS = {"signals": (signals, 32, 5, 30)}

# case -> (graph, heads, units of each, dropout of inputs and attention, warm-up runs,
#          timed runs); the second layer has one head, as wide as there are classes
GAT = {
    "gat-cora": (cora_like, 8, 8, 0.6, 10, 100),
    "gat-large": (medium, 4, 16, 0.0, 2, 7),
}

# case -> (graph, hidden units, latent dimensions, warm-up runs, timed runs)
VGAE = {
    "vgae-cora": (cora_like, 32, 16, 10, 50),
    "vgae-pubmed": (pubmed_like, 32, 16, 1, 5),
}

# case -> (graphs, units, clusters, warm-up runs, timed runs)
DIFFPOOL = {
    "diffpool": (enzymes_like, 64, 12, 20, 200),
    "diffpool-large": (dd_like, 64, 575, 1, 5),
}

# case -> (graph, hidden units, batch size, neighbours drawn for a node in the layers
#          from the first on, warm-up batches, timed batches)
SAGE = {
    "sage-sampled": (large, 128, 1024, (10, 25), 5, 25),
    "sage-memory": (huge, 128, 1024, (10, 25), 2, 10),
}

# case -> arguments of `on_disk`
GRAPH = {"graph-build": (2_000_000, 20_000_000, 0)}
PREDICT = {"predict-large": (500_000, 5_000_000, 64)}
PREDICT_WIDTHS = (64, 40)  # of the two layers, the first with ReLU
PREDICT_BATCH_SIZE = 4096

# case -> (graph, hidden units, warm-up runs, timed runs)
HETERO = {"hetero-full": (papers, 64, 1, 5)}

# As SAGE; neighbours are drawn for each edge set and direction.
HETERO_SAMPLED = {"hetero-sampled": (papers, 64, 1024, (5, 10), 3, 15)}
