"""Parts of batches: consecutive slices, which together are the batches."""

import numpy as np
import pytest

from tfgraph.data import (
    Graph,
    Links,
    graph_batches,
    link_neighbor_batches,
    neighbor_batches,
    walk_batches,
    whole_graph_batches,
)

# Graph i has i + 1 nodes, all with the feature i.
GRAPHS = [Graph(np.full((i + 1, 1), i), [], y=np.full(i + 1, i)) for i in range(8)]
RING = Graph(np.eye(12), [(i, (i + 1) % 12) for i in range(12)]).symmetrized()


def two_epochs(batches):
    return (element for _ in range(2) for element in batches)


def joined(parts):
    return [row for part in parts for row in part]


def unions(**arguments):
    """The graphs of each batch."""
    batches = two_epochs(graph_batches(GRAPHS, 3, **arguments))
    return [list(dict.fromkeys(y.numpy().tolist())) for _, y in batches]


def labelled(**arguments):
    batches = whole_graph_batches(GRAPHS, np.arange(8), batch_size=3, **arguments)
    return [y.numpy().tolist() for _, y in two_epochs(batches)]


def small_batches(**arguments):
    return labelled(max_nodes=16, **arguments)


def starts(*, shuffle=True, **arguments):
    """The nodes at which the walks of each batch start."""
    batches = walk_batches(
        RING, (None,), 5, walks_per_node=1, walk_length=2, num_negatives=1, **arguments
    )
    found = []
    for (x, _), links in two_epochs(batches):
        # Row i of the result is the node at place i.
        nodes = x.numpy().argmax(axis=1)
        found.append(nodes[links.numpy()[:, 0]].tolist())
    return found


def links(**arguments):
    """The pairs of each batch, of which the last has one."""
    pairs = Links(np.stack([np.arange(9), np.arange(1, 10)], axis=1), np.ones(9))
    batches = link_neighbor_batches(RING, (2,), 4, links=pairs, **arguments)
    found = []
    for (graph, places), _ in two_epochs(batches):
        nodes = graph.node_sets["nodes"]["hidden_state"].numpy().argmax(axis=1)
        found.append(nodes[places.numpy()].tolist())
    return found


def padded(**arguments):
    """The labels of the seeds of each batch, of which the last has two."""
    graph = RING.replace(y=np.arange(12))
    batches = neighbor_batches(graph, (2,), 5, replacement="always", **arguments)
    return [y.numpy().tolist() for _, y in two_epochs(batches)]


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize(
    ("make", "num_parts"),
    [
        *((make, 2) for make in (unions, labelled, small_batches, starts)),
        # More parts than a batch has rows: some parts are empty.
        *((make, 4) for make in (unions, labelled, small_batches, links)),
        *((make, 6) for make in (starts, padded)),
    ],
)
def test_parts_are_slices_of_each_batch(make, num_parts, shuffle):
    arguments = {"shuffle": shuffle, "seed": 3}
    whole = make(**arguments)
    parts = [make(shard=(i, num_parts), **arguments) for i in range(num_parts)]
    assert [joined(batch) for batch in zip(*parts, strict=True)] == whole
    for batch in zip(*parts, strict=True):
        lengths = [len(part) for part in batch]
        assert max(lengths) - min(lengths) <= 1
    assert len({len(batch) for batch in whole}) > 1  # the last one is smaller


def test_padded_walks_have_the_shapes_of_their_part():
    batches = walk_batches(
        RING, (2,), 4, num_negatives=1, replacement="always", seed=0, shard=(1, 2)
    )
    (x, (adjacency,)), links = batches.element_spec
    assert links.shape == (2, 3)
    assert adjacency.shape[0] == 2 * 2 + 1
    (_, (adjacency,)), _ = next(iter(batches))
    assert adjacency.shape[0] == 2 * 2 + 1
    assert x.shape[0] == adjacency.shape[1]


@pytest.mark.parametrize(
    ("make", "arguments", "message"),
    [
        (unions, {"shard": (2, 2)}, r"`shard` to be `\(i, n\)`.*shard=\(2, 2\)"),
        (unions, {"shard": (0, 2), "shuffle": True}, "each graph is in one of them"),
        (labelled, {"shard": (0, 2), "shuffle": True}, "Expected a `seed`"),
        (starts, {"shard": (0, 2)}, "`seed` with `shard`"),
    ],
)
def test_errors(make, arguments, message):
    with pytest.raises(ValueError, match=message):
        make(**arguments)
