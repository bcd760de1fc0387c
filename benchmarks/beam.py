"""Sampling by TF-GNN on Apache Beam: is it right, and how fast is it?

    python benchmarks/beam.py pubmed
    python benchmarks/beam.py movielens --options=--direct_num_workers=2 \
        --options=--direct_running_mode=multi_processing

Writes tables, samples around the seeds on Beam's direct runner, and reads the samples:
with all neighbours, which must be what `neighbor_batches` gives, then with fan-outs.
Seconds contain the start of Python and of the pipeline.
"""

import argparse
import json
import pathlib
import resource
import tempfile
import time

import numpy as np

import tfgraph
from tfgraph.graph_tensor import ROW, to_components


def pubmed():
    """Pubmed, with the number of each node as a further feature."""
    graph = tfgraph.data.planetoid("pubmed").row_normalized()
    numbers = np.arange(graph.num_nodes)[:, None]
    graph = graph.replace(x=np.hstack([graph.dense_features(), numbers]))
    return graph, np.flatnonzero(graph.train_mask), [(None, None), (25, 10)], {}


def movielens():
    """Films of MovieLens, labelled by the number of their ratings."""
    graph = tfgraph.data.movielens()
    films = graph.node_sets["films"]
    ratings = np.bincount(graph.edge_sets["rates"].edges[:, 1], minlength=9742)
    graph = graph.replace({"films": films.replace(y=ratings.clip(0, 3))})
    seeds = np.random.default_rng(0).choice(films.num_nodes, 60, replace=False)
    fanouts = [({("rates", "source"): None}, {"rates": None}), (10, 10)]
    return graph, seeds, fanouts, {"node_set_name": "films"}


def numbered(graph, seeded):
    """Returns a sample with the row numbers of its nodes in the place of their order.

    Args:
        graph: The GraphTensor of one seed.
        seeded: Its node set.
    """
    parts = {k: v.numpy() for k, v in to_components(graph).items()}
    numbers = {}
    for name in graph.node_sets:
        features = parts.get(f"nodes.{name}.hidden_state")
        rows = parts.get(f"nodes.{name}.{ROW}")
        numbers[name] = features[:, -1].astype(int) if rows is None else rows
    found = {"seed": numbers[seeded][:1]}
    for name in graph.node_sets:
        order = numbers[name].argsort()
        prefix = f"nodes.{name}."
        found |= ordered(parts, prefix, order)
    for name, edges in graph.edge_sets.items():
        prefix = f"edges.{name}."
        source = numbers[edges.adjacency.source_name][edges.adjacency.source.numpy()]
        target = numbers[edges.adjacency.target_name][edges.adjacency.target.numpy()]
        order = np.lexsort([source, target])
        found |= ordered(parts, prefix, order)
        found[f"{prefix}source"], found[f"{prefix}target"] = (
            source[order],
            target[order],
        )
    return found


def ordered(parts, prefix, order):
    """Returns the size and the features of a set, the latter in an order."""
    features = {
        k: v[order]
        for k, v in parts.items()
        if k.startswith(prefix) and not k.startswith(f"{prefix}-")
    }
    return features | {f"{prefix}-size": parts[f"{prefix}-size"]}


def same_samples(graph, batches, fanouts, name):
    """Returns how many samples of one seed are those of `neighbor_batches`."""
    seeded, same = name or "nodes", 0
    for sample, *labels in batches:
        found = numbered(sample, seeded)
        reference, *expected = tfgraph.data.neighbor_batches(
            graph,
            fanouts,
            1,
            nodes=found["seed"],
            node_set_name=name,
            form="graph_tensor",
            replacement="never",
        ).get_single_element()
        wanted = numbered(reference, seeded)
        same += (
            found.keys() == wanted.keys()
            and all(np.array_equal(found[key], wanted[key]) for key in wanted)
            and np.array_equal(np.sort(labels[0]), np.sort(expected[0]))
            and np.array_equal(labels[1], expected[1])
        )
    return same


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("graph", choices=["pubmed", "movielens"])
    parser.add_argument("--options", action="append", default=[])
    arguments = parser.parse_args()
    graph, seeds, every_fanouts, node_set = globals()[arguments.graph]()
    with tempfile.TemporaryDirectory() as directory:
        folder = pathlib.Path(directory)
        start = time.perf_counter()
        tfgraph.beam.write_tables(graph, folder / "tables", file_format="csv")
        result = {"graph": arguments.graph, "tables_s": time.perf_counter() - start}
        tfgraph.beam.write_seeds(graph, folder / "seeds.csv", seeds, **node_set)
        for number, fanouts in enumerate(every_fanouts):
            spec, samples = folder / f"{number}.pbtxt", folder / f"{number}.tfrecord"
            tfgraph.beam.write_sampling_spec(
                folder / "tables", spec, fanouts, **node_set
            )
            start = time.perf_counter()
            tfgraph.beam.sample(
                folder / "tables",
                folder / "seeds.csv",
                spec,
                samples,
                options=arguments.options,
            )
            seconds = time.perf_counter() - start
            batches = tfgraph.beam.sample_batches(folder / "tables", samples, 1)
            start = time.perf_counter()
            read = sum(1 for _ in batches)
            result |= {
                "fanouts": str(fanouts),
                "sampling_s": seconds,
                "subgraphs_per_s": read / seconds,
                "read_per_s": read / (time.perf_counter() - start),
                "samples_mb": samples.stat().st_size / 1e6,
            }
            if number == 0:
                name = node_set.get("node_set_name")
                same = same_samples(graph, batches, fanouts, name)
                result["same_as_neighbor_batches"] = f"{same} of {len(seeds)}"
            else:
                del result["same_as_neighbor_batches"]
            children = resource.getrusage(resource.RUSAGE_CHILDREN)
            result["peak_gb"] = children.ru_maxrss / 1e6
            print(json.dumps(result))


if __name__ == "__main__":
    main()
