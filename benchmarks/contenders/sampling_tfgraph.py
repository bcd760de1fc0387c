"""The time to draw an edge, from a `Graph` and from `HeteroGraph`s, in one process.

Prints a JSON line of `{name: figures}` for each run.
"""

import json
import statistics
import sys
import time

import cases
import numpy as np
from hetero_tfgraph import graph_of

import tfgraph
from tfgraph.data import EdgeSet, Graph, HeteroGraph, NodeSet

_, _, BATCH_SIZE, FANOUTS, WARM_UP, BATCHES = cases.HETERO_SAMPLED["hetero-sampled"]


def as_one_set(arrays):
    """Returns features and edges, in both directions, of all nodes as one set."""
    sizes = [len(x) for x in arrays["x"].values()]
    first = dict(zip(arrays["x"], np.cumsum([0, *sizes[:-1]]), strict=True))
    edges = [
        pairs + np.array([first[source], first[target]])
        for (source, _, target), pairs in arrays["edges"].items()
    ]
    edges = np.concatenate([*edges, *(pairs[:, ::-1] for pairs in edges)])
    papers = first["papers"] + np.flatnonzero(arrays["train_mask"])
    return np.concatenate(list(arrays["x"].values())), edges, papers


def datasets(arrays):
    """Returns the batches to time, by name; the seeds are the same papers."""
    x, edges, papers = as_one_set(arrays)
    one_set = HeteroGraph(
        {"nodes": NodeSet(x)}, {"edges": EdgeSet("nodes", "nodes", edges)}
    )
    several, _ = graph_of(arrays)
    along = [{"edges": fanout} for fanout in FANOUTS]
    common = {
        "batch_size": BATCH_SIZE,
        "replacement": "never",
        "shuffle": True,
        "seed": 0,
        "labels": False,
    }
    batches = tfgraph.data.neighbor_batches
    graph = Graph(x, edges)
    return {
        "Graph, blocks": batches(graph, FANOUTS, nodes=papers, **common),
        "Graph, graph_tensor": batches(
            graph, FANOUTS, nodes=papers, form="graph_tensor", **common
        ),
        "HeteroGraph, one edge set": batches(one_set, along, nodes=papers, **common),
        "HeteroGraph, three edge sets": batches(
            several, FANOUTS, node_set_name="papers", nodes="train", **common
        ),
    }


def num_edges(inputs):
    """Returns the number of edges in a batch."""
    if isinstance(inputs, tuple):
        _, adjacencies = inputs
        return sum(len(adjacency.values) for adjacency in adjacencies)
    return sum(int(edges.total_size) for edges in inputs.edge_sets.values())


def timed(dataset):
    batches = iter(dataset)
    for _ in range(WARM_UP):
        next(batches)
    seconds, edges = [], []
    for _ in range(BATCHES):
        start = time.perf_counter()
        (inputs,) = next(batches)
        seconds.append(time.perf_counter() - start)
        edges.append(num_edges(inputs))
    return {
        "ms_per_batch": 1e3 * statistics.mean(seconds),
        "edges_per_batch": statistics.mean(edges),
        "ns_per_edge": 1e9 * sum(seconds) / sum(edges),
    }


if __name__ == "__main__":
    runs = int(sys.argv[1])
    named = datasets(cases.papers())
    for _ in range(runs):
        figures = {name: timed(dataset) for name, dataset in named.items()}
        print(json.dumps(figures), flush=True)
