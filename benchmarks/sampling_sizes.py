"""Does a larger graph slow the sampler down? `python benchmarks/sampling_sizes.py`

Draws batches of the same work from a graph of 2.3M edges and one of 50M, in turns in
one process: as many neighbours of a node, seeds, fan-outs and features. Prints a JSON
line: `{"edges": {number of edges: {figure: number}}, "ratio"}`, where the ratio is the
batches/s of the large graph divided by those of the small one, the median of the
rounds. `nodes_per_batch` and `edges_per_batch` show how equal the work is. Nothing else
should run on the machine meanwhile.
"""

import argparse
import contextlib
import json
import statistics
import time

import cases
import numpy as np

import tfgraph

NEIGHBORS, FEATURES = 10, 64
BATCH_SIZE, FANOUTS, BATCHES = 256, (5, 5), 100


def batches_of(x, edges):
    """Returns the dataset of a graph's batches."""
    graph = tfgraph.data.Graph(x, edges)
    # As many seeds of either graph.
    seeds = np.random.default_rng(0).choice(len(x), (BATCHES + 1) * BATCH_SIZE)
    return tfgraph.data.neighbor_batches(
        graph,
        FANOUTS,
        BATCH_SIZE,
        nodes=np.unique(seeds),
        shuffle=True,
        seed=0,
        labels=False,
        form="blocks",
    ).repeat()


def timed(batches):
    """Returns batches/s, and the mean number of nodes and edges in a batch."""
    batches = iter(batches)
    next(batches)
    start, nodes, edges = time.perf_counter(), 0, 0
    for _ in range(BATCHES):
        ((x, blocks),) = next(batches)
        nodes += len(x)
        edges += sum(len(block.values) for block in blocks)
    seconds = time.perf_counter() - start
    return {
        "batches_per_s": BATCHES / seconds,
        "nodes_per_batch": nodes / BATCHES,
        "edges_per_batch": edges / BATCHES,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", type=int, default=2_300_000, help="edges")
    parser.add_argument("--large", type=int, default=50_000_000, help="edges")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    sizes = args.small, args.large
    with contextlib.ExitStack() as files:
        datasets = [
            batches_of(
                *files.enter_context(cases.on_disk(size // NEIGHBORS, size, FEATURES))
            )
            for size in sizes
        ]
        rounds = [[timed(dataset) for dataset in datasets] for _ in range(args.rounds)]
    figures = {
        str(size): {
            name: statistics.median(of_round[number][name] for of_round in rounds)
            for name in rounds[0][number]
        }
        for number, size in enumerate(sizes)
    }
    ratio = statistics.median(
        large["batches_per_s"] / small["batches_per_s"] for small, large in rounds
    )
    print(json.dumps({"edges": figures, "ratio": ratio}))


if __name__ == "__main__":
    main()
